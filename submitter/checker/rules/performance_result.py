"""PRF: the outcome of the performance run: LoadGen's verdict, its duration, and the figure that is the result."""

from __future__ import annotations

import math
from collections.abc import Iterator

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import (
    LOG_COMPLETE,
    LOG_READABLE,
    PERFORMANCE_CHECK,
    SCENARIO_RULES,
    clock_s,
    log_problem,
)
from submitter.model import Scenario
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.metric import is_early_stopped, ran_scenario, run_metric
from submitter.submission.runs import PerformanceRun
from submitter.units import MS_PER_S

_CLOCK_TOLERANCE_MS = 1000.0
# LoadGen's four conditions for a valid run.
_CONDITIONS = (
    "result_perf_constraints_met",
    "result_min_duration_met",
    "result_min_queries_met",
    "early_stopping_met",
)


@rule(
    "PRF007",
    requires=[*LOG_READABLE, "PRF006"],
    origin="policy",
    source=SCENARIO_RULES + "; LoadGen's result_min_duration_met, power_begin and power_end",
    hint="run it again; raise target_qps if the run ended early",
    smoke="a smoke run is short: it only shows that everything works",
)
def minimum_duration_reached(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The run lasted at least the minimum duration.

    The official checker reads only the requested duration.
    """
    key = "result_min_duration_met"
    if run.log[key] is False:
        yield log_problem(run, key, "the run ended before its minimum duration", found="false", required="true")
    required_ms, measured_s = book.min_duration_ms(run.result.official_name), clock_s(run)
    if measured_s is None:
        return
    measured_ms = measured_s * MS_PER_S
    if 0 <= measured_ms < required_ms - _CLOCK_TOLERANCE_MS:
        yield log_problem(
            run,
            "power_end",
            "the run was shorter than the round's minimum duration",
            found=f"{measured_ms:.0f} ms",
            required=f"at least {required_ms} ms",
        )


@rule(
    "PRF010",
    step="performance",
    requires=LOG_READABLE,
    source=PERFORMANCE_CHECK + "get_performance_metric_check; LoadGen results.cc, result_validity",
)
def valid_by_loadgen(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen reports the run as VALID.

    From v6.0 on, the official checker reads this entry, and passes INVALID runs nevertheless.
    """
    verdict = run.text("result_validity")
    if verdict == "VALID":
        return
    reason = run.log["result_invalid_reason"]
    advice = " ".join(reason.split()) if isinstance(reason, str) else ""
    unmet = [key.removeprefix("result_") for key in _CONDITIONS if run.log[key] is False]
    found = verdict + (f" ({', '.join(unmet)} false)" if unmet else "")
    hint = f"LoadGen: {advice}" if advice else "see the reasons in mlperf_log_summary.txt"
    message = "LoadGen reports the run as invalid"
    yield log_problem(run, "result_validity", message, found=found, required="VALID", hint=hint)


@rule(
    "PRF027",
    requires=[*LOG_COMPLETE, "PRF010", "PRF007", "PRF011"],
    origin="integrity",
    source="LoadGen results.cc, LogDetail: a run is valid if its four conditions hold",
    hint="run it again; a log whose verdict contradicts itself is not as LoadGen wrote it",
)
def conditions_of_a_valid_run_met(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """A run that is reported as valid meets each of LoadGen's conditions.

    They are the latencies, the duration, the number of queries and early stopping. LoadGen logs the first for Server
    runs only.
    """
    for key in _CONDITIONS:
        if run.log[key] not in (None, True):
            message = f"the run is reported as valid, but {key.removeprefix('result_')} is not true"
            yield log_problem(run, key, message, found=shown(run.log[key]), required="true")


@rule(
    "PRF011",
    step="performance",
    requires=LOG_READABLE,
    source=PERFORMANCE_CHECK + "latency_check; inference_rules.adoc, appendix Early Stopping Criterion",
    hint="lower target_qps, or run more queries, so that early stopping can decide",
)
def early_stopping_met(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The early stopping criterion is met."""
    key = "early_stopping_met"
    if not is_early_stopped(ran_scenario(run)) or run.log[key]:
        return
    logged = [run.log[f"early_stopping_{part}result"] for part in ("", "ttft_", "tpot_")]
    messages = (" ".join(text.replace("*", " ").split()) for text in logged if isinstance(text, str))
    reason = " ".join(message for message in messages if message)
    message, hint = "the early stopping criterion is not met", f"LoadGen: {reason}" if reason else ""
    yield log_problem(run, key, message, found=shown(run.log[key]), required="true", hint=hint)


@rule(
    "PRF019",
    step="performance",
    requires=LOG_READABLE,
    source=PERFORMANCE_CHECK + "get_performance_metric_check; a figure of 0 counts as no result",
    hint="run it again",
)
def figure_is_not_zero(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The result's figure is not 0."""
    metric, _ = run_metric(run, book)
    if metric.value == 0:
        key = book.metric_key(run.result.official_name, ran_scenario(run))
        yield log_problem(run, key, "the result's figure is 0", found="0", required="above 0")


@rule(
    "PRF023",
    requires=[*LOG_READABLE, "PRF019"],
    origin="integrity",
    source="submitter: what a rate or a latency can be",
    hint="run it again",
)
def figure_is_positive(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The result's figure is a finite number above 0.

    The official checker accepts one below 0, and one that is not a number.
    """
    metric, _ = run_metric(run, book)
    if not metric.value > 0 or math.isinf(metric.value):
        key, message = (
            book.metric_key(run.result.official_name, ran_scenario(run)),
            "the result's figure is not above 0",
        )
        if metric.value > 0:
            message = "the result's figure is infinite"
        yield log_problem(run, key, message, found=f"{metric.value:g}", required="a finite number above 0")


@rule(
    "PRF024",
    step="performance",
    requires=LOG_READABLE,
    source=PERFORMANCE_CHECK + "get_inferred_result; LoadGen early_stopping.cc",
    hint="run more queries: early stopping needs at least 64 to estimate a 99th percentile",
)
def inferred_estimate_present(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """A MultiStream result that is inferred from a SingleStream run has early stopping's estimate."""
    key = "early_stopping_latency_ms"
    scenarios = (ran_scenario(run), run.result.scenario)
    if scenarios == (Scenario.SINGLE_STREAM, Scenario.MULTI_STREAM) and run.number(key) == 0:
        yield log_problem(run, key, "early stopping made no estimate", found="0", required="above 0")
