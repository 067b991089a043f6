"""`submitter rules --import`: the draft goes to stdout or to a new file, and what a person must know to stderr."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from submitter.rulebook import parse, round_names

CHECKOUT = str(Path(__file__).resolve().parents[1] / "fixtures" / "inference-v9")


def test_the_draft_is_written(submitter: Any, tmp_path: Path) -> None:
    done = submitter("rules", "--import", CHECKOUT, "--round", "v9.0")
    assert done.code == 0
    assert parse(done.out, "v9.0.toml").name == "v9.0"
    warnings, summary = done.err.splitlines()[:-1], done.err.splitlines()[-1]
    assert warnings[0] == "MODEL_CONFIG has keys that nothing here reads: max-turns"
    assert f"values are new, changed or removed since {round_names()[-1]}, " in summary
    file = tmp_path / "v9.0.toml"
    to_file = submitter("rules", "--import", CHECKOUT, "--round", "v9.0", "--output", str(file))
    assert (to_file.code, to_file.out, file.read_text("utf-8")) == (0, "", done.out)
    assert to_file.err.splitlines()[:-1] == warnings


def test_a_draft_that_someone_worked_on_is_not_overwritten(submitter: Any, tmp_path: Path) -> None:
    file = tmp_path / "v9.0.toml"
    file.write_text("confirmed", "utf-8")
    done = submitter("rules", "--import", CHECKOUT, "--round", "v9.0", "--output", str(file))
    assert (done.code, file.read_text("utf-8")) == (2, "confirmed")
    assert done.err.startswith(f"submitter: {file} already exists\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--import", CHECKOUT], "--import requires a round"),
        (["PRF004", "--import", CHECKOUT, "--round", "v9.0"], "--import cannot be combined with a rule"),
        (
            ["--diff", "v6.0", "v6.1", "--import", CHECKOUT, "--round", "v9.0"],
            "--import cannot be combined with a rule",
        ),
        (["--output", "v9.0.toml"], "--output is for --import"),
        (
            ["--import", CHECKOUT, "--round", "v9.1"],
            f"{CHECKOUT}/tools/submission/submission_checker/constants.py: MODEL",
        ),
    ],
)
def test_wrong_use_is_one_line_and_a_hint(submitter: Any, words: list[str], message: str) -> None:
    done = submitter("rules", *words)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 2)
    assert done.err.startswith(f"submitter: {message}")
