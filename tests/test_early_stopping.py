"""Early stopping: against exact arithmetic, against LoadGen's own lines, against the published rounds."""

from __future__ import annotations

import random
from fractions import Fraction
from math import comb
from pathlib import Path

import near_limit
import pytest
from near_limit import LIMIT_NS, TPOT_LIMIT_NS, Case

from submitter import early_stopping
from submitter.logs import DetailLog, read_detail


def exactly_passes(queries: int, over: int, percentile: Fraction) -> bool:
    rare = 1 - percentile
    chance = sum(comb(queries, k) * rare**k * percentile ** (queries - k) for k in range(over + 1))
    return over < queries and chance < Fraction(1, 100)


@pytest.mark.parametrize("percentile", [Fraction(9, 10), Fraction(99, 100), Fraction(97, 100), Fraction(1, 2)])
@pytest.mark.parametrize("over", [0, 1, 2, 7, 20])
def test_the_smallest_number_that_passes_by_exact_arithmetic(percentile: Fraction, over: int) -> None:
    needed = early_stopping.queries_needed(over, float(percentile))
    assert exactly_passes(needed, over, percentile)
    assert not exactly_passes(needed - 1, over, percentile)


@pytest.mark.parametrize("percentile", [0.9, 0.99])
def test_allowed_and_needed_are_two_views_of_one_bound(percentile: float) -> None:
    for queries in [*range(1, 1500, 7), 24_576, 270_000, 3_000_001]:
        allowed = early_stopping.over_limit_allowed(queries, percentile)
        if allowed is None:
            assert early_stopping.queries_needed(0, percentile) > queries
        else:
            assert early_stopping.queries_needed(allowed, percentile) <= queries
            assert early_stopping.queries_needed(allowed + 1, percentile) > queries


def test_a_share_below_the_percentiles_is_enough_with_more_queries() -> None:
    needed = early_stopping.queries_needed_at_share(0.005, 0.99, 10**9)
    assert needed is not None
    assert needed > early_stopping.queries_needed(0, 0.99)
    assert early_stopping.queries_needed(int(0.005 * needed), 0.99) <= needed
    assert early_stopping.queries_needed_at_share(0.01, 0.99, 10**9) is None
    assert early_stopping.queries_needed_at_share(0.0099, 0.99, 1000) is None


def cases_near_the_limit(count: int, seed: int) -> list[Case]:
    """Runs of all kinds; as many over the limit as allowed, or one or two more or fewer."""
    rng = random.Random(seed)
    cases = []
    for number in range(count):
        kind = ("server", "ttft", "tpot", "single", "multi")[number % 5]
        if kind in ("single", "multi"):
            # Where one query more discards another latency.
            queries = early_stopping.queries_needed(
                rng.randint(1, 30 if kind == "single" else 5), Case(kind, 0, 0, 0).percentile
            )
            cases.append(Case(kind, queries + rng.randint(-1, 1), 0, rng.getrandbits(32)))
            continue
        over = rng.randint(0, 12)
        queries = early_stopping.queries_needed(over, 0.99) + rng.choice([-40, -2, -1, 0, 1, 2, 40])
        cases.append(Case(kind, queries, over, rng.getrandbits(32)))
    return cases


def server_lines(latencies: list[int], limit_ns: int, percentile: float) -> str:
    """What LoadGen has to say of a Server run, in its own words and our numbers."""
    queries, over = len(latencies), sum(latency > limit_ns for latency in latencies)
    missing = early_stopping.queries_needed(over, percentile) - queries
    if missing <= 0:
        return " * Run successful."
    return (
        f" * Run unsuccessful. * Processed {queries} queries. * Would need to run at least {missing} more queries, "
        "with the run being successful if every additional query were under latency."
    )


def stream_lines(latencies: list[int], percentile: float, also: float | None) -> str:
    latencies = sorted(latencies, reverse=True)
    found = early_stopping.estimate(len(latencies), percentile)
    if found.rank is None:
        return (
            f" * Only processed {len(latencies)} queries.  * Need to process at least {found.minimum} queries "
            "for early stopping."
        )
    lines = (
        f" * Processed at least {found.minimum} queries ({len(latencies)}).  * Would discard {found.rank - 1} highest "
        f"latency queries.  * Early stopping {percentile * 100:.1f}th percentile estimate: {latencies[found.rank - 1]}"
    )
    if also is None:
        return lines
    other = early_stopping.estimate(len(latencies), also)
    if other.rank is None:
        return lines + (
            f"  * Not enough queries processed for {also * 100:.1f}th percentile  early stopping estimate "
            f"(would need to process at  least {other.minimum} total queries)."
        )
    return lines + f"  * Early stopping {also * 100:.1f}th percentile estimate: {latencies[other.rank - 1]}"


def said(log: DetailLog, part: str = "") -> str:
    return " ".join(str(log[f"early_stopping_{part}result"]).split())


def assert_equal_to_loadgen(folder: Path, case: Case) -> bool:
    """Our recomputation from the latencies against LoadGen's lines; whether the run passed."""
    log, latencies = read_detail(folder / "mlperf_log_detail.txt"), near_limit.latencies_of(folder)
    assert len(latencies.query) == log["result_query_count"] == case.queries
    summary = (folder / "mlperf_log_summary.txt").read_text()
    met = log["early_stopping_met"]
    assert ("Early stopping satisfied: Yes" in summary) is met
    lines: dict[str, str]
    if case.kind in ("single", "multi"):
        lines = {"": stream_lines(latencies.query, case.percentile, 0.99 if case.kind == "single" else None)}
        passed = early_stopping.estimate(case.queries, case.percentile).rank is not None
    elif case.kind == "server":
        assert log["result_overlatency_query_count"] == sum(latency > LIMIT_NS for latency in latencies.query)
        lines = {"": server_lines(latencies.query, LIMIT_NS, case.percentile)}
        passed = "unsuccessful" not in lines[""]
    else:
        assert max(latencies.first_token) == log["result_first_token_max_latency_ns"]
        assert max(latencies.per_token) == log["result_time_to_output_token_max"]
        tpot = server_lines(latencies.per_token, TPOT_LIMIT_NS, case.percentile)
        ttft = server_lines(latencies.first_token, LIMIT_NS, case.percentile)
        passed = "unsuccessful" not in tpot + ttft
        # LoadGen asks TTFT only where TPOT passed.
        lines = {"tpot_": tpot, "ttft_": "" if "unsuccessful" in tpot else ttft}
    assert {part: said(log, part) for part in lines} == {part: " ".join(line.split()) for part, line in lines.items()}
    assert all(" ".join(line.split()) in " ".join(summary.split()) for line in lines.values())
    assert met is passed
    return passed


def compare(folder: Path, cases: list[Case], runs_a_process: int = 10) -> list[bool]:
    passed = []
    for first in range(0, len(cases), runs_a_process):
        some = cases[first : first + runs_a_process]
        for logs, case in zip(near_limit.run(folder / str(first), some), some, strict=True):
            passed.append(assert_equal_to_loadgen(logs, case))
    return passed


def test_ten_runs_near_the_limit_equal_loadgens_lines(tmp_path: Path) -> None:
    compare(tmp_path, cases_near_the_limit(10, seed=1))


@pytest.mark.slow
def test_runs_near_the_limit_equal_loadgens_lines(tmp_path: Path) -> None:
    """The 240 runs of docs/explain.md."""
    passed = compare(tmp_path, cases_near_the_limit(240, seed=2))
    told = f"{len(passed)} runs, of which LoadGen passed {sum(passed)}"
    print(told)
    # Near the limit means both happen, often.
    assert 40 < sum(passed) < 200, told
