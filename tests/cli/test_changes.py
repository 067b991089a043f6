"""The lines on what changed since the runs of a campaign."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numpy")

from run_plans import run_plan

from submitter.campaign import RunChanges
from submitter.campaign.differences import Cause, Change
from submitter.cli.changes import show_changes
from submitter.errors import InputError
from submitter.model import Mode, Scenario

VLLM = Change(cause=Cause.PACKAGES, what="vllm", detail="0.11.0 -> 0.12.0")


def one(mode: Mode, benchmark: str = "llama2-70b-99.9", *, is_made: bool = True, **facts: Any) -> RunChanges:
    run = run_plan(Scenario.SERVER, mode, expected_samples=1, expected_s=1.0)
    return RunChanges(benchmark=benchmark, run=run, folder=run.folder if is_made else None, **facts)


def shown(*changes: RunChanges) -> list[str]:
    stream = io.StringIO()
    show_changes(changes, stream)
    return stream.getvalue().splitlines()


def test_a_result_that_would_be_of_two_systems_says_what_of_it_stays() -> None:
    assert shown(one(Mode.PERFORMANCE, changes=(VLLM,)), one(Mode.ACCURACY), one(Mode.TEST06)) == [
        "stays       2 runs: Server accuracy, Server TEST06",
        "made again  Server performance: vllm: 0.11.0 -> 0.12.0 (stays: Server accuracy, Server TEST06)",
    ]


def test_other_reasons_do_not() -> None:
    change = Change(cause=Cause.SETTINGS, what="user.conf", detail="*.Server.target_qps 5 -> 6")
    assert shown(one(Mode.PERFORMANCE, changes=(change,)), one(Mode.ACCURACY)) == [
        "stays       1 run: Server accuracy",
        "made again  Server performance: user.conf: *.Server.target_qps 5 -> 6",
    ]


def test_runs_of_several_benchmarks_are_named_with_them() -> None:
    lines = shown(
        one(Mode.PERFORMANCE, despite=(VLLM,), notes=("kernel: 6.8 -> 6.9",)),
        one(Mode.PERFORMANCE, "llama3.1-8b", edits=(InputError("x was changed", ""),)),
        one(Mode.ACCURACY, "llama3.1-8b", is_made=False),
    )
    assert lines == [
        "stays       1 run: llama2-70b-99.9 Server performance",
        "            llama2-70b-99.9 Server performance although vllm: 0.11.0 -> 0.12.0",
        "            llama2-70b-99.9 Server performance: kernel: 6.8 -> 6.9",
        "edited      1 run: llama3.1-8b Server performance",
        "not made    1 run yet: llama3.1-8b Server accuracy",
    ]


def test_a_run_that_stays_and_is_invalid_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(one(Mode.PERFORMANCE, is_valid=False))[1] == (
        "            Server performance is INVALID; more: submitter explain runs/Server/performance"
    )
