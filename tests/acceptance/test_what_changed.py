"""What a campaign that goes on says beforehand, and that no finished run is lost on the way: the command line."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RUNS = "out/runs/echo-system/echo-model"


def copied(finished: Any, target: Path) -> Any:
    shutil.copytree(finished[0].folder, target, dirs_exist_ok=True)
    return type(finished[0])(target)


def state(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """Each path with what a change to it changes."""
    return {
        path: (stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)
        for path in sorted(folder.rglob("*"))
        for stat in [path.stat()]
    }


def test_a_dry_run_shows_what_stays_and_why_not_and_changes_nothing(finished: Any, tmp_path: Path) -> None:
    campaign = copied(finished, tmp_path)
    conf = campaign.measurement("Offline", "user.conf")
    campaign.edit(conf, "target_qps = 3000", "target_qps = 3100")
    (tmp_path / RUNS / "Server/accuracy/record.json").write_text("{")
    performance = tmp_path / RUNS / "Server/performance"
    performance.rename(performance.with_name("performance.partial"))  # as after a kill
    (campaign.output / ".lock").unlink()
    before = state(tmp_path)
    done = campaign.submitter("run-all", str(campaign.file), "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    stays, again, damaged = done.stdout.splitlines()
    assert stays == "stays       2 runs: Server performance, Server TEST06"
    assert again == (
        "made again  Offline performance, Offline accuracy, Offline TEST06: "
        "user.conf: *.Offline.target_qps 3000 -> 3100"
    )
    assert damaged.startswith("made again  Server accuracy: record.json is damaged: it is not JSON")
    assert done.stderr == ""
    one = campaign.submitter("run", str(campaign.file), "--scenario", "Server", "--dry-run", "--rerun")
    assert (one.returncode, one.stdout) == (0, "made again  Server performance: --rerun\n")
    assert state(tmp_path) == before


def test_a_dry_run_of_a_new_campaign_makes_no_folder(campaign: Any) -> None:
    done = campaign.submitter("run-all", str(campaign.file), "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("not made    6 runs yet: Offline performance, ")
    assert not campaign.output.exists()


def test_edited_files_stop_a_campaign_before_its_first_run(finished: Any, tmp_path: Path) -> None:
    campaign = copied(finished, tmp_path)
    campaign.edit(campaign.measurement("Offline", "user.conf"), "target_qps = 3000", "target_qps = 3100")
    summary = tmp_path / RUNS / "Server/performance/mlperf_log_summary.txt"
    summary.write_text(summary.read_text() + "10 times as fast\n")
    record = tmp_path / RUNS / "Server/TEST06/record.json"
    content = json.loads(record.read_text())
    words = {True: "VALID", False: "INVALID"}
    logged, stated = words[content["valid"]], words[not content["valid"]]
    record.write_text(json.dumps(content | {"valid": not content["valid"]}))
    for options in (), ("--dry-run",):
        done = campaign.submitter("run-all", str(campaign.file), *options)
        assert done.returncode == 2, done.stdout + done.stderr
        errors = [line for line in done.stderr.splitlines() if line.startswith("submitter: ")]
        assert errors == [
            f"submitter: {summary} was changed after its run",
            f"submitter: {record} contradicts mlperf_log_detail.txt: the verdict is {stated}, and {logged} in the log",
        ]
        assert f"restore it, or make it again with: submitter run {campaign.file} --scenario Server" in done.stderr
        assert "loading" not in done.stderr


def test_an_invalid_run_is_a_finding_of_run_also_when_it_is_kept(campaign: Any) -> None:
    campaign.edit(
        campaign.measurement("Server", "user.conf"),
        "*.Server.target_qps",
        "*.Server.ttft_latency = 1\n*.Server.target_qps",
    )
    arguments = ("run", str(campaign.file), "--scenario", "Server")
    for state in "samples in", "kept: finished before":
        done = campaign.submitter(*arguments)
        assert done.returncode == 1, done.stdout + done.stderr
        assert state in done.stderr
        lines = [line for line in done.stderr.splitlines() if line.startswith("  INVALID because of performance")]
        assert len(lines) == 1
        assert "submitter explain" in lines[0]
    shown = campaign.submitter(*arguments, "--dry-run")
    assert shown.returncode == 0
    assert "Server performance is INVALID because of performance constraints" in shown.stdout


_KILLED = """
import os, signal, sys
from pathlib import Path
from submitter import campaign as c
from submitter.campaign import run, settled
from submitter.campaign.watcher import SILENT
from submitter.model import Mode, Scenario

place, number = sys.argv[2], int(sys.argv[3])
home, name = {
    "record": (run, "write_json_atomically"), "journal": (run, "write_journal"), "rename": (settled.Path, "rename"),
    "remove": (settled.shutil, "rmtree"),
}[place]
real, calls = getattr(home, name), 0

def killed(*arguments, **options):
    global calls
    relevant = {
        "record": True, "journal": arguments[1:] == ("finished",), "rename": True,
        "remove": str(arguments[0]).endswith(".replaced") and Path(arguments[0]).exists(),
    }[place]
    result = real(*arguments, **options)
    calls += relevant
    if relevant and calls == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

if __name__ == "__main__":
    setattr(home, name, killed)
    plan = c.make_plan(c.load_campaign(Path(sys.argv[1])))
    with c.locked(plan.campaign.output):
        c.make_runs(plan, SILENT, rerun=True, scenario=Scenario.OFFLINE, mode=Mode.PERFORMANCE)
"""


@pytest.mark.parametrize(
    ("place", "number"),
    [
        pytest.param("record", 1, marks=pytest.mark.slow),
        pytest.param("journal", 1, marks=pytest.mark.slow),
        ("rename", 1),
        pytest.param("rename", 2, marks=pytest.mark.slow),
        pytest.param("remove", 1, marks=pytest.mark.slow),
    ],
)
def test_a_rerun_that_is_killed_at_any_step_loses_neither_run(
    finished: Any, tmp_path: Path, place: str, number: int
) -> None:
    campaign = copied(finished, tmp_path)
    script = tmp_path / "killed.py"
    script.write_text(_KILLED)
    run = tmp_path / RUNS / "Offline/performance"
    old = (run / "record.json").read_bytes()
    command = [sys.executable, str(script), str(campaign.file), place, str(number)]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = {path.parent.name: path.read_bytes() for path in run.parent.glob("performance*/record.json")}
    (new,) = {content for content in left.values() if content != old}
    assert (place, number) == ("remove", 1) or old in left.values()
    done = campaign.submitter("run-all", str(campaign.file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("kept: finished before") == 6
    assert (run / "record.json").read_bytes() == new
    assert sorted(path.name for path in run.parent.iterdir()) == ["TEST06", "accuracy", "performance"]
