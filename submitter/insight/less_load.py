"""How much less target QPS might make a Server run pass that failed a limit on latencies: an estimate from one run."""

from __future__ import annotations

import math
from itertools import pairwise

from submitter import early_stopping
from submitter.logs import DetailLog
from submitter.submission import latencies
from submitter.submission.latencies import Limit, number
from submitter.units import NS_PER_MS


def less_load(log: DetailLog) -> tuple[str, ...]:
    """Lines of advice: how much less target QPS might pass, by the limit that needs the most; empty if not known."""
    target, completed = number(log, "effective_target_qps"), number(log, "result_completed_samples_per_sec")
    queries, percentile = latencies.queries_of(log), latencies.target_percentile(log)
    if not target or target <= 0 or queries is None or percentile is None:
        return ()
    least, why = 1.0, ""
    for limit in latencies.limits_of(log):
        share, reason = _passing_share(log, limit, queries, percentile, completed / target if completed else None)
        if share == 0.0:
            return (f"{limit.kind.name}: {reason}",)
        if share < least:
            least, why = share, f"{limit.kind.name}: {reason}"
    if least == 1.0:
        return ()
    return (f"or about {1 - least:.0%} less target QPS: {target * least:,.4g} instead of {target:,.4g}", why)


def _passing_share(
    log: DetailLog, limit: Limit, queries: int, percentile: float, completed_share: float | None
) -> tuple[float, str]:
    """The share of the target QPS that might pass this limit, 0 if none does, and how it was estimated.

    `completed_share` is the rate that the system completed, as a share of the target QPS. If even the median is over
    the limit, queries were waiting: the system cannot do more than it completed. Otherwise latency is assumed to grow
    with the load on a straight line from the fastest query, at no load, to the tail, at this load. In truth it grows
    slowly first and steeply later, so often a smaller reduction is enough.
    """
    points = dict(latencies.ranked(log, limit.kind))
    shortest_ns, median_ns = points.get(limit.kind.shortest), points.get(limit.kind.key("50.00"))
    if shortest_ns is not None and shortest_ns > limit.limit_ns:
        return 0.0, "even the fastest query is over the limit, so a lower rate does not help"
    if median_ns is not None and median_ns > limit.limit_ns and completed_share is not None and 0 < completed_share < 1:
        return completed_share, "an estimate: most queries waited, so at most the rate that was completed"
    shares = [(1 - below, value) for key, below in limit.kind.ranks if (value := number(log, key)) is not None]
    tail_ns = _at_share(shares, (early_stopping.over_limit_allowed(queries, percentile) or 0) / queries)
    if tail_ns is None or tail_ns <= limit.limit_ns:
        tail_ns = next((value for _, value in shares if value > limit.limit_ns), None)
    if shortest_ns is None or tail_ns is None or shortest_ns >= limit.limit_ns:
        return 1.0, ""
    share = (limit.limit_ns - shortest_ns) / (tail_ns - shortest_ns)
    ends = f"the fastest query ({shortest_ns / NS_PER_MS:,.1f} ms) to the tail's {tail_ns / NS_PER_MS:,.1f} ms"
    return share, f"an estimate: latency is assumed to grow with the load on a straight line from {ends}"


def _at_share(known: list[tuple[float, float]], share: float) -> float | None:
    """The latency in ns that about this share of the queries exceeds; None if it is outside of the known ones.

    `known` has pairs of a share and the latency that this share exceeds. In between, the latency is interpolated
    linearly in the logarithm of the share.
    """
    for (upper, low_ns), (lower, high_ns) in pairwise(known):
        if lower <= share <= upper:
            if share <= 0 or lower <= 0:
                return high_ns
            part = math.log(upper / share) / math.log(upper / lower)
            return low_ns + part * (high_ns - low_ns)
    return None
