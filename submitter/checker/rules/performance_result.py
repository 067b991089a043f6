"""PRF: what came of the performance run, whose figure is the result."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import counted_errors, entry
from submitter.model import Scenario
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.metric import is_early_stopped, ran_scenario, run_metric
from submitter.submission.runs import PerformanceRun

_CHECK = "official: check_performance_dir; checks/performance_check.py "
_SCENARIOS = "inference_policies inference_rules.adoc, section Scenarios"
_LOG = ["STR001", "STR002", "STR005", "STR007"]
_NS_PER_MS = 1e6

TTFT_KEY = "result_first_token_99.00_percentile_latency_ns"
TPOT_KEY = "result_time_per_output_token_99.00_percentile_ns"
_CLOCK = "%m-%d-%Y %H:%M:%S.%f"
_CLOCK_TOLERANCE_MS = 1000.0


@rule(
    "PRF007",
    requires=[*_LOG, "PRF006"],
    origin="policy",
    source=_SCENARIOS + "; LoadGen's result_min_duration_met, power_begin and power_end",
    hint="run again; raise target_qps where the run ended early",
    smoke="a smoke run is short: it only shows that everything works",
)
def duration_measured(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The run lasted as long as it had to.

    The official checker reads only the duration that was asked for.
    """
    if run.log["result_min_duration_met"] is False:
        yield entry(run, "result_min_duration_met", "the run ended before its minimum duration", "false", "true")
    begin, end = run.log["power_begin"], run.log["power_end"]
    required = book.min_duration_ms(run.result.official_name)
    try:
        measured_ms = (
            datetime.strptime(str(end), _CLOCK) - datetime.strptime(str(begin), _CLOCK)
        ).total_seconds() * 1e3
    except ValueError:
        return  # logs of other LoadGen builds have no clock, or another form of it
    if 0 <= measured_ms < required - _CLOCK_TOLERANCE_MS:
        yield entry(
            run,
            "power_end",
            "the run was shorter than it had to be",
            f"{measured_ms:.0f} ms",
            f"at least {required} ms",
        )


