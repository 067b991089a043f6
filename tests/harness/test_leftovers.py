"""Whatever is killed: no process, no scratch folder and no partial run stays once the campaign goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from submitter.campaign.journal import read_journal
from submitter.harness import leftovers

CHILD, GUARD = b"submitter.harness.child", leftovers.__file__.encode()
LIMIT_S = 40.0


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A temporary directory of the test's own, with a short path."""
    folder = Path(tempfile.mkdtemp(prefix="left-", dir="/tmp"))
    yield folder
    for pid in processes(folder):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder)


def processes(scratch: Path, word: bytes = b"") -> list[int]:
    """The living processes of sessions below `scratch`, and their guards."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes()
            is_marked = f"{leftovers.MARK}={scratch}".encode() in (entry / "environ").read_bytes()
            is_guard = GUARD in command and str(scratch).encode() in command
            is_alive = (entry / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except (OSError, ValueError):
            continue
        if is_alive and (is_marked or is_guard) and word in command:
            found.append(int(entry.name))
    return found


def wait_for(condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def in_a_run(campaign: Any, scratch: Path) -> subprocess.Popen[bytes]:
    """`submitter run-all` in the middle of a run that would not end."""
    for scenario in ("Offline", "Server"):
        campaign.edit(campaign.measurement(scenario, "engine.toml"), "first_token_ms = 20", "first_token_ms = 60000")
        toml = campaign.measurement(scenario, "engine.toml")
        toml.write_text(toml.read_text().replace("in_flight", "warm_up_prompts = 0\nin_flight"))
    process = subprocess.Popen(
        [sys.executable, "-m", "submitter.cli", "run-all", str(campaign.file)],
        env={**os.environ, "TMPDIR": str(scratch)},
        stderr=subprocess.PIPE,
    )
    wait_for(lambda: list(campaign.output.glob("runs/**/*.partial/mlperf_log_detail.txt")))
    return process


def goes_on(campaign: Any, scratch: Path) -> None:
    for scenario in ("Offline", "Server"):
        campaign.edit(campaign.measurement(scenario, "engine.toml"), "first_token_ms = 60000", "first_token_ms = 1")
    chosen = ("--scenario", "Offline", "--mode", "accuracy")
    done = campaign.submitter("run", str(campaign.file), *chosen, env={**os.environ, "TMPDIR": str(scratch)})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("stopped", [False, True])
def test_the_guard_removes_what_a_killed_parent_leaves(campaign: Any, scratch: Path, stopped: bool) -> None:
    process = in_a_run(campaign, scratch)
    (child,) = processes(scratch, CHILD)
    if stopped:
        os.kill(child, signal.SIGSTOP)
    process.kill()
    process.communicate()
    wait_for(lambda: not processes(scratch) and not list(scratch.iterdir()), limit_s=10)


@pytest.mark.parametrize("stopped", [False, True])
def test_the_next_session_removes_what_is_left_if_the_guard_was_killed_too(
    campaign: Any, scratch: Path, stopped: bool
) -> None:
    process = in_a_run(campaign, scratch)
    (child,) = processes(scratch, CHILD)
    (guard,) = processes(scratch, GUARD)
    os.kill(guard, signal.SIGKILL)
    os.kill(child, signal.SIGSTOP if stopped else signal.SIGKILL)
    process.kill()
    process.communicate()
    assert list(scratch.iterdir())
    others = scratch / "submitter-0badcafe"  # of another campaign
    others.mkdir()
    goes_on(campaign, scratch)
    wait_for(lambda: not processes(scratch), limit_s=5)
    assert list(scratch.iterdir()) == [others]
    assert not list(campaign.output.rglob("*.partial"))
    (entry,) = (event for event in read_journal(campaign.output) if event["event"] == "failed")
    assert entry["why"] == "the process of submitter was killed"
    kept = Path(entry["folder"])
    assert {"engine.log", "failure.json", "user.conf", "mlperf_log_detail.txt"} <= set(os.listdir(kept))


def test_a_scratch_folder_that_does_not_name_its_owner_is_left_alone(tmp_path: Path) -> None:
    owner, other = tmp_path / "engine.session", tmp_path / "submitter-00000000"
    other.mkdir()
    owner.write_text(json.dumps({"scratch": str(other)}))
    assert leftovers.owned_scratch(owner) == other  # its session was killed before it wrote anything
    (other / leftovers.SESSION).write_text(json.dumps({"owner": "/elsewhere/engine.session"}))
    assert leftovers.owned_scratch(owner) is None
    (other / leftovers.SESSION).write_text(json.dumps({"owner": str(owner)}))
    assert leftovers.owned_scratch(owner) == other
    for wrong in (tmp_path, tmp_path / "submitter-missing"):
        owner.write_text(json.dumps({"scratch": str(wrong)}))
        assert leftovers.owned_scratch(owner) is None


def test_a_group_is_known_by_more_than_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has the number of a session's group, but not its start time, belongs to somebody else."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(leftovers, "_MAX_TMPDIR", 500)
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        scratch = leftovers.create_scratch(tmp_path / "engine.session", {})
        leftovers.note_group(scratch, stranger.pid)
        facts = json.loads((scratch / leftovers.SESSION).read_text())
        (scratch / leftovers.SESSION).write_text(json.dumps({**facts, "started": facts["started"] - 1}))
        assert leftovers.end_session(scratch) == []
        assert stranger.poll() is None
        assert not scratch.exists()

        scratch = leftovers.create_scratch(tmp_path / "engine.session", {})
        leftovers.note_group(scratch, stranger.pid)
        assert leftovers.end_session(scratch) == []
        assert stranger.wait(5) == -signal.SIGKILL
    finally:
        stranger.kill()
        stranger.wait()


def test_a_session_whose_temporary_directory_has_a_long_path_uses_tmp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """UNIX sockets, which engines make in TMPDIR, have a limit of 107 characters."""
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    scratch = leftovers.create_scratch(tmp_path / "engine.session", {})
    try:
        assert scratch.parent == Path("/tmp")
    finally:
        shutil.rmtree(scratch)


SEMAPHORE = """
import multiprocessing, sys
lock = multiprocessing.get_context("spawn").Lock()
print(lock._semlock.name, flush=True)
sys.stdin.read()
"""


def test_a_semaphore_goes_with_the_process_that_made_it(scratch: Path) -> None:
    """Its tracker, a process of Python's, is killed with it. Its mapping has another name than its file."""
    owner = scratch / "owner.json"
    session = leftovers.create_scratch(owner, {})
    environment = {**os.environ, leftovers.MARK: str(session)}
    with subprocess.Popen(
        [sys.executable, "-c", SEMAPHORE], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        semaphore = Path(f"/dev/shm/sem.{process.stdout.readline().strip().lstrip('/')}")
        assert semaphore.exists()
        assert leftovers.end_session(session) == []
    assert not semaphore.exists()
