"""The results of a submission, each with its figure, its scores and targets, and the state of its accuracy log.

Nothing is judged here; the rules do that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from submitter.errors import InputError
from submitter.logs import TRUNCATION_MARK
from submitter.model import Metric
from submitter.rulebook import Rulebook
from submitter.rulebook_tables import Target
from submitter.submission.files import EntryKind, Unavailable
from submitter.submission.metric import result_metric
from submitter.submission.opened import OpenSubmission
from submitter.submission.tree import Result

_ENDS_BYTES = 1 << 16


class AccuracyLogState(StrEnum):
    """How much of the accuracy log is in the submission."""

    WHOLE = "whole"
    TRUNCATED = "truncated"
    ABSENT = "absent"


@dataclass(frozen=True, kw_only=True)
class ScoredResult:
    """One result, its scores, and whether they can be computed again."""

    path: str
    """Relative to the folder that holds the divisions."""
    is_closed: bool
    """Whether the rules of the closed division apply, so that the targets must be reached."""
    metric: Metric | None
    """The figure of the result; None if its logs have none."""
    scores: tuple[tuple[str, float | None, Target], ...]
    """For each metric of the benchmark: its name, the value that accuracy.txt states (None if none), and the target."""
    stated_sha256: str | None
    """The SHA-256 of the whole accuracy log, as accuracy.txt states it."""
    accuracy_log: AccuracyLogState
    accuracy_log_path: Path
    """Where the accuracy log is, or would be."""

    @property
    def misses_a_target(self) -> bool:
        return any(
            value is not None and not (target.lower <= value <= (target.upper or value))
            for _, value, target in self.scores
        )


def scored_results(opened: OpenSubmission) -> Iterator[ScoredResult]:
    """Every selected result of a submission; InputError if there is none, or a folder cannot be read."""
    results = list(opened.results)
    opened.require_listed()
    if not results:
        raise InputError(
            f"{opened.path} holds no result", "a result is <division>/<submitter>/results/<system>/<benchmark>/…"
        )
    for result in results:
        yield _scored_result(result, opened.book)


def _scored_result(result: Result, book: Rulebook) -> ScoredResult:
    scores: tuple[tuple[str, float | None, Target], ...] = ()
    stated_sha256 = None
    try:
        targets = result.benchmark.accuracy_targets(result.scenario)
        score = result.accuracy.score
        stated_sha256 = score.hash
        found = {reading.metric: reading.value for reading in score.readings}
        scores = tuple(
            (name, found.get(name), target) for name, target in targets.items() if name in found or not target.optional
        )
    except Unavailable:
        pass  # there is no accuracy.txt, or the round does not have this benchmark or scenario
    log_path = result.accuracy.answers_path
    path = result.files.root / log_path
    if result.files.kind(log_path) is not EntryKind.FILE:
        state = AccuracyLogState.ABSENT
    else:
        state = AccuracyLogState.WHOLE if _is_whole(path) else AccuracyLogState.TRUNCATED
    return ScoredResult(
        path=str(result.path),
        is_closed=result.is_closed,
        metric=result_metric(result, book)[0],
        scores=scores,
        stated_sha256=stated_sha256,
        accuracy_log=state,
        accuracy_log_path=path,
    )


def _is_whole(path: Path) -> bool:
    """Whether an accuracy log begins and ends as LoadGen writes it, without the mark of a cut near either end."""
    try:
        with path.open("rb") as file:
            head = file.read(_ENDS_BYTES)
            file.seek(max(0, path.stat().st_size - _ENDS_BYTES))
            tail = file.read()
    except OSError:
        return False
    return head.lstrip().startswith(b"[") and tail.rstrip().endswith(b"]") and TRUNCATION_MARK not in head + tail