@rule(
    "PRF010",
    step="performance",
    requires=_LOG,
    source=_CHECK + "get_performance_metric_check; LoadGen results.cc, result_validity",
)
def valid_by_loadgen(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen calls the run VALID.

    From v6.0 on the official checker reads this line, and passes INVALID runs nevertheless.
    """
    verdict = run.text("result_validity")
    if verdict == "VALID":
        return
    reason = run.log["result_invalid_reason"]
    advice = " ".join(reason.split()) if isinstance(reason, str) else ""
    unmet = [
        name.removeprefix("result_")
        for name in (
            "result_perf_constraints_met",
            "result_min_duration_met",
            "result_min_queries_met",
            "early_stopping_met",
        )
        if run.log[name] is False
    ]
    found = verdict + (f" ({', '.join(unmet)} false)" if unmet else "")
    hint = f"LoadGen: {advice}" if advice else "see the reasons in mlperf_log_summary.txt"
    yield entry(run, "result_validity", "LoadGen calls the run invalid", found, "VALID", hint)


@rule(
    "PRF011",
    step="performance",
    requires=_LOG,
    source=_CHECK + "latency_check; inference_rules.adoc, appendix Early Stopping Criterion",
    hint="lower target_qps, or run more queries, so that early stopping can decide",
)
def early_stopping(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Early stopping's condition was met."""
    if not is_early_stopped(ran_scenario(run)) or run.log["early_stopping_met"]:
        return
    messages = [run.log[f"early_stopping_{part}result"] for part in ("", "ttft_", "tpot_")]
    words = (message.replace("*", " ").split() for message in messages if isinstance(message, str))
    said = " ".join(" ".join(part) for part in words if part)
    yield entry(
        run,
        "early_stopping_met",
        "early stopping's condition was not met",
        shown(run.log["early_stopping_met"]),
        "true",
        f"LoadGen: {said}" if said else "",
    )


@rule(
    "PRF013",
    step="performance",
    requires=[*_LOG, "PRF002", "PRF014", "PRF020"],
    source=_CHECK + "extra_check_llm; LLM_LATENCY_LIMITS, by the folder's scenario",
    hint="lower target_qps until both 99th percentiles are below their limits",
)
def token_latencies(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Time to first token and time per output token are below their limits, at the 99th percentile."""
    yield from _token_latencies(run, run.result.scenario)


@rule(
    "PRF020",
    step="performance",
    requires=[*_LOG, "PRF014"],
    source=_CHECK + "llm_check; LLM_LATENCY_LIMITS, by the log's scenario",
    hint="lower target_qps until both 99th percentiles are below their limits",
)
def token_latencies_of_the_log(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Time to first token and time per output token are below the limits of the scenario that LoadGen logged.

    LoadGen logs an Interactive run as Server, and from v6.0 on the official checker then takes Server's limits.
    """
    yield from _token_latencies(run, ran_scenario(run))


def _token_latencies(run: PerformanceRun, scenario: Scenario) -> Iterator[Problem]:
    benchmark = run.result.benchmark
    limits = benchmark.token_latency.get(scenario)
    if limits is None:
        if benchmark.is_llm and scenario in (Scenario.SERVER, Scenario.INTERACTIVE):
            yield Problem("the round has no limits for this benchmark in this scenario", found=scenario.value)
        return
    for what, key, limit_ns in (("TTFT", TTFT_KEY, limits.ttft_ns), ("TPOT", TPOT_KEY, limits.tpot_ns)):
        found_ns = run.number(key)
        if not found_ns < limit_ns:
            yield entry(
                run,
                key,
                f"{what} p99 is not below the {scenario} limit",
                f"{found_ns / _NS_PER_MS:.1f} ms",
                f"below {limit_ns / _NS_PER_MS:g} ms",
            )


@rule(
    "PRF015",
    step="performance",
    requires=_LOG,
    source=_CHECK + "find_error_in_detail_log, loadgen_errors_check; LoadGen's is_error",
)
def no_errors(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen logged no error.

    From v6.0 on the official check of it never fails.
    """
    for error in counted_errors(run.log, book):
        text = shown(error.value)
        if any(ignored in text for ignored in book.ignored_errors):
            continue
        yield Problem(
            "LoadGen logged an error",
            found=text,
            path=str(run.detail_path),
            line=error.line,
            hint="mend its cause and run again",
        )


@rule(
    "PRF026",
    requires=["PRF015"],
    origin="integrity",
    source="LoadGen's is_error",
    hint="copy the run's log again; its own count denies what it tells",
)
def no_error_denied(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The log tells of no error that its own count of errors leaves out."""
    for error in run.log.errors if book.checker.error_count_key else ():
        yield Problem(
            "LoadGen logged an error", found=shown(error.value), required="", path=str(run.detail_path), line=error.line
        )


@rule(
    "PRF019",
    step="performance",
    requires=_LOG,
    source=_CHECK + "get_performance_metric_check; a figure of 0 counts as no result",
    hint="run again",
)
def metric_there(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The result has a figure."""
    metric, _ = run_metric(run, book)
    if metric.value == 0:
        key = book.metric_key(run.result.official_name, ran_scenario(run))
        yield entry(run, key, "the result's figure is 0", "0", "above 0")


@rule(
    "PRF023",
    requires=[*_LOG, "PRF019"],
    origin="integrity",
    source="submitter: what a rate or a latency can be",
    hint="run again",
)
def metric_possible(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The result's figure is a number above 0.

    The official checker takes one below 0, or none at all.
    """
    metric, _ = run_metric(run, book)
    if not metric.value > 0 or math.isinf(metric.value):
        key = book.metric_key(run.result.official_name, ran_scenario(run))
        yield entry(run, key, "the result's figure is not above 0", f"{metric.value:g}", "above 0")


@rule(
    "PRF024",
    step="performance",
    requires=_LOG,
    source=_CHECK + "get_inferred_result; LoadGen early_stopping.cc",
    hint="run more queries: early stopping needs 64 at least to estimate a 99th percentile",
)
def estimate_there(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """A MultiStream result that is inferred from a SingleStream run rests on early stopping's estimate."""
    key = "early_stopping_latency_ms"
    if (ran_scenario(run), run.result.scenario) == (Scenario.SINGLE_STREAM, Scenario.MULTI_STREAM) and run.number(
        key
    ) == 0:
        yield entry(run, key, "early stopping could make no estimate", "0", "above 0")
