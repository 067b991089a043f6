"""Where each result of a submission stands: its figure, its score beside the round's targets, and what is left of its
answers. Nothing is judged here; that is what rules are for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from submitter.errors import InputError
from submitter.logs import TRUNCATION_MARK
from submitter.model import Metric
from submitter.rulebook import Rulebook, Target
from submitter.submission.files import EntryKind, Unavailable
from submitter.submission.metric import result_metric
from submitter.submission.opened import OpenSubmission
from submitter.submission.tree import Result

_ENDS_BYTES = 1 << 16


class Answers(StrEnum):
    """What is there of the accuracy log."""

    WHOLE = "whole"
    TRUNCATED = "truncated"
    ABSENT = "absent"


@dataclass(frozen=True)
class ResultStanding:
    """One result. `scores` has each metric of the benchmark with its value, None where accuracy.txt states none.

    `stated_sha256` is what accuracy.txt says of the whole accuracy log, `answers_path` where that log lies.
    """

    path: str
    is_closed: bool
    metric: Metric | None
    scores: tuple[tuple[str, float | None, Target], ...]
    stated_sha256: str | None
    answers: Answers
    answers_path: Path

    @property
    def misses_a_target(self) -> bool:
        return any(
            value is not None and not (target.lower <= value <= (target.upper or value))
            for _, value, target in self.scores
        )


def standings(opened: OpenSubmission) -> Iterator[ResultStanding]:
    """Every result of a submission that counts; InputError if there is none."""
    results = list(opened.results)
    if not results:
        raise InputError(
            f"{opened.path} holds no result", "a result is <division>/<submitter>/results/<system>/<benchmark>/…"
        )
    for result in results:
        yield _standing(result, opened.book)


def _standing(result: Result, book: Rulebook) -> ResultStanding:
    scores: tuple[tuple[str, float | None, Target], ...] = ()
    stated = None
    try:
        targets = result.benchmark.accuracy_targets(result.scenario)
        read = result.accuracy.score
        stated = read.hash
        found = {reading.metric: reading.value for reading in read.readings}
        scores = tuple(
            (name, found.get(name), target) for name, target in targets.items() if name in found or not target.optional
        )
    except Unavailable:
        pass  # no accuracy.txt, or no benchmark or scenario of this round
    answers_path = result.accuracy.answers_path
    there = result.files.kind(answers_path) is EntryKind.FILE
    whole_path = result.files.root / answers_path
    return ResultStanding(
        path=str(result.path),
        is_closed=result.is_closed,
        metric=result_metric(result, book)[0],
        scores=scores,
        stated_sha256=stated,
        answers=Answers.ABSENT if not there else Answers.WHOLE if _is_whole(whole_path) else Answers.TRUNCATED,
        answers_path=whole_path,
    )


def _is_whole(path: Path) -> bool:
    """Whether an accuracy log begins and ends as LoadGen's do, and nothing was cut out of the places that are cut."""
    try:
        with path.open("rb") as file:
            head = file.read(_ENDS_BYTES)
            file.seek(max(0, path.stat().st_size - _ENDS_BYTES))
            tail = file.read()
    except OSError:
        return False
    return head.lstrip().startswith(b"[") and tail.rstrip().endswith(b"]") and TRUNCATION_MARK not in head + tail
