"""The figure of a result, as the official checker computes it."""

from __future__ import annotations

from submitter.checker.files import Unavailable
from submitter.checker.finding import Metric
from submitter.checker.runs import Run
from submitter.checker.tree import Result
from submitter.model import Scenario
from submitter.rulebook import Rulebook

# What an edge system may report without running it: (scenario of the log, scenario of the folder).
# Official: performance_check.py, inferred_check.
INFERABLE = frozenset(
    {
        (Scenario.SINGLE_STREAM, Scenario.MULTI_STREAM),
        (Scenario.SINGLE_STREAM, Scenario.OFFLINE),
        (Scenario.MULTI_STREAM, Scenario.OFFLINE),
    }
)
_NS_PER_MS = 1e6
_MS_PER_S = 1e3
_INFERRED_MULTI_STREAM_SAMPLES = 8  # LoadGen's samples_per_query of MultiStream


def log_scenario(run: Run) -> Scenario:
    """The scenario whose limits and metric hold for a run: LoadGen's, or Interactive where the folder says so."""
    name = run.text("effective_scenario")
    if run.result.scenario is Scenario.INTERACTIVE and name == Scenario.SERVER.value:
        return Scenario.INTERACTIVE
    try:
        return Scenario(name)
    except ValueError:
        raise Unavailable(run.detail_path, f"names no scenario of LoadGen's: '{name}'") from None


def result_metric(result: Result, book: Rulebook) -> tuple[Metric | None, bool]:
    """The value and unit, None where the log has none; and whether it was inferred from another scenario's run.

    Official: performance_check.py, get_performance_metric_check and get_inferred_result.
    """
    try:
        if result.is_endpoints:
            return result.endpoints_performance.metric(book), False
        return run_metric(result.performance, book)
    except Unavailable:
        return None, False


def run_metric(run: Run, book: Rulebook) -> tuple[Metric | None, bool]:
    """The figure that a run would give its result, as for `result_metric`; Unavailable where its log has none."""
    result = run.result
    scenario, ran, name = result.scenario, log_scenario(run), result.official_name
    unit = book.metric_unit(name, scenario)
    if ran is scenario:
        return Metric(run.number(book.metric_key(name, ran)) / book.metric_divisor_of(name, ran), unit), False
    if (ran, scenario) not in INFERABLE:
        return None, False
    if scenario is Scenario.MULTI_STREAM:
        value = run.number("early_stopping_latency_ms") * _INFERRED_MULTI_STREAM_SAMPLES / _NS_PER_MS
    elif ran is Scenario.SINGLE_STREAM:
        value = run.number("result_qps_without_loadgen_overhead")
    else:
        latency_ms = run.number("result_mean_query_latency_ns") / _NS_PER_MS
        if latency_ms <= 0:
            raise Unavailable(run.detail_path, "has no mean query latency above 0")
        value = run.number("effective_samples_per_query") * _MS_PER_S / latency_ms
    return Metric(value, unit), True
