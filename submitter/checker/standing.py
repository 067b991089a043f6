"""Where each result of a submission stands: its figure, its score beside the round's targets, and what is left of its
answers. Nothing is judged here; that is what rules are for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from submitter.checker.files import Files, Kind, Unavailable
from submitter.checker.finding import Metric
from submitter.checker.metric import result_metric
from submitter.checker.place import find_root
from submitter.checker.score import read_score
from submitter.checker.tree import Result, Tree
from submitter.errors import InputError
from submitter.layout import layout_of
from submitter.logs import TRUNCATION_MARK
from submitter.rulebook import Rulebook, Target

_ENDS_BYTES = 1 << 16


class Answers(StrEnum):
    """What is there of the accuracy log."""

    WHOLE = "whole"
    TRUNCATED = "truncated"
    ABSENT = "absent"


@dataclass(frozen=True)
class Standing:
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


def standings(path: Path, book: Rulebook) -> Iterator[Standing]:
    """Every result at or below `path`, which is a submission or a folder inside one; InputError if there is none."""
    root, below = find_root(path)
    tree = Tree(Files(root), book, layout_of(book.name), below)
    results = [n for submitter in tree.submitters for n in tree.nodes_of(submitter) if isinstance(n, Result)]
    if not results:
        raise InputError(f"{path} holds no result", "a result is <division>/<submitter>/results/<system>/<benchmark>/…")
    for result in results:
        yield _standing(result, book)


def _standing(result: Result, book: Rulebook) -> Standing:
    scores: tuple[tuple[str, float | None, Target], ...] = ()
    stated = None
    try:
        targets = result.benchmark.accuracy_targets(result.scenario)
        read = read_score(result.accuracy.score_text, targets, book.accuracy_patterns)
        stated = read.hash
        found = {reading.metric: reading.value for reading in read.readings}
        scores = tuple(
            (name, found.get(name), target) for name, target in targets.items() if name in found or not target.optional
        )
    except Unavailable:
        pass  # no accuracy.txt, or no benchmark or scenario of this round
    answers_path = result.accuracy.answers_path
    there = result.files.kind(answers_path) is Kind.FILE
    whole_path = result.files.root / answers_path
    return Standing(
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
