"""What a failed run leaves is kept, named, and bounded; that it cannot be kept hides nothing."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from submitter.errors import InputError, RunError, SeveralErrors
from submitter.harness.failed_run import FAILURE, MAX_KEPT, FailedRuns, Failure, no_journal

FAILURE_IN_A_RUN = Failure(why="the engine failed", phase="run", run="Offline accuracy", status=-9)


@pytest.fixture
def logs(tmp_path: Path) -> Callable[[], Path]:
    def make() -> Path:
        partial = tmp_path / "accuracy.partial"
        partial.mkdir(exist_ok=True)
        (partial / "user.conf").write_text("*.Offline.target_qps = 1\n")
        (tmp_path / "engine.log").write_text("RuntimeError: boom\n")
        return partial

    return make


def test_logs_settings_and_reason_are_kept_and_named(tmp_path: Path, logs: Callable[[], Path]) -> None:
    noted: list[tuple[str, dict[str, Any]]] = []
    failed = FailedRuns(
        tmp_path / "failed", tmp_path / "engine.log", lambda event, /, **facts: noted.append((event, facts))
    )
    error = RunError("the engine failed", f"the engine's log is {tmp_path / 'engine.log'}:")
    failed.keep(FAILURE_IN_A_RUN, logs(), error)
    (kept,) = (tmp_path / "failed").iterdir()
    assert kept.name.endswith("Z-Offline-accuracy")
    assert {file.name for file in kept.iterdir()} == {"user.conf", "engine.log", FAILURE}
    told = json.loads((kept / FAILURE).read_text())
    assert told.pop("time_utc")
    assert told == {"why": "the engine failed", "phase": "run", "run": "Offline accuracy", "status": -9}
    assert error.hint == f"the engine's log is {kept / 'engine.log'}:"
    assert noted == [("failed", {**told, "folder": str(kept)})]


def test_each_of_several_errors_names_the_log_where_it_is_now(tmp_path: Path, logs: Callable[[], Path]) -> None:
    error = SeveralErrors([InputError(name, f"see {tmp_path / 'engine.log'}") for name in ("a", "b")])
    FailedRuns(tmp_path / "failed", tmp_path / "engine.log", no_journal).keep(FAILURE_IN_A_RUN, logs(), error)
    (kept,) = (tmp_path / "failed").iterdir()
    assert [problem.hint for problem in error.problems] == [f"see {kept / 'engine.log'}"] * 2


def test_the_newest_ones_stay(tmp_path: Path, logs: Callable[[], Path]) -> None:
    failed = FailedRuns(tmp_path / "failed", tmp_path / "engine.log", no_journal)
    (tmp_path / "failed/20200101T000000Z-Offline-accuracy").mkdir(parents=True)
    for _ in range(MAX_KEPT):
        failed.keep(FAILURE_IN_A_RUN, logs(), RunError("x"))
    names = sorted(path.name for path in (tmp_path / "failed").iterdir())
    assert len(names) == MAX_KEPT
    assert "20200101T000000Z-Offline-accuracy" not in names


def test_what_cannot_be_kept_or_noted_hides_no_error(tmp_path: Path, logs: Callable[[], Path]) -> None:
    def full(event: str, /, **facts: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "failed").write_text("a file")
    error = RunError("the engine failed", "a hint")
    FailedRuns(tmp_path / "failed", tmp_path / "engine.log", full).keep(FAILURE_IN_A_RUN, logs(), error)
    assert error.message == "the engine failed"
    assert error.hint == "a hint\n  the run's logs could not be kept: it is a file, and a folder is required"


def test_where_nothing_is_left_nothing_is_made(tmp_path: Path) -> None:
    """After the output folder was removed under a run."""
    error = RunError("x", "a hint")
    FailedRuns(tmp_path / "gone/failed", tmp_path / "gone/engine.log", no_journal).keep(FAILURE_IN_A_RUN, None, error)
    assert not (tmp_path / "gone").exists()
    assert error.hint == "a hint"
