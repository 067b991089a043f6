"""What a run's own log must show before the run counts. The logs are of real runs, and then damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("mlperf_loadgen")

from echo_sessions import Watched
from full_disk import filled, small_disk

from submitter.errors import RunError
from submitter.harness.plan import RunPlan
from submitter.harness.run_log import accepted_log
from submitter.layout import ACCURACY_LOG, DETAIL_LOG
from submitter.model import Mode, Scenario

_ERROR = (
    ':::MLLOG {{"key": "error_runtime", "value": "{value}", "time_ms": 1.0, "namespace": "mlperf::logging", '
    '"event_type": "POINT_IN_TIME", "metadata": {{"is_error": true, "is_warning": false, "file": "logging.cc", '
    '"line_no": 1, "pid": 1, "tid": 1}}}}\n'
)


@pytest.fixture
def run(run_echo: Callable[..., Watched]) -> RunPlan:
    """A finished run, whose folder has its logs."""
    return run_echo([(Scenario.OFFLINE, Mode.PERFORMANCE)]).finished[0].run


def with_error(run: RunPlan, value: str) -> None:
    with (run.folder / DETAIL_LOG).open("a") as log:
        log.write(_ERROR.format(value=value))


def test_an_error_of_loadgen_is_no_result(run: RunPlan) -> None:
    assert accepted_log(run, run.folder).errors == ()
    with_error(run, "Attempted to complete a sample twice.")
    with_error(run, "n_tokens argument missing")
    words = r"^Offline performance: LoadGen reports an error: Attempted to complete a sample twice\. \(and 1 more\)$"
    with pytest.raises(RunError, match=words):
        accepted_log(run, run.folder)


def test_a_run_that_a_limit_ended_has_its_verdict(run: RunPlan) -> None:
    with_error(run, "IssueQueryThread 0 Ending early: Max test duration reached. duration_ns 1")
    assert accepted_log(run, run.folder).errors


@pytest.mark.parametrize("name", [DETAIL_LOG, ACCURACY_LOG])
def test_a_log_that_is_cut_off_says_whether_the_disk_is_full(run: RunPlan, name: str, tmp_path: Path) -> None:
    log = run.folder / name
    log.write_bytes(log.read_bytes()[:-3])
    with pytest.raises(RunError, match=r"^Offline performance: ") as found:
        accepted_log(run, run.folder)
    assert found.value.hint == "check whether the disk is full"
    assert "the disk is full" not in found.value.message
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        for file in run.folder.iterdir():
            (disk / file.name).write_bytes(file.read_bytes())
        with filled(disk), pytest.raises(RunError, match=rf"^Offline performance: the disk is full at {disk}$"):
            accepted_log(run, disk)
