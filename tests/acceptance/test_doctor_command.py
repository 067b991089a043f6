"""`submitter doctor` on this machine, and on one that lacks something."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from without_packages import without_packages

from submitter import packages

ENGINE = packages.version_of("vllm")


def doctor(folder: Path, missing: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "submitter.cli", "doctor", *arguments]
    environment = without_packages(folder, missing)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_what_works_here(tmp_path: Path) -> None:
    if not ENGINE:
        pytest.skip("vLLM is not installed")
    done = doctor(tmp_path, [], "run-all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ok       the vLLM engine: vLLM {ENGINE} " in done.stdout
    assert "ok       scoring: rouge of 2 made-up answers" in done.stdout
    assert "trying the vLLM engine ..." in done.stderr
    works = [line.split()[0] for line in done.stdout.splitlines() if line.endswith(" works")]
    assert {"check", "plan", "run-all", "tune", "score"} <= set(works)
    assert "pip install mlcommons-loadgen==6.0.4" in done.stdout
    assert "calibration needs" not in done.stdout, "run-all does not calibrate"


def test_a_light_install(tmp_path: Path) -> None:
    """Everything but what `check` needs is missing: the report says what installs it, and is no error by itself."""
    everything = sorted({package for part in packages.PARTS.values() for package in part.packages})
    done = doctor(tmp_path, everything)
    assert done.returncode == 0, done.stderr
    rows = dict(line.split(None, 1) for line in done.stdout.splitlines() if "work" in line and line[0] != " ")
    assert rows["check"] == rows["plan"] == "works"
    assert rows["run-all"] == "does not work: making runs, the vLLM engine, scoring"
    assert rows["score"] == "does not work: scoring"
    for part in (packages.RUNS, packages.SCORING, packages.ENGINE):
        assert f"missing  {part} needs the package" in done.stdout
        assert packages.install_command(part) in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "code", "missing"),
    [("score", 3, ["scoring"]), ("run-all", 3, ["scoring"]), ("check", 0, [])],
)
def test_a_command_that_misses_something(tmp_path: Path, command: str, code: int, missing: list[str]) -> None:
    if not ENGINE:
        pytest.skip("vLLM is not installed")
    done = doctor(tmp_path, ["rouge-score"], command, "--format", "json")
    assert done.returncode == code, done.stderr
    found = json.loads(done.stdout)
    assert found["commands"][command] == missing
    assert found["trials"]["scoring"]["problem"] == "scoring needs the package rouge-score, which is not installed"
    assert found["rounds"] == {
        "v6.1": "",
        "v6.0": "pip install mlcommons-loadgen==6.0.15",
        "v5.1": "pip install mlcommons-loadgen==6.0.4",
        "v5.0": "pip install mlcommons-loadgen==5.0.21",
        "v4.1": "pip install mlcommons-loadgen==4.1.30",
    }


def test_every_command_has_its_row() -> None:
    done = subprocess.run([sys.executable, "-m", "submitter.cli", "--help"], capture_output=True, text=True, check=True)
    shown = re.findall(r"^  ([a-z][a-z-]*)  ", done.stdout.partition("Commands:")[2], re.M)
    # A row is a command, one of its options, or a command with another engine.
    assert {name.split()[0].partition("-with-")[0] for name in packages.COMMANDS} == set(shown) - {"doctor"}


def test_an_unknown_command(tmp_path: Path) -> None:
    done = doctor(tmp_path, [], "runall")
    assert done.returncode == 2
    assert done.stderr == "submitter: unknown command 'runall'\n  did you mean 'run-all'?\n"
