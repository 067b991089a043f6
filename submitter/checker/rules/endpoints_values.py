"""EPT: the values in the files of mlcommons/endpoints: each has its type, and is possible."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import ENDPOINTS_JUDGED, endpoints_problem, endpoints_rules
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.endpoints_runs import EndpointsAccuracy, EndpointsPerformance
from submitter.submission.latencies import LATENCY, TPOT, TTFT

_REPORT = "mlcommons/endpoints metrics/report.py"
_COPY_AGAIN = "copy the file again, as endpoints wrote it"
# The figures of a run, and whether 0 is one.
_FIGURES = {
    "qsl_reported_total_count": False,
    "generated_query_count": False,
    "generated_query_duration": False,
    "result_completed_samples_per_sec": False,
    "result_completed_tokens_per_second": True,
    "result_mean_latency_ns": False,
    LATENCY.key("90.00"): False,
    LATENCY.key("99.00"): False,
    TTFT.key("99.00"): True,
    TPOT.key("99.00"): True,
    "num_errors": True,
}


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


@rule("EPT026", requires=ENDPOINTS_JUDGED, origin="integrity", source=_REPORT, hint=_COPY_AGAIN)
def figures_are_possible(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The figures in the result summary are finite numbers, and those that are positive by nature are above 0.

    The official checker compares latencies with their limits only from above, and ignores text.
    """
    for key, zero_is_possible in _FIGURES.items():
        value = run.figure(key)
        if value is None:
            continue
        if not _is_number(value):
            yield endpoints_problem(run, f"{key} is not a number", found=shown(value), required="a finite number")
        elif value < 0 or not (value or zero_is_possible):
            required = "0 or above" if zero_is_possible else "above 0"
            yield endpoints_problem(run, f"{key} is not a possible figure", found=shown(value), required=required)


# The spreads in the result summary. Their `min` may be negative: in one published summary the least TPOT is.
_SPREADS = ("latency", "ttft", "tpot", "output_sequence_lengths")


@rule("EPT029", requires=ENDPOINTS_JUDGED, origin="integrity", source=_REPORT, hint=_COPY_AGAIN)
def summary_is_of_a_complete_run(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The result summary is of a complete run, and its spreads consist of numbers.

    The official checker reads one or two of these numbers.
    """
    complete = run.document.get("complete", True)
    if complete is not True:
        yield endpoints_problem(run, "the run is not complete", found=shown(complete), required="complete: true")
    for name in _SPREADS:
        spread = run.document.get(name)
        for where, value in _leaves(spread, name) if isinstance(spread, (dict, list)) else [(name, spread)]:
            if value is not None and not (_is_number(value) and (value >= 0 or where.endswith("/min"))):
                message = f"{where} is not a possible number"
                yield endpoints_problem(run, message, found=shown(value), required="a number of at least 0")


def _leaves(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """The values at the ends of nested objects and lists, each with its path. JSON of the file is at most 64 deep."""
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in parts:
        if isinstance(part, (dict, list)):
            yield from _leaves(part, f"{where}/{name}")
        else:
            yield f"{where}/{name}", part


@rule(
    "EPT030",
    requires=["STR007", "EPT015"],
    origin="integrity",
    source="mlcommons/endpoints compliance: audit_<test>.json",
    hint="run the audit of endpoints again and copy its verdict here",
)
def audit_verdicts_are_flags(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """An audit's verdict is true or false. The official checker takes any text for true, even "false"."""
    audits = endpoints_rules(book).audits
    for name in (audits[test] for test in run.result.benchmark.compliance if test in audits):
        path = run.audit_path(name)
        if run.files.kind(path) is not None and run.audit(name).get("passed") is not True:
            passed = run.audit(name).get("passed")
            yield Problem("the verdict is not true or false", found=shown(passed), required="true", path=str(path))


@rule("EPT027", requires=[*ENDPOINTS_JUDGED, "EPT020"], origin="integrity", source=_REPORT, hint="score the run again")
def scores_are_numbers(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """Each score of the accuracy run is a number, or has numbers by name; none is infinite or below 0."""
    for number, entry in enumerate(run.accuracy_scores):
        if entry.get("complete", True) is not True:
            message, found = f"score {number + 1} is of an incomplete run", shown(entry["complete"])
            yield endpoints_problem(run, message, found=found, required="complete: true")
        stated = entry.get("score")
        values = stated.items() if stated and isinstance(stated, dict) else [("score", stated)]
        for name, value in values:
            if not _is_score(value):
                message, required = f"{name} of score {number + 1} is not a number", "a finite number of at least 0"
                yield endpoints_problem(run, message, found=shown(value), required=required)


def _is_score(value: object) -> bool:
    if isinstance(value, str):  # the official checker converts text
        try:
            value = float(value)
        except ValueError:
            return False
    return _is_number(value) and value >= 0  # type: ignore[operator]


@rule("EPT028", requires=ENDPOINTS_JUDGED, origin="integrity", source=_REPORT, hint="run it again")
def failures_are_counted(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """The accuracy run's count of failed requests, if it has one, is a number."""
    failed = run.figure("num_errors")
    if failed is not None and not (_is_number(failed) and failed >= 0):
        message = "the number of failed requests is not a number"
        yield endpoints_problem(run, message, found=shown(failed), required="0")
