"""CON: the figures of a run against one another. LoadGen computes them from the same samples, so they must agree."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

from submitter import early_stopping
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import entry
from submitter.model import Scenario
from submitter.rulebook import Rulebook
from submitter.submission import latencies
from submitter.submission.latencies import number
from submitter.submission.runs import PerformanceRun

_RESULTS = "LoadGen results.cc, "
_COPY = "copy the run's own log again, as LoadGen wrote it"
_LOG = ["STR001", "STR002", "STR005", "STR007", "PRF001"]
# LoadGen prints six digits of a rate; a product of some has that error of each.
_RELATIVE = 2e-5
_CLOCK = "%m-%d-%Y %H:%M:%S.%f"
_CLOCK_S = 0.01
_NS_PER_S = 1e9
_HOUR_S = 3600.0
_SCHEDULE_SIGMAS = 6


@rule("CON001", requires=_LOG, origin="integrity", source=_RESULTS + "ProcessLatencies", hint=_COPY)
def percentiles_in_order(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Each latency is at least the one of the rank below it, and a first token is not later than the whole answer."""
    log = run.log
    for kind in latencies.KINDS:
        if wrong := latencies.out_of_order(log, kind):
            lower, higher = wrong
            found, required = f"{number(log, higher):.0f} ns", f"at least {number(log, lower):.0f} ns, as {lower}"
            yield entry(run, higher, f"a higher rank of {kind.name} has a shorter time", found, required)
    for (first_key, _), (key, _) in zip(latencies.TTFT.ranks, latencies.LATENCY.ranks, strict=True):
        first, whole = number(log, first_key), number(log, key)
        if first is not None and whole is not None and first > whole:
            message = "the first token is later than the whole answer"
            yield entry(run, first_key, message, f"{first:.0f} ns", f"at most {whole:.0f} ns, as {key}")


