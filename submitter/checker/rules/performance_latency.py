"""PRF: the latency limits of the performance run: those that LoadGen used, and the latencies that were measured."""

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
from submitter.submission.latencies import TPOT, TTFT, number
from submitter.submission.metric import ran_scenario
from submitter.submission.runs import PerformanceRun
from submitter.units import NS_PER_MS

_PERCENTILES = {
    Scenario.SINGLE_STREAM: 0.90,
    Scenario.MULTI_STREAM: 0.99,
    Scenario.SERVER: 0.99,
    Scenario.INTERACTIVE: 0.99,
}
_ROUNDING = 1e-9


@rule(
    "PRF012",
    step="performance",
    requires=LOG_READABLE,
    source=PERFORMANCE_CHECK + "latency_check; MODEL_CONFIG latency-constraint",
    hint="do not raise target_latency in user.conf",
)
def target_latency_within_limit(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The target latency that LoadGen used is not above the benchmark's limit."""
    limit_ns = run.result.benchmark.latency_ns.get(ran_scenario(run))
    key = "effective_target_latency_ns"
    if limit_ns is None or run.log[key] is True:
        return  # the official checker takes true for 1; PRF001 refuses it
    target_ns = run.number(key)
    if not target_ns <= limit_ns:
        yield log_problem(
            run,
            key,
            "the target latency is above the benchmark's limit",
            found=f"{target_ns / NS_PER_MS:g} ms",
            required=f"at most {limit_ns / NS_PER_MS:g} ms",
        )


@rule(
    "PRF013",
    step="performance",
    requires=[*LOG_READABLE, "PRF002", "PRF014", "PRF020"],
    source=PERFORMANCE_CHECK + "extra_check_llm; LLM_LATENCY_LIMITS, by the folder's scenario",
    hint="lower target_qps until both 99th percentiles are below their limits",
)
def token_latencies_below_folder_limits(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The 99th percentiles of TTFT and TPOT are below the limits of the folder's scenario.

    TTFT is the time to first token, TPOT the time per output token.
    """
    yield from _over_token_limits(run, run.result.scenario)


@rule(
    "PRF020",
    step="performance",
    requires=[*LOG_READABLE, "PRF014"],
    source=PERFORMANCE_CHECK + "llm_check; LLM_LATENCY_LIMITS, by the log's scenario",
    hint="lower target_qps until both 99th percentiles are below their limits",
)
def token_latencies_below_logged_limits(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The 99th percentiles of TTFT and TPOT are below the limits of the scenario that LoadGen logged.

    LoadGen logs an Interactive run as Server, and from v6.0 on the official checker then uses the Server limits.
    """
    yield from _over_token_limits(run, ran_scenario(run))


def _over_token_limits(run: PerformanceRun, scenario: Scenario) -> Iterator[Problem]:
    benchmark = run.result.benchmark
    limits = benchmark.token_latency.get(scenario)
    if limits is None:
        if benchmark.is_llm and scenario in (Scenario.SERVER, Scenario.INTERACTIVE):
            message = "the round has no token latency limits for this benchmark in this scenario"
            yield Problem(message, found=scenario.value)
        return
    for kind, limit_ns in ((TTFT, limits.ttft_ns), (TPOT, limits.tpot_ns)):
        key = kind.key("99.00")
        found_ns = run.number(key)
        if not found_ns < limit_ns:
            yield log_problem(
                run,
                key,
                f"{kind.name} p99 is not below the {scenario} limit",
                found=f"{found_ns / NS_PER_MS:.1f} ms",
                required=f"below {limit_ns / NS_PER_MS:g} ms",
            )


@rule(
    "PRF029",
    requires=[*LOG_COMPLETE, "PRF002", "PRF014"],
    origin="policy",
    source="inference_rules.adoc, section Constraints for the Closed division: TTFT and TPOT",
    hint="run it again with LoadGen's built-in settings: no ttft_latency or tpot_latency in user.conf",
)
def early_stopping_limits_not_raised(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The token latency limits that LoadGen used are not above those of the folder's scenario.

    Early stopping judges a run by LoadGen's own limits. A Server run that is submitted as Interactive was judged by
    the Server limits, whatever its 99th percentiles are.
    """
    scenario = run.result.scenario
    limits = run.result.benchmark.token_latency.get(scenario)
    if limits is None or not run.result.is_closed or ran_scenario(run) is Scenario.OFFLINE:
        return
    for name, key, limit_ns in (
        (TTFT.name, "requested_server_ttft_latency", limits.ttft_ns),
        (TPOT.name, "requested_server_tpot_latency", limits.tpot_ns),
    ):
        used_ns = number(run.log, key)
        if used_ns is not None and used_ns > limit_ns:
            yield log_problem(
                run,
                key,
                f"early stopping used a {name} limit above that of {scenario}",
                found=f"{used_ns / NS_PER_MS:g} ms",
                required=f"at most {limit_ns / NS_PER_MS:g} ms",
            )


@rule(
    "PRF030",
    requires=LOG_COMPLETE,
    origin="policy",
    source=SCENARIO_RULES + ": Tail Latency",
    hint="do not set target_latency_percentile in user.conf",
)
def target_percentile_not_lowered(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The target percentile of the latency is at least the scenario's."""
    required, key = _PERCENTILES.get(ran_scenario(run)), "effective_target_latency_percentile"
    found = number(run.log, key)
    if required is not None and run.result.is_closed and found is not None and found < required - _ROUNDING:
        message = "the target percentile of the latency is too low"
        yield log_problem(run, key, message, found=f"{found:g}", required=f"at least {required:g}")
