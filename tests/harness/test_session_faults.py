"""Sessions whose engine misbehaves: each ends in time, in one clear line, with what it left kept and nothing behind."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlperf_loadgen")

from echo_sessions import USER_CONF, Watched

from submitter.errors import RunError
from submitter.harness import leftovers
from submitter.harness.supervisor import Limits
from submitter.model import Mode, Scenario

RunEcho = Callable[..., Watched]
REPOSITORY = Path(__file__).resolve().parents[2]
HELPER = REPOSITORY / "tests/helpers/faulty_engine"
SHORT = Limits(12, 2)
STALL = "timed out waiting for the next finished sample (limit 2 s)"
slow = pytest.mark.slow


@pytest.fixture
def run_faulty(run_echo: RunEcho, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunEcho]:
    """As `run_echo`, with a fault; afterwards nothing of the sessions may be left."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    # Short, because leftovers.py would otherwise go to /tmp.
    short = Path(f"/tmp/faults-{os.getpid()}-{time.monotonic_ns() % 10**6}")
    short.symlink_to(scratch)
    monkeypatch.setattr("tempfile.tempdir", str(short))

    def run(
        fault: str, scenario: Scenario = Scenario.OFFLINE, mode: Mode = Mode.PERFORMANCE, **options: Any
    ) -> Watched:
        path = os.pathsep.join([str(HELPER), str(REPOSITORY)])
        env = {"SUBMITTER_TEST_FAULT": fault, "PYTHONPATH": path}
        return run_echo([(scenario, mode)], engine={"env": env}, **{"limits": SHORT, **options})

    try:
        yield run
        assert list(scratch.iterdir()) == []
        assert marked_processes(short) == []
    finally:
        short.unlink()


def marked_processes(base: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if f"{leftovers.MARK}={base}".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue
    return found


@pytest.mark.parametrize(
    ("fault", "message", "limit_s"),
    [
        ("closes the events", "the engine's process closed its connection to submitter in the run Offline perf", 12),
        pytest.param("load hangs", "timed out waiting for the engine to load (limit 12 s)", 20, marks=slow),
        pytest.param("load blocks", "timed out waiting for the engine to load (limit 12 s)", 20, marks=slow),
        pytest.param("load holds the interpreter", "timed out waiting for the engine to load (limit", 20, marks=slow),
        pytest.param("load exits", "the engine failed: SystemExit 3", 10, marks=slow),
        pytest.param("blocks", STALL, 12, marks=slow),
        pytest.param("crashes", "the engine's process ended by SIGSEGV in the run Offline performance", 10, marks=slow),
        pytest.param("exits", "the engine's process ended with status 7 in the run", 10, marks=slow),
        pytest.param("leaves the pipe open", "the engine's process ended with status 7 in the run", 10, marks=slow),
        pytest.param("writes to the events", "the engine wrote to submitter's own descriptor", 10, marks=slow),
        pytest.param("GeneratorExit", "the engine failed: GeneratorExit", 10, marks=slow),
        pytest.param("CancelledError", "the engine failed: CancelledError", 10, marks=slow),
        pytest.param("SystemExit", "the engine failed: SystemExit", 10, marks=slow),
        pytest.param("KeyboardInterrupt", "the engine failed: KeyboardInterrupt", 10, marks=slow),
        pytest.param("twice", "the engine continued after the EOS token", 10, marks=slow),
        pytest.param("never ends", "tokens, the limit is 64", 10, marks=slow),
    ],
)
def test_a_fault_ends_the_session_in_time(
    run_faulty: RunEcho, tmp_path: Path, fault: str, message: str, limit_s: float
) -> None:
    began_s = time.monotonic()
    with pytest.raises(RunError) as caught:
        run_faulty(fault, failed_folder=tmp_path / "failed")
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert time.monotonic() - began_s < limit_s + 10  # a busy machine starts the engine's process in some seconds
    (kept,) = (tmp_path / "failed").iterdir()
    assert str(kept) in caught.value.hint
    assert (kept / "engine.log").is_file()
    assert json.loads((kept / "failure.json").read_text())["why"] == caught.value.message
    assert list((tmp_path / "runs/Offline").iterdir()) == []


@pytest.mark.parametrize(
    ("scenario", "mode"),
    [
        (Scenario.SERVER, Mode.PERFORMANCE),
        pytest.param(Scenario.OFFLINE, Mode.PERFORMANCE, marks=slow),
        pytest.param(Scenario.OFFLINE, Mode.ACCURACY, marks=slow),
        pytest.param(Scenario.INTERACTIVE, Mode.PERFORMANCE, marks=slow),
    ],
)
def test_one_answer_that_never_comes_ends_the_run(run_faulty: RunEcho, scenario: Scenario, mode: Mode) -> None:
    began_s = time.monotonic()
    conf = USER_CONF + USER_CONF.replace("Server", "Interactive")
    with pytest.raises(RunError) as caught:
        run_faulty("one never", scenario, mode, user_conf=conf)
    assert caught.value.message == STALL
    assert time.monotonic() - began_s < 20


def test_an_engine_that_does_not_stop_is_ended_and_its_runs_count(run_faulty: RunEcho) -> None:
    noted: list[tuple[str, dict[str, Any]]] = []
    watched = run_faulty("stop hangs", journal=lambda event, /, **facts: noted.append((event, facts)))
    assert [done.run.label for done in watched.finished] == ["Offline performance"]
    assert noted == [("engine_killed", {"why": "it did not end in 2 s after its last run"})]


def test_what_an_engine_leaves_is_removed(run_faulty: RunEcho, tmp_path: Path) -> None:
    """A process in a session of its own, shared memory and temporary files; another's shared memory stays."""
    from multiprocessing.shared_memory import SharedMemory

    ours = SharedMemory(create=True, size=4096)
    try:
        run_faulty("leaves things")
        word, name, file = (tmp_path / "work/engine.log").read_text().split()[:3]
        assert word == "left"
        assert not Path("/dev/shm", name).exists()
        assert not Path(file).exists()
        assert Path("/dev/shm", ours.name).exists()
    finally:
        ours.close()
        ours.unlink()
