"""ACC: the score of the accuracy run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.rulebook import Rulebook
from submitter.submission.accuracy_text import Reading, values
from submitter.submission.runs import AccuracyRun

_CHECK = "official: checks/accuracy_check.py, accuracy_result_check; submission_checker.py, check_accuracy_dir; "
_SCORED = ["STR002", "STR003", "STR005", "STR007"]
_SHOWN_CHARACTERS = 60


def open_severity(run: AccuracyRun, book: Rulebook, rule_id: str) -> Severity | None:
    """A warning where the round's official checker takes the open division's result nevertheless."""
    forgiven = not run.result.is_closed and rule_id in book.checker.forgiven_in_open
    return Severity.WARNING if forgiven else None


@rule("ACC001", requires=_SCORED, source=_CHECK + "ACC_PATTERN")
def metrics_readable(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """accuracy.txt has every metric of the benchmark, as a plain number.

    numpy writes np.float64(44.4), which no checker reads; the official one fails then without saying why.
    """
    score = run.score
    severity = open_severity(run, book, "ACC001")
    for name, target in run.result.benchmark.accuracy_targets(run.result.scenario).items():
        if not score.of(name) and not target.optional:
            yield _not_found(run, name, severity)
    for reading in score.readings:
        if reading.value is None:
            hint = f"write {reading.metric} as a plain number"
            path = str(run.score_path)
            yield Problem(
                f"{reading.metric} is no number",
                found=reading.spelled,
                required="a number",
                path=path,
                line=reading.line,
                hint=hint,
            )


def _not_found(run: AccuracyRun, name: str, severity: Severity | None) -> Problem:
    text, path = run.score_text, str(run.score_path)
    near = re.search(rf"['\"]?{re.escape(name)}['\"]?\s*[:=]\s*([^,}}\n]*)", text)
    if not near:
        hint = "score the accuracy run again: submitter score"
        return Problem(
            f"the score has no {name}", found="", required=name, path=path, line=None, hint=hint, severity=severity
        )
    found, line = near[1].strip()[:_SHOWN_CHARACTERS], text.count("\n", 0, near.start()) + 1
    hint = f"write {name} as a plain number: float(...) removes numpy's type"
    return Problem(
        f"{name} is no plain number",
        found=found,
        required="a number",
        path=path,
        line=line,
        hint=hint,
        severity=severity,
    )


@rule(
    "ACC002",
    requires=_SCORED,
    source=_CHECK + "accuracy-target and accuracy-upper-limit",
    smoke="a smoke run scores a part of the data set, and the targets hold for the whole",
)
def accuracy_target(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The score reaches the benchmark's targets, and stays under its upper limits.

    Demanded of the closed and network divisions.
    """
    if not run.result.is_closed:
        return
    targets = run.result.benchmark.accuracy_targets(run.result.scenario)
    for reading in run.score.readings:
        target, value = targets[reading.metric], reading.value
        if value is None:
            continue
        if not value >= target.lower:
            hint = "a less lossy quantisation, or the open division"
            yield _off_target(run, "misses the target", reading, f"at least {target.lower:.6g}", hint)
        if target.upper is not None and not value <= target.upper:
            hint = "answers this long mean that the end of the text is not recognised"
            yield _off_target(run, "is over its upper limit", reading, f"at most {target.upper:.6g}", hint)


def _off_target(run: AccuracyRun, what: str, reading: Reading, required: str, hint: str) -> Problem:
    found = f"{reading.value:.6g}"
    # A value that misses by less than it is shown with is shown as it is spelled.
    found = reading.spelled[:_SHOWN_CHARACTERS] if required.endswith(f" {found}") else found
    return Problem(
        f"{reading.metric} {what}",
        found=found,
        required=required,
        path=str(run.score_path),
        line=reading.line,
        hint=hint,
    )


@rule(
    "ACC004",
    requires=_SCORED,
    origin="policy",
    source="inference_rules.adoc, section Constraints for the Closed division: one copy of the data set",
    hint="score the untruncated log of the whole data set",
    smoke="a smoke run scores a part of the data set",
)
def all_samples_scored(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The score was made of all samples of the data set.

    The official checker never compares gen_num: a score of the 100 best samples passes. In the open division, which
    demands no accuracy, it is only worth a warning.
    """
    severity = None if run.result.is_closed else Severity.WARNING
    required = run.result.benchmark.accuracy_samples(run.result.scenario)
    for value, line in values(run.score_text, "gen_num", book.accuracy_patterns):
        if value != required:
            message = "the score does not cover the data set"
            path = str(run.score_path)
            yield Problem(
                message, found=f"{value:.6g}", required=f"gen_num {required}", path=path, line=line, severity=severity
            )


@rule(
    "ACC014",
    requires=_SCORED,
    source="official: submission_checker.py, check_results_dir",
    hint="score the accuracy run: submitter score",
)
def open_has_a_score(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """A result of the open division states an accuracy, however low."""
    if run.result.is_closed or run.score.readings:
        return
    names = ", ".join(run.result.benchmark.accuracy_targets(run.result.scenario))
    yield Problem("the score has no metric of the benchmark", required=f"one of {names}", path=str(run.score_path))
