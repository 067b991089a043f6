"""The search for the highest passing rate, on systems that are computed: a queue, and one that slows down."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from submitter.campaign.probe import LatencyLimits, Probe, judge_probe
from submitter.campaign.search import SearchOutcome, Step, next_step

FULL_S, PROBE_S = 600.0, 20.0
LIMITS = LatencyLimits(ttft_ms=2000, tpot_ms=200)
System = Callable[[float, float, int], np.ndarray]


def arrivals(qps: float, seconds: float, seed: int) -> np.ndarray:
    """Poisson, by the same random numbers for every rate, as LoadGen's seed has it."""
    gaps = np.random.default_rng(seed).exponential(1 / qps, math.ceil(qps * seconds * 1.2) + 10)
    times = np.cumsum(gaps)
    times = times[times <= seconds]
    return times - times[0]


def queue(capacity_qps: float) -> System:
    """One server of fixed service time: TTFT is the wait for one's turn."""

    def run(qps: float, seconds: float, seed: int) -> np.ndarray:
        issued = arrivals(qps, seconds, seed)
        turns = np.empty_like(issued)
        free = 0.0
        for index, time in enumerate(issued):
            turns[index] = max(time, free)
            free = turns[index] + 1 / capacity_qps
        ttft = (turns - issued) * 1000 + 30
        return np.column_stack([issued, ttft, np.full_like(issued, 5), ttft + 500])

    return run


def slowing(limit_qps: float) -> System:
    """Answers come the more slowly the more there are: the 99th percentile of TPOT is 200 ms at `limit_qps`."""

    def run(qps: float, seconds: float, seed: int) -> np.ndarray:
        issued = arrivals(qps, seconds, seed)
        spread = np.random.default_rng(seed + 1).normal(0, 1, len(issued))
        tpot = 200 * (qps / limit_qps) * (1 + 0.05 * (spread - 2.326))
        return np.column_stack([issued, np.full_like(issued, 40), tpot, 100 * tpot])

    return run


def searched(system: System, start_qps: float, budget_s: float = math.inf, done: list[Probe] | None = None):
    """Do what the search asks for until it ends; returns its outcome, all probes, and the seconds they took."""
    probes = list(done or [])
    spent_s = 0.0
    while True:
        step = next_step(
            probes, start_qps, LIMITS, probe_s=PROBE_S, full_s=lambda qps: FULL_S, left_s=budget_s - spent_s
        )
        if isinstance(step, SearchOutcome):
            return step, probes, spent_s
        probes.append(ran(system, step))
        spent_s += step.seconds or FULL_S
        assert len(probes) < 60


def ran(system: System, step: Step) -> Probe:
    seconds = step.seconds or FULL_S
    probe = judge_probe(system(step.target_qps, seconds, 7), step.target_qps, seconds, LIMITS, FULL_S)
    if step.kind == "full":
        over = probe.over_limit > 0.01 * probe.steady_samples
        probe = probe.model_copy(update={"kind": "full", "verdict": "fail" if over else "pass", "why": "LoadGen"})
    return probe


@pytest.mark.parametrize("start_qps", [1.0, 40.0, 55.0, 400.0])
@pytest.mark.parametrize("system", [queue(50.0), slowing(50.0)], ids=["queue", "slowing"])
def test_a_known_limit_is_found(system: System, start_qps: float) -> None:
    outcome, probes, _ = searched(system, start_qps)
    assert outcome.confirmed
    assert outcome.target_qps == pytest.approx(50, rel=0.03)
    assert outcome.failed_qps is not None
    assert outcome.failed_qps > outcome.target_qps
    assert probes[0].target_qps == start_qps
    best = next(p for p in probes if p.kind == "full" and p.target_qps == outcome.target_qps)
    assert best.verdict == "pass"


def test_a_short_probe_sees_that_a_queue_grows_before_it_is_over_the_limit() -> None:
    probe = judge_probe(queue(50.0)(52.0, PROBE_S, 7), 52.0, PROBE_S, LIMITS, FULL_S)
    assert probe.over_limit == 0
    assert probe.ttft_p99_ms < LIMITS.ttft_ms
    assert probe.verdict == "fail"
    assert "a queue grows" in probe.why
    assert probe.served_qps == pytest.approx(50, rel=0.03)


