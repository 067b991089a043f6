"""ACC: values in accuracy.txt that no score has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.rulebook import Rulebook
from submitter.submission.accuracy_text import lines_of, values
from submitter.submission.runs import AccuracyRun

# Metrics that are a share of the best possible score, in percent or as a fraction.
_SHARES = frozenset(
    {
        *("rouge1", "rouge2", "rougeL", "rougeLsum", "exact_match", "acc", "F1", "DICE", "ACCURACY", "mAP"),
        *("CLIP_SCORE", "F1_HIERARCHICAL", "DLRM_ACC", "DLRM_AUC", "E2E_ACCURACY", "vbench_score"),
    }
)
_WHOLE = 100.0
_COUNT = re.compile(r"['\"]gen_num['\"]:\s*([^,}]{0,60})")


@rule(
    "ACC017",
    requires=["STR002", "STR003", "STR005", "STR007"],
    origin="integrity",
    source="submitter: a share of the best possible score is at most 100 %",
    hint="score the accuracy run again: submitter score",
)
def scores_are_possible(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """No score is better than the best possible one."""
    for reading in run.score.readings:
        if reading.metric in _SHARES and reading.value is not None and reading.value > _WHOLE:
            message, path = f"{reading.metric} is above 100", str(run.score_path)
            yield Problem(message, found=f"{reading.value:.6g}", required="at most 100", path=path, line=reading.line)


@rule(
    "ACC018",
    requires=["STR002", "STR003", "STR005", "STR007"],
    origin="integrity",
    source="submitter: gen_num is the number of scored answers",
    hint="score the accuracy run again: submitter score",
)
def number_of_answers_readable(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """Where accuracy.txt states how many answers were scored, that is a number, which ACC004 compares."""
    read = {line for _, line in values(run.score_text, "gen_num", book.accuracy_patterns)}
    for number, line in enumerate(lines_of(run.score_text), start=1):
        stated = _COUNT.search(line) if number not in read and "gen_num" in line else None
        if stated:
            severity = None if run.result.is_closed else Severity.WARNING
            yield Problem(
                "gen_num is not a number",
                found=stated[1].strip(),
                required="the number of scored answers",
                path=str(run.score_path),
                line=number,
                severity=severity,
            )
