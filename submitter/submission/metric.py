"""The figure of a result: value and unit, as the official checker computes them."""

from __future__ import annotations

from submitter.model import Metric, Scenario
from submitter.rulebook import Rulebook
from submitter.submission.files import Unavailable
from submitter.submission.runs import ResultFacts, Run
from submitter.submission.tree import Result
from submitter.units import MS_PER_S, NS_PER_MS

# Results that may be reported from another scenario's run: (scenario of the log, scenario of the folder).
# Official: get_inferred_result; from v6.0 on also performance_check.py inferred_check.
INFERABLE = frozenset(
    {
        (Scenario.SINGLE_STREAM, Scenario.MULTI_STREAM),
        (Scenario.SINGLE_STREAM, Scenario.OFFLINE),
        (Scenario.MULTI_STREAM, Scenario.OFFLINE),
    }
)
_INFERRED_MULTI_STREAM_SAMPLES = 8  # LoadGen's samples_per_query of MultiStream


def ran_scenario(run: Run) -> Scenario:
    """The scenario that LoadGen ran; for a folder named Interactive that is Server."""
    name = run.text("effective_scenario")
    try:
        return Scenario(name)
    except ValueError:
        raise Unavailable(run.detail_path, f"names a scenario that LoadGen does not have: '{name}'") from None


def log_scenario(run: Run) -> Scenario:
    """The scenario whose limits apply to a run: the one that LoadGen ran, or Interactive if the folder says so."""
    ran = ran_scenario(run)
    return Scenario.INTERACTIVE if is_interactive(ran, run.result) else ran


def is_interactive(ran: Scenario, result: ResultFacts) -> bool:
    return ran is Scenario.SERVER and result.scenario is Scenario.INTERACTIVE


def is_early_stopped(ran: Scenario) -> bool:
    """Whether early stopping decides how many queries a run of this scenario needs."""
    return ran in (Scenario.SERVER, Scenario.SINGLE_STREAM, Scenario.MULTI_STREAM)


def result_metric(result: Result, book: Rulebook) -> tuple[Metric | None, bool]:
    """The figure of a result, None if its log has none; and whether it is inferred from another scenario's run."""
    try:
        if result.is_endpoints:
            return result.endpoints_performance.metric(book), False
        return run_metric(result.performance, book)
    except Unavailable:
        return None, False


def power_metric(result: Result) -> Metric | None:
    """The power figure of a result; None if power was not measured, or if the logs do not give a figure."""
    if result.power is None:
        return None
    try:
        return result.power.metric
    except Unavailable:
        return None


def run_metric(run: Run, book: Rulebook) -> tuple[Metric, bool]:
    """The figure that a run gives its result, and whether it is inferred; Unavailable if the run's log has none.

    A run of another scenario, from which nothing can be inferred, gives that scenario's figure, as in the official
    checker; where this is not allowed, a rule reports it. Official: check_performance_dir and get_inferred_result;
    performance_check.py, get_performance_metric_check.
    """
    result = run.result
    scenario, ran, name = result.scenario, ran_scenario(run), result.official_name
    if scenario not in book.unit or ran not in book.metric:
        raise Unavailable(result.path, f"round {book.name} has no figure for {ran} as {scenario}")
    run.figure(book.metric[ran])  # the official checker reads it first, even if the benchmark has a figure of its own
    own = run.figure(book.metric_key(name, ran)) / book.metric_divisor_of(name, ran)
    unit = book.metric_unit(result.key.benchmark if book.summary.unit_of_folder else name, scenario)
    if (ran, scenario) not in INFERABLE:
        return Metric(own, unit), False
    if scenario is Scenario.MULTI_STREAM:
        value = run.number("early_stopping_latency_ms") * _INFERRED_MULTI_STREAM_SAMPLES / NS_PER_MS
    elif ran is Scenario.SINGLE_STREAM:
        value = run.number("result_qps_without_loadgen_overhead")
    else:
        latency_ms = run.number("result_mean_query_latency_ns") / NS_PER_MS
        if latency_ms <= 0:
            raise Unavailable(run.detail_path, "does not have a mean query latency above 0")
        value = run.number("effective_samples_per_query") * MS_PER_S / latency_ms
    return Metric(value, unit), True
