"""A closed v6.1 campaign from its templates to a complete tree, of which the check misses only what is shortened."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import rehearsal

Run = Callable[..., subprocess.CompletedProcess[str]]
RESULTS = f"closed/Example/results/{rehearsal.SYSTEM}/{rehearsal.BENCHMARK}"
SAMPLES = 24576
# What a shortened clock must break, and what a part of the data set must.
DURATIONS = {"PRF006", "PRF007"}
PARTIAL = {"ACC003", "ACC004", "PRF008", "PRF009", "PRF028"}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> rehearsal.Rehearsal:
    """A campaign of few samples before anybody wrote a document for it."""
    return rehearsal.make(tmp_path_factory.mktemp("closed"), 512, seconds=2)


def go_all_the_way(made: rehearsal.Rehearsal, run_submitter: Run) -> dict:
    """templates, what a person does, plan, run-all and check; returns the check's report."""
    file = str(made.file)
    refused = run_submitter("plan", file)
    assert refused.returncode == 2
    for words in ("README.md is missing", "has no calibration.md", f"{rehearsal.SYSTEM}.json"):
        assert words in refused.stderr
    written = run_submitter("templates", file)
    assert written.returncode == 0, written.stderr
    assert len(written.stdout.splitlines()) == 7
    unwritten = run_submitter("run-all", file)
    assert unwritten.returncode == 2
    assert "nothing was run" in unwritten.stderr
    assert re.search(r"bandwidth\.md:\d+: a person's part is empty: number and bandwidth", unwritten.stderr) or (
        "calibration.md" in unwritten.stderr
    )
    assert made.fill_in() >= 15
    assert run_submitter("templates", file).stdout == ""

    planned = run_submitter("plan", file)
    assert planned.returncode == 0, planned.stderr
    done = run_submitter("run-all", file, timeout_s=900)
    assert done.returncode == 0, done.stdout + done.stderr
    files = {str(path.relative_to(made.tree)) for path in made.tree.rglob("*") if path.is_file()}
    assert files == {line[2:] for line in planned.stdout.splitlines() if line[2:].startswith("closed/")}
    for scenario in ("Offline", "Server"):
        text = (made.tree / RESULTS / scenario / "accuracy/accuracy.txt").read_text()
        found = json.loads(text.splitlines()[0].replace("'", '"'))
        for metric, wanted in made.scores.items():
            assert found[metric] == pytest.approx(wanted, abs=0.05 if metric == "tokens_per_sample" else 1e-4)
    checked = run_submitter("check", str(made.tree), "--round", "v6.1", "--format", "json")
    assert checked.returncode == 0, checked.stdout
    report: dict = json.loads(checked.stdout)
    return report


def judge(report: dict, may_miss: set[str]) -> None:
    """Nothing is found, and waived is only what a rehearsal cannot have."""
    assert report["findings"] == []
    assert {waived["rule"] for waived in report["waived"]} <= may_miss
    assert {waived["rule"] for waived in report["waived"]} >= DURATIONS
    assert [(result["scenario"], result["verdict"]) for result in report["results"]] == [
        ("Offline", "preview"),
        ("Server", "preview"),
    ]


def test_a_small_closed_rehearsal(begun: rehearsal.Rehearsal, run_submitter: Run) -> None:
    judge(go_all_the_way(begun, run_submitter), DURATIONS | PARTIAL)


@pytest.mark.slow
def test_the_whole_data_set(tmp_path: Path, run_submitter: Run) -> None:
    judge(go_all_the_way(rehearsal.make(tmp_path, SAMPLES, seconds=6), run_submitter), DURATIONS)