@pytest.mark.parametrize(
    ("over", "count", "verdict"),
    [(0, 500, "pass"), (0, 200, "unsure"), (5, 500, "unsure"), (12, 500, "fail"), (1, 10, "unsure"), (3, 1000, "pass")],
)
def test_a_verdict_needs_samples_enough(over: int, count: int, verdict: str) -> None:
    issued = np.linspace(0, 20, count)
    tpot = np.full(count, 50.0)
    tpot[np.linspace(count // 10, count - 1, over, dtype=int)] = 300
    rows = np.column_stack([issued, np.full(count, 40.0), tpot, np.zeros(count)])
    probe = judge_probe(rows, 25.0, 20.0, LIMITS, FULL_S)
    assert (probe.over_limit, probe.steady_samples) == (over, count)
    assert probe.verdict == verdict


def test_samples_that_met_an_empty_engine_do_not_count() -> None:
    issued = np.linspace(0, 20, 1000)
    rows = np.column_stack([issued, np.full(1000, 40.0), np.where(issued < 5, 1.0, 300.0), np.full(1000, 5000.0)])
    probe = judge_probe(rows, 50.0, 20.0, LIMITS, FULL_S)
    assert probe.steady_samples == 750
    assert probe.over_limit == 750


def test_near_the_limit_it_probes_again_and_longer() -> None:
    unsure = judge_probe(slowing(50.0)(50.0, 20.0, 7), 50.0, 20.0, LIMITS, FULL_S)
    assert unsure.verdict == "unsure"
    step = next_step([unsure], 50.0, LIMITS, probe_s=PROBE_S, full_s=lambda qps: FULL_S)
    assert step == Step("probe", 50.0, 2 * PROBE_S)


def test_a_search_goes_on_where_it_was_ended() -> None:
    whole, probes, _ = searched(queue(50.0), 40.0)
    for kept in range(len(probes) + 1):
        outcome, again, _ = searched(queue(50.0), 40.0, done=probes[:kept])
        assert outcome == whole
        assert again == probes


def test_a_budget_is_kept_and_its_end_is_for_a_full_run() -> None:
    outcome, probes, spent_s = searched(queue(50.0), 5.0, budget_s=FULL_S + 4 * PROBE_S)
    assert spent_s <= FULL_S + 4 * PROBE_S
    assert [probe.kind for probe in probes].count("full") == 1
    assert outcome.confirmed
    assert outcome.target_qps is not None
    assert outcome.target_qps < 50


def test_without_time_for_a_full_run_nothing_is_confirmed() -> None:
    outcome, probes, _ = searched(queue(50.0), 40.0, budget_s=3 * PROBE_S)
    assert not outcome.confirmed
    assert outcome.why == "the budget is spent"
    assert {probe.kind for probe in probes} == {"probe"}
    assert searched(queue(50.0), 40.0, budget_s=1.0)[0] == SearchOutcome(
        target_qps=None, confirmed=False, failed_qps=None, why="the budget is spent"
    )


def test_a_system_that_never_passes_ends_the_search() -> None:
    def hopeless(qps: float, seconds: float, seed: int) -> np.ndarray:
        issued = arrivals(qps, max(seconds, 100 / qps), seed)
        return np.column_stack(
            [issued, np.full_like(issued, 9000), np.full_like(issued, 5), np.full_like(issued, 9500)]
        )

    outcome, _, _ = searched(hopeless, 40.0)
    assert (outcome.target_qps, outcome.confirmed, outcome.why) == (None, False, "no rate passed")


def test_full_runs_go_on_where_short_ones_see_too_little() -> None:
    """A system that tires: fine in any short run, over the limit in a long one above 40 queries/s."""

    def tiring(qps: float, seconds: float, seed: int) -> np.ndarray:
        issued = arrivals(qps, seconds, seed)
        tpot = np.where((issued > 100) & (qps > 40), 250.0, 100.0) * (1 if qps < 60 else 3)
        return np.column_stack([issued, np.full_like(issued, 40), tpot, 100 * tpot])

    outcome, _, _ = searched(tiring, 30.0)
    assert outcome.confirmed
    assert outcome.target_qps == pytest.approx(40, rel=0.02)
