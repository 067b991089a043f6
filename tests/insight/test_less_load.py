"""How much less load might pass: from a Server run's limits, its logged latencies and what the system completed."""

from __future__ import annotations

import math
from typing import Any

import pytest
from submission_tree import detail_log

from submitter.early_stopping import over_limit_allowed
from submitter.insight.less_load import less_load

MS = 1_000_000
PERCENTILES = ("50", "90", "95", "97", "99", "99__90")


def run(*latencies_ms: float, limit_ms: float = 100, **changed: Any) -> dict[str, Any]:
    """The entries of a run whose shortest latency, six percentiles and longest latency are these."""
    shortest, *percentiles, longest = latencies_ms
    names = [name if "__" in name else f"{name}__00" for name in PERCENTILES]
    entries = {f"result_{n}_percentile_latency_ns": ms * MS for n, ms in zip(names, percentiles, strict=True)}
    return entries | {
        "result_min_latency_ns": shortest * MS,
        "result_max_latency_ns": longest * MS,
        "effective_scenario": "Server",
        "effective_target_latency_ns": limit_ms * MS,
        "effective_target_latency_percentile": 0.99,
        "effective_target_qps": 1000.0,
        "result_query_count": 10_000,
        "result_completed_samples_per_sec": 1000.0,
        **changed,
    }


SLOW_TAIL = (10, 20, 40, 60, 80, 190, 400, 500)


def advice(*latencies_ms: float, **changed: Any) -> tuple[str, ...]:
    return less_load(detail_log(**run(*latencies_ms, **changed)))


def test_a_tail_over_the_limit_gives_an_estimate_on_a_straight_line() -> None:
    """Of 10,000 queries fewer than 1 % may be over the limit, so the tail lies between the 99th and the 99.9th."""
    less, why = advice(*SLOW_TAIL)
    assert why.startswith("latency: an estimate: ")
    assert "the fastest query (10.0 ms)" in why
    tail_ms = float(why.partition("the tail's ")[2].partition(" ms")[0])
    allowed = over_limit_allowed(10_000, 0.99)
    assert allowed is not None
    # Linear in the logarithm of the share that is over.
    part = math.log10(0.01 / (allowed / 10_000))
    assert tail_ms == pytest.approx(190 + part * (400 - 190), abs=0.06)
    kept = (100 - 10) / (tail_ms - 10)
    assert less.startswith(f"or about {1 - kept:.0%} less target QPS: ")
    assert float(less.split(": ")[1].split(" ")[0]) == pytest.approx(1000 * kept, rel=1e-3)


def test_where_the_tail_is_within_the_limit_the_next_logged_latency_over_it_counts() -> None:
    _, why = advice(10, 20, 40, 60, 70, 80, 110, 500)
    assert "to the tail's 110.0 ms" in why


def test_the_worse_the_tail_the_less_load() -> None:
    rates = [
        float(advice(*SLOW_TAIL[:5], tail, 2 * tail, 3 * tail)[0].split(": ")[1].split(" ")[0])
        for tail in (110, 200, 400, 1000)
    ]
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == 4
    assert all(0 < rate < 1000 for rate in rates)


def test_where_even_the_median_is_over_it_is_what_was_completed() -> None:
    less, why = advice(10, 200, 400, 500, 600, 700, 800, 900, result_completed_samples_per_sec=600.0)
    assert less == "or about 40% less target QPS: 600 instead of 1,000"
    assert "completed" in why


def test_where_even_the_fastest_query_is_over_no_rate_helps() -> None:
    (why,) = advice(101, 200, 400, 500, 600, 700, 800, 900)
    assert why.startswith("latency: even the fastest query")


def test_of_two_limits_the_one_that_needs_the_most_counts() -> None:
    tokens = {
        "requested_use_token_latencies": True,
        "requested_server_ttft_latency": 100 * MS,
        "requested_server_tpot_latency": 100 * MS,
        "result_first_token_min_latency_ns": 10 * MS,
        "result_first_token_99__00_percentile_latency_ns": 120 * MS,
        "result_first_token_max_latency_ns": 130 * MS,
        "result_time_to_output_token_min": 10 * MS,
        "result_time_per_output_token_99__00_percentile_ns": 500 * MS,
        "result_time_to_output_token_max": 600 * MS,
    }
    assert advice(*SLOW_TAIL, **tokens)[1].startswith("TPOT: ")
    tokens["result_time_per_output_token_99__00_percentile_ns"] = 50 * MS
    tokens["result_time_to_output_token_max"] = 60 * MS
    assert advice(*SLOW_TAIL, **tokens)[1].startswith("TTFT: ")


@pytest.mark.parametrize(
    "changed",
    [
        {"effective_target_qps": None},
        {"effective_target_qps": 0},
        {"effective_target_qps": -5},
        {"effective_target_qps": "1000"},
        {"result_query_count": None},
        {"result_query_count": 0},
        {"effective_target_latency_percentile": 2},
        {"effective_target_latency_ns": None},
        {"effective_scenario": "Offline"},
        {"result_min_latency_ns": None},
    ],
)
def test_without_what_it_is_made_of_there_is_no_advice(changed: dict[str, Any]) -> None:
    assert advice(*SLOW_TAIL, **changed) == ()


def test_a_run_within_its_limit_needs_none() -> None:
    assert advice(10, 20, 30, 40, 50, 60, 70, 80) == ()


def test_without_a_completed_rate_the_line_is_taken() -> None:
    less, why = advice(10, 200, 400, 500, 600, 700, 800, 900, result_completed_samples_per_sec=None)
    assert "straight line" in why
    assert less.startswith("or about 8")
