"""ACC: the score of the accuracy run, in accuracy.txt."""

from __future__ import annotations

import re
from collections.abc import Iterator

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules._shared import CHECK_RESULTS_DIR, severity_in_open
from submitter.rulebook import Rulebook
from submitter.submission.accuracy_text import Reading, values
from submitter.submission.runs import AccuracyRun

_CHECK = "official: checks/accuracy_check.py, accuracy_result_check; submission_checker.py, check_accuracy_dir; "
_SCORED = ["STR002", "STR003", "STR005", "STR007"]
_SHOWN_CHARACTERS = 60
_QUOTED_NUMBER = re.compile(r"(['\"])(\d[\d.]*)\1")


@rule("ACC001", requires=_SCORED, source=_CHECK + "ACC_PATTERN")
def metrics_are_plain_numbers(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """accuracy.txt has every metric of the benchmark, as a plain number.

    numpy writes np.float64(44.4), which no checker can read, and some rounds' checkers do not read a number in quotes.
    They then fail without saying why.
    """
    score = run.score
    severity = severity_in_open(run, book, "ACC001")
    for name, target in run.result.benchmark.accuracy_targets(run.result.scenario).items():
        if not score.readings_of(name) and not target.optional:
            yield _not_found(run, name, severity)
    for reading in score.readings:
        if reading.value is None:
            yield Problem(
                f"{reading.metric} is not a number",
                found=reading.text,
                required="a number",
                path=str(run.score_path),
                line=reading.line,
                hint=f"write {reading.metric} as a plain number",
            )


def _not_found(run: AccuracyRun, name: str, severity: Severity | None) -> Problem:
    path, near = str(run.score_path), _stated(run, name)
    if not near:
        hint = "score the accuracy run again: submitter score"
        return Problem(f"the score has no {name}", required=name, path=path, hint=hint, severity=severity)
    found = near[1].strip()
    return Problem(
        f"{name} is not a plain number",
        found=found[:_SHOWN_CHARACTERS],
        required="a number",
        path=path,
        line=run.score_text.count("\n", 0, near.start()) + 1,
        hint=_as_plain_number(name, found),
        severity=severity,
    )


def _stated(run: AccuracyRun, name: str) -> re.Match[str] | None:
    """What accuracy.txt states for a metric, whether or not it is a number: the first group."""
    return re.search(rf"['\"]?{re.escape(name)}['\"]?\s*[:=]\s*([^,}}\n]*)", run.score_text)


def _as_plain_number(name: str, found: str) -> str:
    """How to write what was found as a number."""
    if quoted := _QUOTED_NUMBER.fullmatch(found):
        number = quoted[2][:_SHOWN_CHARACTERS]
        return f"write {number} without quotes: this round's checker does not read a number in quotes"
    if "(" in found:
        return f"write {name} as a plain number: float(...) removes numpy's type"
    return f"write {name} as a plain number"


@rule(
    "ACC002",
    requires=_SCORED,
    source=_CHECK + "accuracy-target and accuracy-upper-limit",
    smoke="a smoke run scores a part of the data set, and the targets are for the whole",
)
def score_on_target(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The score reaches the benchmark's targets, and is not above its upper limits.

    The rule applies to the closed and network divisions.
    """
    if not run.result.is_closed:
        return
    targets = run.result.benchmark.accuracy_targets(run.result.scenario)
    for reading in run.score.readings:
        target, value = targets[reading.metric], reading.value
        if value is None:
            continue
        if not value >= target.lower:
            hint = "use a less lossy quantization, or submit to the open division"
            yield _off_target(run, "misses the target", reading, f"at least {target.lower:.6g}", hint)
        if target.upper is not None and not value <= target.upper:
            hint = "answers this long mean that the model does not stop at the end of its answer"
            yield _off_target(run, "is above its upper limit", reading, f"at most {target.upper:.6g}", hint)


def _off_target(run: AccuracyRun, what: str, reading: Reading, required: str, hint: str) -> Problem:
    found = f"{reading.value:.6g}"
    # Where rounding makes the value equal to the target, the value is shown as accuracy.txt has it.
    found = reading.text[:_SHOWN_CHARACTERS] if required.endswith(f" {found}") else found
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
    """The score covers all samples of the data set.

    The official checker never compares gen_num: a score of the 100 best samples passes. The open division requires no
    accuracy, so this is only a warning there.
    """
    severity = None if run.result.is_closed else Severity.WARNING
    required = run.result.benchmark.accuracy_samples(run.result.scenario)
    for value, line in values(run.score_text, "gen_num", book.accuracy_patterns):
        if value != required:
            yield Problem(
                "the score does not cover the data set",
                found=f"{value:.6g}",
                required=f"gen_num {required}",
                path=str(run.score_path),
                line=line,
                severity=severity,
            )


@rule(
    "ACC014",
    requires=_SCORED,
    source=CHECK_RESULTS_DIR,
    hint="score the accuracy run: submitter score",
)
def open_result_has_a_score(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """A result of the open division states an accuracy, however low.

    Where the round's checker does not require it, a number in quotes counts, too: the reference implementation of
    stable-diffusion-xl writes its scores so.
    """
    if run.result.is_closed or run.score.readings:
        return
    names = run.result.benchmark.accuracy_targets(run.result.scenario)
    stated = [near[1].strip() for name in names if (near := _stated(run, name))]
    if "ACC014" not in book.checker.not_enforced or not any(map(_QUOTED_NUMBER.fullmatch, stated)):
        required = f"one of {', '.join(names)}"
        yield Problem("the score has no metric of the benchmark", required=required, path=str(run.score_path))
