"""LoadGen's early stopping from first principles: how many queries of a run may be over the latency limit.

The queries are taken as independent, each over the limit with the same unknown probability. Suppose that it is as high
as the percentile allows (1 % at the 99th). The run passes if so few queries over the limit would then be seen with a
probability below 1 %. So queries over the limit are rare enough with 99 % confidence, and not only in this run.

Source: inference_rules.adoc, appendix Early Stopping Criterion; LoadGen's early_stopping.cc and results.cc
(mlcommons/inference b66003e1). LoadGen uses the same confidence in every scenario, and no tolerance.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass

# As LoadGen computes it: in double precision 1 - 0.99 is not 0.01.
_SIGNIFICANCE = 1 - 0.99
_NEGLIGIBLE = 1e-17


def lower_tail(queries: int, over_limit: int, percentile: float) -> float:
    """The probability that at most `over_limit` of `queries` are over the limit, each with probability 1 - percentile.

    This is the lower tail of the binomial distribution. Its last term is computed first, and the terms before it as
    ratios to it. These decrease if fewer queries are over the limit than expected, which is required:
    0 <= over_limit < queries * (1 - percentile).
    """
    within = queries - over_limit
    log_last = (
        math.lgamma(queries + 1)
        - math.lgamma(over_limit + 1)
        - math.lgamma(within + 1)
        + over_limit * math.log1p(-percentile)
        + within * math.log(percentile)
    )
    odds = percentile / (1 - percentile)
    ratio = total = 1.0
    for count in range(over_limit, 0, -1):
        ratio *= odds * count / (queries - count + 1)
        total += ratio
        if ratio < _NEGLIGIBLE * total:
            break
    return math.exp(log_last) * total


def passes(queries: int, over_limit: int, percentile: float) -> bool:
    """Whether a run meets early stopping if `over_limit` of its `queries` are longer than the limit.

    `percentile` is a fraction, such as 0.99.
    """
    if over_limit >= queries * (1 - percentile):
        return False  # as many as expected with the percentile at the limit: far too likely
    return lower_tail(queries, over_limit, percentile) < _SIGNIFICANCE


def queries_needed(over_limit: int, percentile: float) -> int:
    """The smallest number of queries with which a run passes, if `over_limit` of them are over the limit."""
    # A share of exactly 1 - percentile never passes. Start there, widen the range, then halve it.
    fails = max(over_limit, int(over_limit / (1 - percentile)) - 1)
    step = max(64, fails // 8)
    while not passes(fails + step, over_limit, percentile):
        fails += step
        step *= 2
    counts = range(fails + 1, fails + step + 1)
    return counts[bisect_left(counts, True, key=lambda count: passes(count, over_limit, percentile))]


def over_limit_allowed(queries: int, percentile: float) -> int | None:
    """How many of `queries` may be over the limit; None if the run is too short to pass even with none."""
    if not passes(queries, 0, percentile):
        return None
    counts = range(1, int(queries * (1 - percentile)) + 1)
    return bisect_left(counts, True, key=lambda count: not passes(queries, count, percentile))


def queries_needed_at_share(share: float, percentile: float, at_most: int) -> int | None:
    """How many queries a run needs to pass if this share of its queries is over the limit.

    None if it needs more than `at_most`, which is always so for a share of 1 - percentile or more.
    """
    if share >= 1 - percentile:
        return None
    fails, enough = 0, 64
    while not passes(enough, math.ceil(share * enough), percentile):
        fails, enough = enough, enough * 2
        if fails >= at_most:
            return None
    while enough - fails > 1:
        middle = (fails + enough) // 2
        if passes(middle, math.ceil(share * middle), percentile):
            enough = middle
        else:
            fails = middle
    return enough


@dataclass(frozen=True)
class Estimate:
    """The estimate of a percentile in SingleStream and MultiStream: the `rank`th highest latency, 1 being the highest.

    An estimate needs at least `minimum` queries; with fewer, `rank` is None.
    """

    rank: int | None
    minimum: int


def estimate(queries: int, percentile: float) -> Estimate:
    """Which of a run's latencies is the upper bound of the percentile, with the same confidence.

    It is the lowest latency of which this is true: with a limit just below it, the run would still pass.
    """
    minimum = queries_needed(1, percentile)
    if queries < minimum:
        return Estimate(None, minimum)
    return Estimate(over_limit_allowed(queries, percentile), minimum)