@rule("CON002", requires=_LOG, origin="integrity", source=_RESULTS + "LogDetail; loadgen.cc, IssueQueries", hint=_COPY)
def rates_counts_and_durations(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """A rate, what it counts and the time that it took agree.

    The same run gives each figure in more than one way: tokens by their rate and by the mean latency, a duration by the
    rate and by the clock.
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
        if mean_ns and rate is not None and not _near(rate, _NS_PER_S / mean_ns):
            message = "the rate is not the one of the mean latency"
            yield entry(run, key, message, f"{rate:g}", f"{_NS_PER_S / mean_ns:g}")


def _near(value: float, expected: float) -> bool:
    return abs(value - expected) <= _RELATIVE * abs(expected)


def _clock_s(run: PerformanceRun, expected_s: float) -> float | None:
    """Seconds from the run's start to its last answer by the clock; None for logs without one.

    The clock is the wall's: where summer time began or ended meanwhile it is an hour off, so the nearest counts.
    """
    begin, end = run.log["power_begin"], run.log["power_end"]
    try:
        clock_s = (datetime.strptime(str(end), _CLOCK) - datetime.strptime(str(begin), _CLOCK)).total_seconds()
    except ValueError:
        return None
    return min((clock_s, clock_s - _HOUR_S, clock_s + _HOUR_S), key=lambda shifted_s: abs(shifted_s - expected_s))


def _server(run: PerformanceRun) -> Iterator[Problem]:
    log, queries = run.log, latencies.queries_of(run.log)
    completed_key, scheduled_key = "result_completed_samples_per_sec", "result_scheduled_samples_per_sec"
    completed, scheduled = number(log, completed_key), number(log, scheduled_key)
    if queries is None or completed is None or completed <= 0:
        return
    if scheduled is not None and completed > scheduled * (1 + _RELATIVE):
        message = "more queries were completed in a second than were scheduled"
        yield entry(run, completed_key, message, f"{completed:g}", f"at most {scheduled:g}")
    done_s = (queries - 1) / completed
    clock_s = _clock_s(run, done_s)
    if clock_s is not None and done_s > clock_s + _CLOCK_S + _RELATIVE * done_s:
        message = "at this rate the queries take longer than the run did by its clock"
        yield entry(run, completed_key, message, f"{queries} queries, {done_s:.1f} s", f"at most {clock_s:.1f} s")
    longest_ns = number(log, latencies.LATENCY.longest)
    if clock_s is not None and scheduled and longest_ns is not None:
        latest_s = (queries - 1) / scheduled + longest_ns / _NS_PER_S
        if clock_s > latest_s + _CLOCK_S + _RELATIVE * latest_s:
            message = "by its clock the run ended later than its last query can have"
            yield entry(run, "power_end", message, f"{clock_s:.1f} s", f"at most {latest_s:.1f} s")
    rate_key = "result_completed_tokens_per_second"
    rate, per_ns = number(log, rate_key), number(log, "result_token_throughput")
    mean_ns = number(log, latencies.LATENCY.mean)
    if rate is not None and per_ns is not None and mean_ns is not None:
        by_latency, by_rate = per_ns * mean_ns * queries, rate * done_s
        if not _near(by_rate, by_latency):
            message = "the tokens by their rate are not the tokens by the mean latency"
            yield entry(run, rate_key, message, f"{by_rate:.6g} tokens", f"{by_latency:.6g} tokens")


def _offline(run: PerformanceRun) -> Iterator[Problem]:
    log = run.log
    key = "result_samples_per_second"
    rate, longest_ns = number(log, key), number(log, latencies.LATENCY.longest)
    if rate is None or longest_ns is None:
        return
    duration_s = longest_ns / _NS_PER_S
    clock_s = _clock_s(run, duration_s)
    if clock_s is not None and abs(clock_s - duration_s) > _CLOCK_S + _RELATIVE * duration_s:
        message = "the longest latency is not the duration by the run's clock"
        yield entry(run, latencies.LATENCY.longest, message, f"{duration_s:.2f} s", f"{clock_s:.2f} s")
    generated, copy = number(log, "generated_samples_per_query"), number(log, "effective_performance_sample_count")
    if generated is None or not copy or copy < 1:
        return
    # With equal issue LoadGen fills the query up to whole copies of the loaded samples, where they do not fit.
    expected = [generated, math.ceil(generated / copy) * copy]
    samples = rate * duration_s
    if not any(_near(samples, count) for count in expected):
        message = "the rate and the duration do not give the number of samples"
        required = " or ".join(f"{count:.0f}" for count in expected)
        yield entry(run, key, message, f"{samples:.6g} samples", required)


@rule(
    "CON003",
    requires=_LOG,
    origin="integrity",
    source=_RESULTS + "MinDurationMet, MinQueriesMet, PerfConstraintsMet, EarlyStopping",
    hint=_COPY,
)
def verdict_follows(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """What LoadGen calls met is met by the figures beside it.

    All of its four conditions are computed again; early stopping from the number of queries and those over the limit.
    """
    log, queries = run.log, latencies.queries_of(run.log)
    if (key := "result_min_duration_met") in log and log[key] is True:
        lasted_ms, required_ms = latencies.lasted_ms(log), number(log, "effective_min_duration_ms")
        if lasted_ms is not None and required_ms is not None and lasted_ms < required_ms * (1 - _RELATIVE):
            found, required = f"{lasted_ms / 1e3:.3f} s", f"at least {required_ms / 1e3:g} s"
            yield entry(run, key, "the run is called long enough, but by its rate it was not", found, required)
    scenario = latencies.scenario_of(log)
    least = number(log, "effective_min_query_count")
    if queries is None or scenario is Scenario.OFFLINE:
        return
    if log[key := "result_min_queries_met"] is True and least is not None and queries < least:
        message = "the queries are called enough, but they are too few"
        yield entry(run, key, message, str(queries), f"at least {least:.0f}")
    percentile = latencies.target_percentile(log)
    if percentile is None:
        return
    for limit in latencies.limits_of(log):
        yield from _limit_kept(run, limit, queries, percentile)
    key, name = "early_stopping_latency_ss", latencies.LATENCY.key(f"{percentile * 100:.2f}")
    if scenario is Scenario.SINGLE_STREAM and log["requested_use_token_latencies"] is not True:
        estimate_ns, floor, ceiling = (number(log, k) for k in (key, name, latencies.LATENCY.longest))
        if estimate_ns and floor is not None and ceiling is not None and not floor <= estimate_ns <= ceiling:
            message = "early stopping's estimate is not between the percentile and the longest latency"
            yield entry(run, key, message, f"{estimate_ns:.0f} ns", f"{floor:.0f} to {ceiling:.0f} ns")


def _limit_kept(run: PerformanceRun, limit: latencies.Limit, queries: int, percentile: float) -> Iterator[Problem]:
    log, limit_ms = run.log, limit.limit_ns / 1e6
    key = limit.kind.key(f"{percentile * 100:.2f}")
    found_ns = number(log, key)
    if log["result_perf_constraints_met"] is True and found_ns is not None and found_ns > limit.limit_ns:
        message = f"the limit of {limit.kind.name} is called kept, but the percentile is over it"
        yield entry(run, key, message, f"{found_ns / 1e6:g} ms", f"at most {limit_ms:g} ms")
    if log[key := "early_stopping_met"] is not True:
        return
    over = latencies.server_over_limit(log, limit, queries)
    if not early_stopping.passes(queries, over.least, percentile):
        message = f"early stopping is called met, but too many queries are over the limit of {limit.kind.name}"
        needed = early_stopping.queries_needed(over.least, percentile)
        found = f"at least {over.least} of {queries} over {limit_ms:g} ms"
        yield entry(run, key, message, found, f"{needed} queries where {over.least} are over")


@rule(
    "CON005",
    requires=_LOG,
    origin="integrity",
    source="LoadGen loadgen.cc, ScheduleDistribution: a Poisson process of target_qps",
    hint=_COPY,
)
def schedule_has_the_target_rate(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Queries were scheduled at the target rate, as near as chance allows."""
    log, queries = run.log, latencies.queries_of(run.log)
    target, key = number(log, "effective_target_qps"), "result_scheduled_samples_per_sec"
    scheduled = number(log, key)
    if latencies.scenario_of(log) is not Scenario.SERVER or queries is None or not target or scheduled is None:
        return
    # LoadGen cuts the time between two queries to whole nanoseconds.
    tolerance = _SCHEDULE_SIGMAS / queries**0.5 + abs(target) / _NS_PER_S + _RELATIVE
    if abs(scheduled / target - 1) > tolerance:
        message = "the queries were not scheduled at the target rate"
        yield entry(run, key, message, f"{scheduled:g} a second", f"{target:g}, within {tolerance:.2%}")
