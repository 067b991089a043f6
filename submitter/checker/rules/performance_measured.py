"""PRF: what the run did, beside what was asked of it; the written rules go further here than the official checker."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import entry
from submitter.model import Scenario
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.latencies import number
from submitter.submission.metric import ran_scenario
from submitter.submission.runs import PerformanceRun

_SCENARIOS = "inference_policies inference_rules.adoc, section Scenarios"
_LOG = ["STR001", "STR002", "STR005", "STR007", "PRF001"]
_NS_PER_MS = 1e6
_SMALL_DATASET = 24576
_MULTI_STREAM_SAMPLES = 8
_PERCENTILES = {
    Scenario.SINGLE_STREAM: 0.90,
    Scenario.MULTI_STREAM: 0.99,
    Scenario.SERVER: 0.99,
    Scenario.INTERACTIVE: 0.99,
}
_ROUNDING = 1e-9
SUB_VERDICTS = (
    "result_perf_constraints_met",
    "result_min_duration_met",
    "result_min_queries_met",
    "early_stopping_met",
)


@rule(
    "PRF027",
    requires=[*_LOG, "PRF010", "PRF007", "PRF011"],
    origin="integrity",
    source="LoadGen results.cc, LogDetail: a run is valid if its four conditions hold",
    hint="run again; a log whose verdict contradicts itself is not as LoadGen wrote it",
)
def conditions_met(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """A run that is called valid meets each of LoadGen's conditions.

    They are the latencies, the duration, the number of queries and early stopping. The first is logged of Server runs
    only.
    """
    for key in SUB_VERDICTS:
        if run.log[key] not in (None, True):
            name = key.removeprefix("result_")
            yield entry(run, key, f"the run is called valid, but not {name}", shown(run.log[key]), "true")


@rule(
    "PRF028",
    requires=[*_LOG, "PRF009"],
    origin="policy",
    source=_SCENARIOS + ": Offline, at least 24,576 samples, or the data set",
    hint="do not set samples_per_query or min_query_count in user.conf",
    smoke="a smoke run asks fewer queries",
)
def samples_measured(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """An Offline run was given as many samples as the rules want, not only asked to.

    The official checker reads the number that was requested.
    """
    if ran_scenario(run) is not Scenario.OFFLINE or not run.result.is_closed:
        return
    key = "generated_samples_per_query"
    generated = number(run.log, key)
    required = min(_SMALL_DATASET, run.result.benchmark.accuracy_samples(Scenario.OFFLINE))
    if generated is not None and generated < required:
        yield entry(run, key, "the run was given too few samples", f"{generated:.0f}", f"at least {required}")


@rule(
    "PRF029",
    requires=[*_LOG, "PRF002", "PRF014"],
    origin="policy",
    source="inference_rules.adoc, section Constraints for the Closed division: TTFT and TPOT",
    hint="run again with LoadGen's own settings of the scenario: no ttft_latency or tpot_latency in user.conf",
)
def held_to_the_limits(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The token latencies that LoadGen held the run to are no longer than the folder's scenario allows.

    Early stopping judged the run by these. A Server run that is filed as Interactive was judged by Server's, whatever
    its 99th percentiles are.
    """
    limits = run.result.benchmark.token_latency.get(run.result.scenario)
    if limits is None or not run.result.is_closed or ran_scenario(run) is Scenario.OFFLINE:
        return
    for what, key, limit_ns in (
        ("TTFT", "requested_server_ttft_latency", limits.ttft_ns),
        ("TPOT", "requested_server_tpot_latency", limits.tpot_ns),
    ):
        held_ns = number(run.log, key)
        if held_ns is not None and held_ns > limit_ns:
            message = f"early stopping judged {what} by a longer limit than {run.result.scenario}'s"
            yield entry(run, key, message, f"{held_ns / _NS_PER_MS:g} ms", f"at most {limit_ns / _NS_PER_MS:g} ms")


@rule(
    "PRF030",
    requires=_LOG,
    origin="policy",
    source=_SCENARIOS + ": Tail Latency",
    hint="do not set target_latency_percentile in user.conf",
)
def percentile(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The run was judged at the scenario's percentile of latency, or a higher one."""
    required, key = _PERCENTILES.get(ran_scenario(run)), "effective_target_latency_percentile"
    found = number(run.log, key)
    if required is not None and run.result.is_closed and found is not None and found < required - _ROUNDING:
        yield entry(run, key, "the run was judged at a lower percentile", f"{found:g}", f"at least {required:g}")


@rule(
    "PRF031",
    requires=_LOG,
    origin="policy",
    source=_SCENARIOS + ": Samples/query",
    hint="do not set multi_stream_samples_per_query in user.conf",
)
def samples_per_query(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """A query of MultiStream has eight samples, one of SingleStream and Server has one."""
    ran, key = ran_scenario(run), "effective_samples_per_query"
    if ran is Scenario.OFFLINE or not run.result.is_closed:
        return
    required = _MULTI_STREAM_SAMPLES if ran is Scenario.MULTI_STREAM else 1
    found = number(run.log, key)
    if found is not None and found != required:
        yield entry(run, key, "the queries have another number of samples", f"{found:g}", str(required))
