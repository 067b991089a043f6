"""What a run's folder says of the run: state, figures, time, disk use. Nothing is judged; what is damaged is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from submitter import compliance, input_file
from submitter.campaign.disk_use import used_bytes
from submitter.campaign.logged import is_valid, metric_of
from submitter.campaign.settled import finished_folder
from submitter.errors import SubmitterError
from submitter.harness.plan import partial_folder
from submitter.layout import ACCURACY_TEXT, DETAIL_LOG
from submitter.logs import LogFormatError, parse_accuracy_text, parse_detail
from submitter.model import Mode
from submitter.record import RECORD, RunRecord, read_record, read_scored
from submitter.rulebook import load_rulebook


class RunState(StrEnum):
    """The state of a run, as it is shown."""

    VALID = "VALID"
    """LoadGen reported the performance run as VALID."""
    INVALID = "INVALID"
    FINISHED = "finished"
    """An accuracy or compliance run that is not scored, or whose score is not of this log."""
    SCORED = "scored"
    PASSED = "passed"
    """The verification of a compliance run says that the test was passed."""
    NOT_PASSED = "FAILED"
    RUNNING = "running"
    """Its folder is unfinished, and a process works on the campaign."""
    UNFINISHED = "unfinished"
    """It was interrupted."""
    DAMAGED = "damaged"
    """Its record or its log cannot be read."""
    NOT_MADE = "not made"

    @property
    def is_finished(self) -> bool:
        return self not in (self.RUNNING, self.UNFINISHED, self.DAMAGED, self.NOT_MADE)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure of a run as its log or its score has it."""

    name: str
    """Of a metric of an accuracy run; LoadGen's key for a performance run."""
    value: float
    unit: str = ""
    is_limited: bool = True
    """Whether the round has a limit for it. True for a performance run's figure."""


@dataclass(frozen=True, kw_only=True)
class ListedRun:
    """One run of a campaign."""

    benchmark: str
    scenario: str
    mode: str
    state: RunState
    folder: Path
    figures: tuple[Figure, ...] = ()
    """Of a performance run its figure; of an accuracy run each metric."""
    why: str = ""
    """What is damaged."""
    started_utc: str = ""
    """ISO 8601; empty if it is not known."""
    duration_s: float | None = None
    used_bytes: int = 0
    record: RunRecord | None = None
    in_campaign: bool = True
    """Whether the campaign file has it. True if there is no campaign file."""


def read_run(folder: Path, *, in_campaign: bool = True, is_running: bool = False) -> ListedRun:
    """The run of `folder`, which is named <benchmark>/<scenario>/<mode>, whether it is finished or not.

    `is_running` says that a process works on the campaign.
    """
    benchmark, scenario, mode = folder.parts[-3:]
    record: RunRecord | None = None
    figures: tuple[Figure, ...] = ()
    why = ""
    place, partial = finished_folder(folder), partial_folder(folder)
    if place:
        try:
            record, state, figures = _finished(place)
        except (OSError, SubmitterError, LogFormatError, ValueError, TypeError, LookupError) as error:
            state, why = RunState.DAMAGED, str(error)
    elif partial.is_dir():
        state = RunState.RUNNING if is_running else RunState.UNFINISHED
    elif folder.is_dir():
        state, why = RunState.DAMAGED, f"there is no {RECORD} in {folder}"
    else:
        state = RunState.NOT_MADE
    folder = place or (partial if partial.is_dir() else folder)
    return ListedRun(
        benchmark=benchmark,
        scenario=scenario,
        mode=mode,
        state=state,
        folder=folder,
        figures=figures,
        why=why,
        started_utc=record.started_utc if record else "",
        duration_s=record.duration_s if record else None,
        used_bytes=used_bytes(folder),
        record=record,
        in_campaign=in_campaign,
    )


def _finished(folder: Path) -> tuple[RunRecord, RunState, tuple[Figure, ...]]:
    record = read_record(folder)
    return record, *_state(folder, record)


def _state(folder: Path, record: RunRecord) -> tuple[RunState, tuple[Figure, ...]]:
    log = parse_detail(input_file.read_bytes(folder / DETAIL_LOG, "log"))  # `read_log` would wait for a pipe
    if record.mode is Mode.PERFORMANCE:
        state = RunState.VALID if is_valid(log, record.mode) else RunState.INVALID
        metric = metric_of(log, load_rulebook(record.round), record.official_benchmark, record.scenario, record.mode)
        return state, (Figure(name=metric.key, value=metric.value, unit=metric.unit),) if metric else ()
    try:
        read_scored(folder)
    except SubmitterError:
        return RunState.FINISHED, ()
    if record.mode is Mode.ACCURACY:
        return RunState.SCORED, tuple(_metrics(folder, record))
    return _verification(folder, record), ()


def _metrics(folder: Path, record: RunRecord) -> Iterator[Figure]:
    limits = load_rulebook(record.round).benchmark(record.official_benchmark).accuracy_targets(record.scenario)
    text = parse_accuracy_text(input_file.read_text(folder / ACCURACY_TEXT))
    for name, value in text.metrics.items():
        yield Figure(name=name, value=value, is_limited=name in limits)


def _verification(folder: Path, record: RunRecord) -> RunState:
    """What the texts of a compliance run's verification say."""
    rules = load_rulebook(record.round).compliance[record.mode]
    verdicts = [
        compliance.verify_text(
            record.mode, rules, name, input_file.read_text(folder / name, "verification").splitlines()
        )
        for name in rules.verify
    ]
    return RunState.PASSED if all(verdict.passed for verdict in verdicts) else RunState.NOT_PASSED
