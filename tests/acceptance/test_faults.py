"""A short part of `make faults`, with the same code, and the comparison that it relies on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from echo_campaign import Campaign
from faults.comparison import differences
from faults.site import REPOSITORY

Finished = tuple[Campaign, subprocess.CompletedProcess[str]]
# None that waits for a limit.
CHOSEN = ("kill-echo", "full-score")
KILLS = 2


def test_a_campaign_goes_on_after_a_few_faults() -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root makes mount namespaces")
    command = ["unshare", "--mount", sys.executable, "-m", "faults", *CHOSEN, "--kills", str(KILLS), "--seed", "11"]
    path = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "tests" / "helpers")))
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(": as required") == KILLS + len(CHOSEN) - 1


@pytest.fixture
def copy(finished: Finished, tmp_path: Path) -> Path:
    """A copy of the output of a finished campaign."""
    return Path(shutil.copytree(finished[0].output, tmp_path / "out"))


def test_trees_that_differ_in_times_and_figures_are_equal(finished: Finished, copy: Path) -> None:
    detail = copy / "runs/echo-system/echo-model/Server/performance/mlperf_log_detail.txt"
    text = detail.read_text()
    (latency,) = [line for line in text.splitlines() if '"result_mean_latency_ns"' in line]
    detail.write_text(text.replace(latency, latency.replace('"value": ', '"value": 7')))
    record = detail.with_name("record.json")
    content = json.loads(record.read_text())
    content.update(started_utc="2026-01-01T00:00:00+00:00", duration_s=1.0, network=None)
    content["metric"]["value"] = 1.0
    content["network"] = {}
    record.write_text(json.dumps(content))
    assert differences(finished[0].output / "runs", copy / "runs") == []
    assert differences(finished[0].tree, copy / "preview") == []


def edited(old: str, new: str) -> Callable[[Path], object]:
    def edit(path: Path) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return edit


def changed(**values: Any) -> Callable[[Path], object]:
    return lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def another_answer(path: Path) -> None:
    answers = json.loads(path.read_text())
    answers[5]["data"] = answers[6]["data"]
    path.write_text(json.dumps(answers))


RESULT = "preview/open/Example/results/echo-system/echo-model/Server"
RUN = "runs/echo-system/echo-model/Server"
EDITS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a file is missing": (f"{RESULT}/README.md", Path.unlink),
    "a folder is new": (f"{RUN}/accuracy", lambda path: path.with_name("accuracy.partial").mkdir()),
    "a setting": (f"{RESULT}/user.conf", edited("target_qps = 400", "target_qps = 401")),
    "an engine's setting": (f"{RESULT}/engine.toml", edited("first_token_ms = 20", "first_token_ms = 21")),
    "a score": (f"{RESULT}/accuracy/accuracy.txt", edited("90.625", "99.9")),
    "the hash of a score": (f"{RESULT}/accuracy/accuracy.txt", edited("hash=", "hash=0")),
    "an answer": (f"{RUN}/accuracy/mlperf_log_accuracy.json", another_answer),
    "a verdict of LoadGen": (
        f"{RESULT}/performance/run_1/mlperf_log_detail.txt",
        edited('"result_validity", "value": "VALID"', '"result_validity", "value": "INVALID"'),
    ),
    "a seed in a log": (
        f"{RESULT}/performance/run_1/mlperf_log_detail.txt",
        edited('"effective_qsl_rng_seed", "value": ', '"effective_qsl_rng_seed", "value": 1'),
    ),
    "an error in a log": (
        f"{RUN}/performance/mlperf_log_detail.txt",
        edited('"is_error": false', '"is_error": true'),
    ),
    "a summary's words": (
        f"{RESULT}/performance/run_1/mlperf_log_summary.txt",
        edited("Min duration satisfied : Yes", "Min duration satisfied : NO"),
    ),
    "a verdict of a compliance test": (f"{RESULT}/TEST06/verify_accuracy.txt", edited("True", "False")),
    "a record's settings": (f"{RUN}/performance/record.json", changed(engine_settings={})),
    "a record's samples": (f"{RUN}/performance/record.json", changed(sample_count=1)),
    "a record's verdict": (f"{RUN}/performance/record.json", changed(valid=False)),
    "a record's model": (f"{RUN}/performance/record.json", changed(model={})),
    "permissions": (f"{RESULT}/user.conf", lambda path: path.chmod(0o600)),
}


@pytest.mark.parametrize("name", EDITS)
def test_every_other_difference_is_found(finished: Finished, copy: Path, name: str) -> None:
    path, edit = EDITS[name]
    edit(copy / path)
    part, original = path.split("/")[0], finished[0].output
    assert differences(original / part, copy / part) != []
    assert differences(copy / part, original / part) != []
