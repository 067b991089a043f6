"""The latencies in a detail log, and from their ranks how many queries were over a limit.

LoadGen does not log every latency, but the shortest, the longest and six percentiles (results.cc, LogDetail). A
percentile is the latency at index int(queries * percentile) in ascending order.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from submitter import early_stopping
from submitter.logs import DetailLog
from submitter.model import Scenario
from submitter.units import MS_PER_S, NS_PER_MS

_PERCENTILES = ("50.00", "90.00", "95.00", "97.00", "99.00", "99.90")
# LoadGen's own counts are far smaller: a run of this many queries would take years.
_MAX_QUERIES = 10**12
_SCENARIOS = {scenario.value: scenario for scenario in Scenario}


@dataclass(frozen=True, kw_only=True)
class LatencyKind:
    """A kind of latency that LoadGen logs, and the detail log's keys for it."""

    name: str
    shortest: str
    percentile: str
    """With `{}` in place of the percentile, such as 99.00."""
    longest: str
    mean: str

    def key(self, percentile: str) -> str:
        return self.percentile.format(percentile)

    @cached_property
    def ranks(self) -> tuple[tuple[str, float], ...]:
        """The keys in ascending order of latency, each with the share of queries that are shorter."""
        shares = [(self.key(percentile), float(percentile) / 100) for percentile in _PERCENTILES]
        return (self.shortest, 0.0), *shares, (self.longest, 1.0)


LATENCY = LatencyKind(
    name="latency",
    shortest="result_min_latency_ns",
    percentile="result_{}_percentile_latency_ns",
    longest="result_max_latency_ns",
    mean="result_mean_latency_ns",
)
QUERY_LATENCY = LatencyKind(
    name="latency of a query",
    shortest="result_min_query_latency_ns",
    percentile="result_{}_percentile_per_query_latency_ns",
    longest="result_max_query_latency_ns",
    mean="result_mean_query_latency_ns",
)
TTFT = LatencyKind(
    name="TTFT",
    shortest="result_first_token_min_latency_ns",
    percentile="result_first_token_{}_percentile_latency_ns",
    longest="result_first_token_max_latency_ns",
    mean="result_first_token_mean_latency_ns",
)
TPOT = LatencyKind(
    name="TPOT",
    shortest="result_time_to_output_token_min",
    percentile="result_time_per_output_token_{}_percentile_ns",
    longest="result_time_to_output_token_max",
    mean="result_time_to_output_token_mean",
)
KINDS = (LATENCY, QUERY_LATENCY, TTFT, TPOT)


def number(log: DetailLog, key: str) -> float | None:
    """The finite number that the log has for a key; None if it has none."""
    value = log[key]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return value if math.isfinite(value) else None
        except OverflowError:
            pass
    return None


def queries_of(log: DetailLog) -> int | None:
    """How many queries LoadGen issued; None if the log has no plausible count."""
    value = log["result_query_count"]
    return value if type(value) is int and 0 < value < _MAX_QUERIES else None


def scenario_of(log: DetailLog) -> Scenario | None:
    """The scenario that LoadGen ran; None for a name that LoadGen does not use."""
    name = log["effective_scenario"]
    return _SCENARIOS.get(name) if isinstance(name, str) else None


def target_percentile(log: DetailLog) -> float | None:
    """The share of queries that must be within the limit, such as 0.99; None for an impossible value."""
    value = number(log, "effective_target_latency_percentile")
    return value if value is not None and 0.5 <= value <= 0.9999 else None


@dataclass(frozen=True)
class Limit:
    """A Server run's limit on one kind of latency."""

    kind: LatencyKind
    limit_ns: float
    key_part: str
    """Names the kind in the keys of early stopping's messages: `ttft_`, `tpot_`, or empty for the query's latency."""


