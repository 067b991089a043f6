"""CON: the figures of one detail log against each other. LoadGen computes them from the same samples, so they agree."""

from __future__ import annotations

import math
from collections.abc import Iterator

from submitter import early_stopping
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import LOG_COMPLETE, clock_s, log_problem
from submitter.model import Scenario
from submitter.rulebook import Rulebook
from submitter.submission import latencies
from submitter.submission.latencies import number
from submitter.submission.runs import PerformanceRun
from submitter.units import MS_PER_S, NS_PER_MS, NS_PER_S

_RESULTS = "LoadGen results.cc, "
_COPY = "copy the run's own log again, as LoadGen wrote it"
# LoadGen prints six digits of a rate, and a product has the rounding error of each of its factors.
_RELATIVE = 2e-5
_CLOCK_TOLERANCE_S = 0.01
_HOUR_S = 3600.0
_SCHEDULE_SIGMAS = 6


@rule("CON001", requires=LOG_COMPLETE, origin="integrity", source=_RESULTS + "ProcessLatencies", hint=_COPY)
def percentiles_in_order(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Each latency is at least that of the rank below, and no first token is later than the whole answer."""
    log = run.log
    for kind in latencies.KINDS:
        if wrong := latencies.out_of_order(log, kind):
            lower, higher = wrong
            message = f"a higher rank of {kind.name} has a lower value"
            found, required = f"{number(log, higher):.0f} ns", f"at least {number(log, lower):.0f} ns, as {lower}"
            yield log_problem(run, higher, message, found=found, required=required)
    for (first_key, _), (key, _) in zip(latencies.TTFT.ranks, latencies.LATENCY.ranks, strict=True):
        first, whole = number(log, first_key), number(log, key)
        if first is not None and whole is not None and first > whole:
            message, required = "the first token is later than the whole answer", f"at most {whole:.0f} ns, as {key}"
            yield log_problem(run, first_key, message, found=f"{first:.0f} ns", required=required)


@rule(
    "CON002",
    requires=LOG_COMPLETE,
    origin="integrity",
    source=_RESULTS + "LogDetail; loadgen.cc, IssueQueries",
    hint=_COPY,
)
def rates_counts_and_durations_agree(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Rates, counts and durations agree.

    The log gives each of them in more than one way: the tokens by their rate and by the mean latency, a duration by
    the rate and by the clock.
    """
    scenario = latencies.scenario_of(run.log)
    if scenario is Scenario.SERVER:
        yield from _server(run)
    elif scenario is Scenario.OFFLINE:
        yield from _offline(run)
    elif scenario is Scenario.SINGLE_STREAM:
        mean_ns = number(run.log, latencies.LATENCY.mean)
        key = "result_qps_without_loadgen_overhead"
        rate = number(run.log, key)
        if mean_ns and rate is not None and not _near(rate, NS_PER_S / mean_ns):
            message = "the rate does not follow from the mean latency"
            yield log_problem(run, key, message, found=f"{rate:g}", required=f"{NS_PER_S / mean_ns:g}")


def _near(value: float, expected: float) -> bool:
    return abs(value - expected) <= _RELATIVE * abs(expected)


def _clock_near_s(run: PerformanceRun, expected_s: float) -> float | None:
    """Seconds from the run's start to its last answer, by the wall clock; None where the log has no times.

    If daylight saving time began or ended during the run, the clock is off by an hour. So of the clock's duration and
    those an hour shorter and longer, the one nearest to `expected_s` is returned.
    """
    measured_s = clock_s(run)
    if measured_s is None:
        return None
    return min((measured_s, measured_s - _HOUR_S, measured_s + _HOUR_S), key=lambda each_s: abs(each_s - expected_s))


def _server(run: PerformanceRun) -> Iterator[Problem]:
    log, queries = run.log, latencies.queries_of(run.log)
    completed_key, scheduled_key = "result_completed_samples_per_sec", "result_scheduled_samples_per_sec"
    completed, scheduled = number(log, completed_key), number(log, scheduled_key)
    if queries is None or completed is None or completed <= 0:
        return
    if scheduled is not None and completed > scheduled * (1 + _RELATIVE):
        message = "more queries per second were completed than scheduled"
        yield log_problem(run, completed_key, message, found=f"{completed:g}", required=f"at most {scheduled:g}")
    done_s = (queries - 1) / completed
    measured_s = _clock_near_s(run, done_s)
    if measured_s is not None and done_s > measured_s + _CLOCK_TOLERANCE_S + _RELATIVE * done_s:
        message = "at this rate the queries take longer than the run lasted by the clock"
        found, required = f"{queries} queries, {done_s:.1f} s", f"at most {measured_s:.1f} s"
        yield log_problem(run, completed_key, message, found=found, required=required)
    longest_ns = number(log, latencies.LATENCY.longest)
    if measured_s is not None and scheduled and longest_ns is not None:
        latest_s = (queries - 1) / scheduled + longest_ns / NS_PER_S
        if measured_s > latest_s + _CLOCK_TOLERANCE_S + _RELATIVE * latest_s:
            message = "by the clock the run ended later than its last query can have ended"
            found, required = f"{measured_s:.1f} s", f"at most {latest_s:.1f} s"
            yield log_problem(run, "power_end", message, found=found, required=required)
    rate_key = "result_completed_tokens_per_second"
    rate, per_ns = number(log, rate_key), number(log, "result_token_throughput")
    mean_ns = number(log, latencies.LATENCY.mean)
    if rate is not None and per_ns is not None and mean_ns is not None:
        by_latency, by_rate = per_ns * mean_ns * queries, rate * done_s
        if not _near(by_rate, by_latency):
            message = "the token rate and the mean latency give different numbers of tokens"
            found, required = f"{by_rate:.6g} tokens", f"{by_latency:.6g} tokens"
            yield log_problem(run, rate_key, message, found=found, required=required)


def _offline(run: PerformanceRun) -> Iterator[Problem]:
    log = run.log
    key = "result_samples_per_second"
    rate, longest_ns = number(log, key), number(log, latencies.LATENCY.longest)
    if rate is None or longest_ns is None:
        return
    duration_s = longest_ns / NS_PER_S
    measured_s = _clock_near_s(run, duration_s)
    if measured_s is not None and abs(measured_s - duration_s) > _CLOCK_TOLERANCE_S + _RELATIVE * duration_s:
        message = "the longest latency is not the run's duration by the clock"
        found, required = f"{duration_s:.2f} s", f"{measured_s:.2f} s"
        yield log_problem(run, latencies.LATENCY.longest, message, found=found, required=required)
    generated, loaded = number(log, "generated_samples_per_query"), number(log, "effective_performance_sample_count")
    if generated is None or not loaded or loaded < 1:
        return
    # In equal issue mode LoadGen enlarges the query to a multiple of the number of loaded samples.
    expected = [generated, math.ceil(generated / loaded) * loaded]
    samples = rate * duration_s
    if not any(_near(samples, count) for count in expected):
        message = "the rate and the duration do not give the number of samples"
        required = " or ".join(f"{count:.0f}" for count in expected)
        yield log_problem(run, key, message, found=f"{samples:.6g} samples", required=required)


@rule(
    "CON003",
    requires=LOG_COMPLETE,
    origin="integrity",
    source=_RESULTS + "MinDurationMet, MinQueriesMet, PerfConstraintsMet, EarlyStopping",
    hint=_COPY,
)
def conditions_follow_from_figures(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """A condition that LoadGen reports as met is met by the log's own figures.

    All four conditions are computed again. Early stopping is computed from the number of queries and how many were
    over the limit.
    """
    log, queries = run.log, latencies.queries_of(run.log)
    if (key := "result_min_duration_met") in log and log[key] is True:
        lasted_ms, required_ms = latencies.lasted_ms(log), number(log, "effective_min_duration_ms")
        if lasted_ms is not None and required_ms is not None and lasted_ms < required_ms * (1 - _RELATIVE):
            message = "the minimum duration is reported as met, but by its rate the run was shorter"
            found, required = f"{lasted_ms / MS_PER_S:.3f} s", f"at least {required_ms / MS_PER_S:g} s"
            yield log_problem(run, key, message, found=found, required=required)
    scenario = latencies.scenario_of(log)
    least = number(log, "effective_min_query_count")
    if queries is None or scenario is Scenario.OFFLINE:
        return
    if log[key := "result_min_queries_met"] is True and least is not None and queries < least:
        message = "the minimum number of queries is reported as met, but there are fewer"
        yield log_problem(run, key, message, found=str(queries), required=f"at least {least:.0f}")
    percentile = latencies.target_percentile(log)
    if percentile is None:
        return
    for limit in latencies.limits_of(log):
        yield from _limit_met(run, limit, queries, percentile)
    key, name = "early_stopping_latency_ss", latencies.LATENCY.key(f"{percentile * 100:.2f}")
    if scenario is Scenario.SINGLE_STREAM and log["requested_use_token_latencies"] is not True:
        estimate_ns, floor, ceiling = (number(log, k) for k in (key, name, latencies.LATENCY.longest))
        if estimate_ns and floor is not None and ceiling is not None and not floor <= estimate_ns <= ceiling:
            message = "early stopping's estimate is not between the percentile and the longest latency"
            found, required = f"{estimate_ns:.0f} ns", f"{floor:.0f} to {ceiling:.0f} ns"
            yield log_problem(run, key, message, found=found, required=required)


def _limit_met(run: PerformanceRun, limit: latencies.Limit, queries: int, percentile: float) -> Iterator[Problem]:
    log, limit_ms = run.log, limit.limit_ns / NS_PER_MS
    key = limit.kind.key(f"{percentile * 100:.2f}")
    found_ns = number(log, key)
    if log["result_perf_constraints_met"] is True and found_ns is not None and found_ns > limit.limit_ns:
        message = f"the limit of {limit.kind.name} is reported as met, but the percentile is over it"
        found, required = f"{found_ns / NS_PER_MS:g} ms", f"at most {limit_ms:g} ms"
        yield log_problem(run, key, message, found=found, required=required)
    if log[key := "early_stopping_met"] is not True:
        return
    over = latencies.server_over_limit(log, limit, queries)
    if not early_stopping.passes(queries, over.least, percentile):
        message = f"early stopping is reported as met, but too many queries are over the limit of {limit.kind.name}"
        needed = early_stopping.queries_needed(over.least, percentile)
        found = f"at least {over.least} of {queries} over {limit_ms:g} ms"
        required = f"at least {needed} queries if {over.least} are over the limit"
        yield log_problem(run, key, message, found=found, required=required)


@rule(
    "CON005",
    requires=LOG_COMPLETE,
    origin="integrity",
    source="LoadGen loadgen.cc, ScheduleDistribution: a Poisson process of target_qps",
    hint=_COPY,
)
def scheduled_at_target_rate(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Queries were scheduled at the target rate, within what chance allows."""
    log, queries = run.log, latencies.queries_of(run.log)
    target, key = number(log, "effective_target_qps"), "result_scheduled_samples_per_sec"
    scheduled = number(log, key)
    if latencies.scenario_of(log) is not Scenario.SERVER or queries is None or not target or scheduled is None:
        return
    # LoadGen truncates the time between two queries to whole nanoseconds.
    tolerance = _SCHEDULE_SIGMAS / queries**0.5 + abs(target) / NS_PER_S + _RELATIVE
    if abs(scheduled / target - 1) > tolerance:
        message = "the queries were not scheduled at the target rate"
        found, required = f"{scheduled:g} per second", f"{target:g}, within {tolerance:.2%}"
        yield log_problem(run, key, message, found=found, required=required)
