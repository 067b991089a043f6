"""`submitter dataset` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numpy")

import submitter as package

REPOSITORY = Path(package.__file__).parents[1]


def run(*arguments: object) -> Any:
    import subprocess
    import sys

    command = [sys.executable, "-m", "submitter.cli", "dataset", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY, timeout=60)


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    rows = [{"instruction": "x", "input": "y", "tok_input": [1] * (n + 1), "output": f"text {n}"} for n in range(10)]
    (tmp_path / "articles.json").write_text(json.dumps(rows))
    return tmp_path / "articles.json"


def test_convert_and_measure(articles: Path, tmp_path: Path) -> None:
    done = run("convert", articles, tmp_path / "articles.safetensors")
    assert (done.returncode, "articles, 10 samples, SHA-256" in done.stdout) == (0, True), done.stderr
    assert "is not a file that MLCommons publishes" in done.stderr
    measured = run("stats", tmp_path / "articles.safetensors")
    assert measured.returncode == 0
    assert measured.stdout.splitlines()[0] == "10 samples"
    assert {line.split()[0]: line.split()[-1] for line in measured.stdout.splitlines()[4:]} == {
        "shortest": "1",
        "50th": "5",
        "90th": "9",
        "99th": "10",
        "longest": "10",
        "mean": "5.5",
        "total": "55",
    }


def test_verify_says_what_is_wrong_and_exits_1(articles: Path) -> None:
    done = run("verify", articles.rename(articles.with_name("cnn_eval.json")))
    assert done.returncode == 1
    assert done.stdout.startswith("WRONG  it has the name of llama3.1-8b's data set, CNN/DailyMail, cnn_eval.json")
    assert "WRONG  10 samples, the published file has 13,368" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["verify", "stats"])
def test_what_cannot_be_read_exits_2(command: str, tmp_path: Path) -> None:
    (tmp_path / "bad.pkl").write_bytes(b"cos\nsystem\n(S'touch harm'\ntR.")
    done = run(command, tmp_path / "bad.pkl")
    assert done.returncode == 2
    assert "is refused: it names 'os.system'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_converted_file_is_called_what_it_is(articles: Path, tmp_path: Path) -> None:
    done = run("convert", articles, tmp_path / "out.bin")
    assert done.returncode == 2
    assert "out.safetensors" in done.stderr
