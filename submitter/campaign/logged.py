"""What LoadGen's own log says of a finished run: its verdict and its figure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from submitter.errors import InputError, os_reason, os_remedy
from submitter.layout import DETAIL_LOG
from submitter.logs import DetailLog, LogFormatError, read_detail
from submitter.model import Mode, Scenario
from submitter.record import RECORD, RecordedMetric, RunRecord
from submitter.rulebook import Rulebook


def read_log(folder: Path, repeat: str) -> DetailLog:
    """The detail log in a run's folder; InputError if it cannot be read. `repeat` is the hint for one that is wrong."""
    path = folder / DETAIL_LOG
    try:
        return read_detail(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {os_reason(error)}", os_remedy(error)) from None
    except LogFormatError as error:
        raise InputError(f"{path} is not a LoadGen log: {error}", repeat) from None


def is_valid(log: DetailLog, mode: Mode) -> bool | None:
    """LoadGen's verdict; None for an accuracy run, which it does not judge."""
    return None if mode is Mode.ACCURACY else log["result_validity"] == "VALID"


def metric_of(log: DetailLog, book: Rulebook, official: str, scenario: Scenario, mode: Mode) -> RecordedMetric | None:
    """The figure of a performance run of the round's benchmark `official`; None if the log has none."""
    key = book.metric_key(official, scenario)
    if mode is not Mode.PERFORMANCE or key not in log:
        return None
    return RecordedMetric(key=key, value=float(log[key]), unit=book.metric_unit(official, scenario))


def contradictions(
    record: RunRecord, log: DetailLog, metric: RecordedMetric | None, folder: Path, repeat: str
) -> Iterator[InputError]:
    """Each fact of a record that is not what its run's log says, whose figure is `metric`. The log counts."""
    words = {None: "no verdict", True: "VALID", False: "INVALID"}
    for what, stated, logged in (
        ("the verdict", words[record.valid], words[is_valid(log, record.mode)]),
        ("the figure", _text(record.metric), _text(metric)),
        ("LoadGen", record.loadgen_version, str(log["loadgen_version"])),
    ):
        if stated != logged:
            message = f"{folder / RECORD} contradicts {DETAIL_LOG}: {what} is {stated}, and {logged} in the log"
            yield InputError(message, f"restore the record, or {repeat}")


def _text(metric: RecordedMetric | None) -> str:
    return f"{metric.value!r} {metric.unit}" if metric else "none"
