"""PRF: how many samples and queries the performance run loaded, required and issued."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import (
    LOG_COMPLETE,
    LOG_READABLE,
    PERFORMANCE_CHECK,
    SCENARIO_RULES,
    log_problem,
)
from submitter.model import Scenario
from submitter.rulebook import Rulebook
from submitter.submission.latencies import number
from submitter.submission.metric import ran_scenario
from submitter.submission.runs import PerformanceRun

_OFFLINE_MIN_SAMPLES = 24576
_MULTI_STREAM_SAMPLES = 8


@rule(
    "PRF008",
    step="performance",
    requires=LOG_READABLE,
    source=PERFORMANCE_CHECK + "performance_sample_count_check; MODEL_CONFIG performance-sample-count",
    hint="set performance_sample_count_override no lower than this; the data set must have that many samples",
    smoke="a smoke run may load a part of the data set",
)
def enough_samples_loaded(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The queries were drawn from enough samples."""
    key, required = "effective_performance_sample_count", run.result.benchmark.performance_sample_count
    found = run.number(key)
    if not found >= required:
        message = "the queries were drawn from too few samples"
        yield log_problem(run, key, message, found=f"{found:g}", required=f"at least {required}")


@rule(
    "PRF009",
    step="performance",
    requires=LOG_READABLE,
    source=PERFORMANCE_CHECK + "min_query_count_check; OFFLINE_MIN_SPQ_SINCE_V4; MODEL_CONFIG min-queries",
    hint="do not lower min_query_count in user.conf",
    smoke="a smoke run issues fewer queries",
)
def enough_offline_samples_required(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """An Offline run requires enough queries, and enough samples in its query.

    Scenarios with early stopping need no minimum: early stopping decides how many queries are enough.
    """
    if ran_scenario(run) is not Scenario.OFFLINE:
        return
    benchmark = run.result.benchmark
    key, required = "effective_min_query_count", benchmark.min_query_count.get(Scenario.OFFLINE, 1)
    found = run.number(key)
    if not found >= required:
        message = "the minimum number of queries is too low"
        yield log_problem(run, key, message, found=f"{found:g}", required=f"at least {required}")
    if run.result.division not in book.round.offline_minimum_divisions:
        return
    key, required = "effective_samples_per_query", benchmark.offline_min_samples_per_query or 0
    found = run.number(key)
    if not found >= required:
        message = "the Offline query has too few samples"
        yield log_problem(run, key, message, found=f"{found:g}", required=f"at least {required}")


@rule(
    "PRF028",
    requires=[*LOG_COMPLETE, "PRF009"],
    origin="policy",
    source=SCENARIO_RULES + ": Offline, at least 24,576 samples, or the data set",
    hint="do not set samples_per_query or min_query_count in user.conf",
    smoke="a smoke run issues fewer queries",
)
def enough_offline_samples_issued(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """An Offline run issued as many samples as the written rules require.

    The official checker reads only how many were requested. Where the round's table requires fewer samples than the
    written rules, as for a benchmark whose samples take minutes, the table counts.
    """
    if ran_scenario(run) is not Scenario.OFFLINE or not run.result.is_closed:
        return
    key = "generated_samples_per_query"
    found = number(run.log, key)
    benchmark = run.result.benchmark
    written = min(_OFFLINE_MIN_SAMPLES, benchmark.accuracy_samples(Scenario.OFFLINE))
    required = min(written, benchmark.offline_min_samples_per_query or written)
    if found is not None and found < required:
        message = "the run issued too few samples"
        yield log_problem(run, key, message, found=f"{found:.0f}", required=f"at least {required}")


@rule(
    "PRF031",
    requires=LOG_COMPLETE,
    origin="policy",
    source=SCENARIO_RULES + ": Samples/query",
    hint="do not set multi_stream_samples_per_query in user.conf",
)
def samples_per_query_of_the_scenario(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """A MultiStream query has eight samples, a SingleStream or Server query has one."""
    ran, key = ran_scenario(run), "effective_samples_per_query"
    if ran is Scenario.OFFLINE or not run.result.is_closed:
        return
    required = _MULTI_STREAM_SAMPLES if ran is Scenario.MULTI_STREAM else 1
    found = number(run.log, key)
    if found is not None and found != required:
        message = "the number of samples per query is not the scenario's"
        yield log_problem(run, key, message, found=f"{found:g}", required=str(required))