def limits_of(log: DetailLog) -> list[Limit]:
    """The limits that LoadGen applied to a Server run: TTFT and TPOT, or else the query's latency.

    Empty for other scenarios.
    """
    if scenario_of(log) is not Scenario.SERVER:
        return []
    if log["requested_use_token_latencies"] is True:
        keys = [(TTFT, "requested_server_ttft_latency", "ttft_"), (TPOT, "requested_server_tpot_latency", "tpot_")]
    else:
        keys = [(LATENCY, "effective_target_latency_ns", "")]
    return [Limit(kind, limit_ns, part) for kind, key, part in keys if (limit_ns := number(log, key)) is not None]


def ranked(log: DetailLog, kind: LatencyKind) -> list[tuple[str, float]]:
    """The logged latencies of a kind in ns, in ascending order of rank, each with its key."""
    return [(key, value) for key, _ in kind.ranks if key in log and (value := number(log, key)) is not None]


def out_of_order(log: DetailLog, kind: LatencyKind) -> tuple[str, str] | None:
    """The keys of two neighbours of which the second is smaller; None if all are in order."""
    neighbours = pairwise(ranked(log, kind))
    return next(((lower, higher) for (lower, low), (higher, high) in neighbours if low > high), None)


@dataclass(frozen=True)
class OverLimit:
    """How many queries were over a limit: from `least` to `most`, which are equal if the log shows the number."""

    least: int
    most: int

    @property
    def exact(self) -> bool:
        return self.least == self.most

    def __str__(self) -> str:
        return f"{self.least}" if self.exact else f"between {self.least} and {self.most}"


def over_limit(log: DetailLog, kind: LatencyKind, limit_ns: float, queries: int) -> OverLimit:
    """Bounds on the number of queries that took longer than the limit, from the latencies whose rank is known."""
    shares = dict(kind.ranks)
    least, most = 0, queries
    for key, value in ranked(log, kind):
        index = min(int(queries * shares[key]), queries - 1)
        if value > limit_ns:
            least = max(least, queries - index)
        else:
            most = min(most, queries - index - 1)
    return OverLimit(least, most)


def server_over_limit(log: DetailLog, limit: Limit, queries: int) -> OverLimit:
    """As `over_limit`, but exact if LoadGen counted the queries or reported how many more queries the run needs."""
    if limit.kind is LATENCY:
        counted = log["result_overlatency_query_count"]
        if type(counted) is int and 0 <= counted <= queries:
            return OverLimit(counted, counted)
    bounds = over_limit(log, limit.kind, limit.limit_ns, queries)
    more, percentile = more_queries_needed(log, limit), target_percentile(log)
    if more is None or percentile is None:
        return bounds
    # Each query over the limit raises the number of queries needed, so that number shows how many are over.
    over = bisect_left(
        range(queries), queries + more, key=lambda count: early_stopping.queries_needed(count, percentile)
    )
    return OverLimit(over, over) if bounds.least <= over <= bounds.most else bounds


_MORE_QUERIES = re.compile(r"Would need to run at least (\d{1,12}) more queries")


def more_queries_needed(log: DetailLog, limit: Limit) -> int | None:
    """How many more queries the run needs, according to LoadGen's early stopping message; None if it reports none."""
    message = log[f"early_stopping_{limit.key_part}result"]
    found = _MORE_QUERIES.search(message) if isinstance(message, str) else None
    return int(found[1]) if found else None


def lasted_ms(log: DetailLog) -> float | None:
    """How long the run lasted, as LoadGen compares it with the minimum duration; None if the log does not show it.

    It ends in Server when the last query is due, in SingleStream when the last query is issued, and in Offline when the
    last sample is done.
    """
    scenario, queries = scenario_of(log), queries_of(log)
    if scenario is Scenario.OFFLINE:
        longest_ns = number(log, LATENCY.longest)
        return None if longest_ns is None else longest_ns / NS_PER_MS
    rate_key = {
        Scenario.SERVER: "result_scheduled_samples_per_sec",
        Scenario.SINGLE_STREAM: "result_qps_with_loadgen_overhead",
    }.get(scenario or Scenario.OFFLINE)
    rate = number(log, rate_key) if rate_key else None
    return (queries - 1) / rate * MS_PER_S if queries and rate else None
