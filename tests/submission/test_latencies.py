"""What percentiles tell of all latencies: bounds that hold for whatever the others were."""

from __future__ import annotations

import random
from typing import Any

import pytest
from submission_tree import detail_log

from submitter.early_stopping import queries_needed
from submitter.model import Scenario
from submitter.submission import latencies
from submitter.submission.latencies import LATENCY, QUERY_LATENCY, TPOT, TTFT, LatencyKind, Limit, OverLimit

NO_NUMBERS = [None, True, "5", [5], {}, float("nan"), float("inf"), 10**400]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_number_is_a_finite_one(value: Any) -> None:
    assert latencies.number(detail_log(x=value), "x") is None


def test_a_number_may_be_whole_negative_or_absent() -> None:
    assert latencies.number(detail_log(x=-1.5), "x") == -1.5
    assert latencies.number(detail_log(x=0), "x") == 0
    assert latencies.number(detail_log(), "x") is None


@pytest.mark.parametrize("value", [*NO_NUMBERS, 0, -1, 1.0, 10**12])
def test_what_is_not_a_count_of_queries(value: Any) -> None:
    assert latencies.queries_of(detail_log(result_query_count=value)) is None


def test_a_count_of_queries() -> None:
    assert latencies.queries_of(detail_log(result_query_count=1)) == 1
    assert latencies.queries_of(detail_log()) is None


@pytest.mark.parametrize("value", ["server", "", None, 5, ["Server"], {"a": 1}])
def test_a_scenario_is_one_of_ours_by_its_name(value: Any) -> None:
    assert latencies.scenario_of(detail_log(effective_scenario=value)) is None
    assert latencies.scenario_of(detail_log(effective_scenario="Server")) is Scenario.SERVER


@pytest.mark.parametrize(
    ("value", "percentile"),
    [(0.99, 0.99), (0.5, 0.5), (0.9999, 0.9999), (0.49, None), (1, None), (0.99999, None), ("0.99", None)],
)
def test_a_percentile_that_can_be_one(value: Any, percentile: float | None) -> None:
    assert latencies.target_percentile(detail_log(effective_target_latency_percentile=value)) == percentile


def test_the_limits_of_a_server_run() -> None:
    tokens = {"requested_server_ttft_latency": 2_000, "requested_server_tpot_latency": 200}
    query = {"effective_target_latency_ns": 10_000}
    server = {"effective_scenario": "Server"}
    of_tokens = [Limit(TTFT, 2_000, "ttft_"), Limit(TPOT, 200, "tpot_")]
    assert latencies.limits_of(detail_log(**server, **tokens, **query, requested_use_token_latencies=True)) == of_tokens
    assert latencies.limits_of(detail_log(**server, **tokens, **query)) == [Limit(LATENCY, 10_000, "")]
    assert latencies.limits_of(detail_log(**server, **tokens, requested_use_token_latencies="true")) == []
    assert latencies.limits_of(detail_log(effective_scenario="Offline", **query)) == []


def test_the_logged_ones_come_by_rank_and_what_is_missing_is_passed_over() -> None:
    log = detail_log(
        result_max_latency_ns=9,
        result_min_latency_ns=1,
        result_99__00_percentile_latency_ns=8,
        result_50__00_percentile_latency_ns="x",
        result_mean_latency_ns=4,
    )
    assert latencies.ranked(log, LATENCY) == [
        ("result_min_latency_ns", 1),
        ("result_99.00_percentile_latency_ns", 8),
        ("result_max_latency_ns", 9),
    ]
    assert latencies.out_of_order(log, LATENCY) is None
    assert latencies.ranked(log, TTFT) == []


@pytest.mark.parametrize("kind", latencies.KINDS, ids=lambda kind: kind.name)
def test_two_out_of_order_are_named(kind: LatencyKind) -> None:
    keys = [key for key, _ in kind.ranks]
    assert len(set(keys)) == 8
    entries = {key.replace(".", "__"): rank for rank, key in enumerate(keys)}
    assert latencies.out_of_order(detail_log(**entries), kind) is None
    assert latencies.out_of_order(detail_log(**dict.fromkeys(entries, 5)), kind) is None
    assert latencies.out_of_order(detail_log(**{**entries, keys[3].replace(".", "__"): 0}), kind) == (keys[2], keys[3])


SHARES = (0, 0.5, 0.9, 0.95, 0.97, 0.99, 0.999, 1)


def logged(kind: LatencyKind, all_ns: list[int]) -> dict[str, int]:
    """The percentiles as LoadGen logs them: of n in ascending order the one with the index int(n * share)."""
    ordered = sorted(all_ns)
    chosen = [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in SHARES]
    return {key.replace(".", "__"): value for (key, _), value in zip(kind.ranks, chosen, strict=True)}


