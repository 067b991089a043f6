"""The tree of examples/tiny-open.toml, run once in full: `fixtures/tiny-open.tar.xz` holds it as it was assembled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

ARCHIVE = Path(__file__).resolve().parents[1] / "fixtures/tiny-open.tar.xz"
RESULT = "open/Example/results/cpu-demo/tiny-llama"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "submission"


def test_it_passes_the_check(tree: Path, run_submitter: Run) -> None:
    done = run_submitter("check", str(tree), "--round", "v6.1", "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"] == "pass"
    assert [(result["scenario"], result["verdict"]) for result in report["results"]] == [
        ("Offline", "valid"),
        ("Server", "valid"),
    ]
    assert all(result["metric"]["unit"] == "Tokens/s" for result in report["results"])
    assert [finding for finding in report["findings"] if finding["severity"] != "note"] == []


@pytest.mark.parametrize(
    ("file", "old", "new", "rule"),
    [
        ("Offline/performance/run_1/mlperf_log_detail.txt", '"result_validity", "value": "VALID"', "", "PRF010"),
        ("Server/accuracy/accuracy.txt", "'gen_num': 24576", "'gen_num': 24575", "ACC004"),
        ("Server/TEST06/verify_accuracy.txt", "EOS check pass: True", "EOS check pass: False", "CMP"),
        ("Offline/user.conf", "target_qps", "target_qp", "PRV"),
    ],
)
def test_a_change_to_it_is_found(tree: Path, run_submitter: Run, file: str, old: str, new: str, rule: str) -> None:
    path = tree / RESULT / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new or '"result_validity", "value": "INVALID"'))
    done = run_submitter("check", str(tree), "--round", "v6.1", "--format", "json")
    assert done.returncode == 1
    assert any(finding["rule"].startswith(rule) for finding in json.loads(done.stdout)["findings"])


@pytest.mark.skipif("MLCOMMONS_INFERENCE" not in os.environ, reason="needs a checkout of mlcommons/inference")
def test_it_passes_the_official_checker(tree: Path, tmp_path: Path) -> None:
    folder = Path(os.environ["MLCOMMONS_INFERENCE"]) / "tools/submission"
    command = [sys.executable, "-m", "submission_checker.main", "--input", str(tree), "--version", "v6.1"]
    command += ["--csv", str(tmp_path / "summary.csv")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "submission looks OK" in done.stderr + done.stdout