@pytest.mark.parametrize("kind", [LATENCY, TTFT, TPOT, QUERY_LATENCY], ids=lambda kind: kind.name)
@pytest.mark.parametrize("queries", [1, 2, 10, 99, 100, 1000, 4096])
def test_the_bounds_hold_for_every_limit(kind: LatencyKind, queries: int) -> None:
    dice = random.Random(queries)
    for _ in range(30):
        all_ns = [dice.randrange(1, 500) for _ in range(queries)]
        log = detail_log(**logged(kind, all_ns))
        for limit_ns in (0, 1, dice.randrange(500), max(all_ns) - 1, max(all_ns), 1000):
            over = sum(one > limit_ns for one in all_ns)
            bounds = latencies.over_limit(log, kind, limit_ns, queries)
            assert bounds.least <= over <= bounds.most
            if over in (0, queries):
                assert bounds.exact


def test_without_any_percentile_nothing_is_known() -> None:
    assert latencies.over_limit(detail_log(), LATENCY, 5, 100) == OverLimit(0, 100)


def test_bounds_read_as_numbers() -> None:
    assert str(OverLimit(3, 3)) == "3"
    assert str(OverLimit(3, 7)) == "between 3 and 7"


@pytest.mark.parametrize(
    ("counted", "exact"), [(7, True), (0, True), (100, True), (101, False), (-1, False), ("7", False)]
)
def test_loadgens_own_count_of_slow_queries_is_exact(counted: Any, exact: bool) -> None:
    log = detail_log(result_overlatency_query_count=counted)
    over = latencies.server_over_limit(log, Limit(LATENCY, 5, ""), 100)
    assert over == (OverLimit(counted, counted) if exact else OverLimit(0, 100))


@pytest.mark.parametrize(("over", "more"), [(1, 5), (3, 5), (20, 5), (20, 1200)])
def test_the_number_of_missing_queries_tells_how_many_were_over(over: int, more: int) -> None:
    """LoadGen: `Would need to run at least N more queries`, each query over the limit needing more of them."""
    queries = queries_needed(over, 0.99) - more
    reported = f" * TTFT Early stopping condition not met.\n * Would need to run at least {more} more queries."
    log = detail_log(early_stopping_ttft_result=reported, effective_target_latency_percentile=0.99)
    assert latencies.server_over_limit(log, Limit(TTFT, 5, "ttft_"), queries) == OverLimit(over, over)
    assert latencies.server_over_limit(log, Limit(TPOT, 5, "tpot_"), queries) == OverLimit(0, queries)


def test_a_number_of_missing_queries_at_the_bound_of_the_percentiles_is_exact() -> None:
    """The longest latency is over the limit, so at least one is; and it is one."""
    reported = "Would need to run at least 5 more queries."
    entries = {"early_stopping_ttft_result": reported, "effective_target_latency_percentile": 0.99}
    log = detail_log(**entries, result_first_token_max_latency_ns=6)
    assert latencies.server_over_limit(log, Limit(TTFT, 5, "ttft_"), queries_needed(1, 0.99) - 5) == OverLimit(1, 1)


def test_a_number_of_missing_queries_that_contradicts_the_percentiles_does_not_count() -> None:
    reported = "Would need to run at least 5 more queries."
    entries = {"early_stopping_ttft_result": reported, "effective_target_latency_percentile": 0.99}
    log = detail_log(**entries, result_first_token_max_latency_ns=4)
    assert latencies.server_over_limit(log, Limit(TTFT, 5, "ttft_"), queries_needed(3, 0.99) - 5) == OverLimit(0, 0)


@pytest.mark.parametrize(
    "reported", [None, 5, "", "met", "at least x more queries", "at least " + "9" * 13 + " more queries"]
)
def test_what_asks_for_no_more_queries(reported: Any) -> None:
    assert latencies.more_queries_needed(detail_log(early_stopping_result=reported), Limit(LATENCY, 5, "")) is None


@pytest.mark.parametrize(
    ("entries", "lasted_ms"),
    [
        ({"effective_scenario": "Offline", "result_max_latency_ns": 2_500_000}, 2.5),
        ({"effective_scenario": "Server", "result_query_count": 11, "result_scheduled_samples_per_sec": 5}, 2000),
        ({"effective_scenario": "SingleStream", "result_query_count": 3, "result_qps_with_loadgen_overhead": 2}, 1000),
        ({"effective_scenario": "MultiStream", "result_query_count": 3, "result_max_latency_ns": 5}, None),
        ({"effective_scenario": "Server", "result_query_count": 11, "result_scheduled_samples_per_sec": 0}, None),
        ({"effective_scenario": "Server", "result_query_count": 11}, None),
        ({"effective_scenario": "Server", "result_scheduled_samples_per_sec": 5}, None),
        ({"effective_scenario": "Offline"}, None),
        ({"effective_scenario": "?", "result_query_count": 3, "result_max_latency_ns": 5}, None),
        ({}, None),
    ],
)
def test_how_long_a_run_lasted(entries: dict[str, Any], lasted_ms: float | None) -> None:
    assert latencies.lasted_ms(detail_log(**entries)) == lasted_ms
