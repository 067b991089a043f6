"""LoadGen's early stopping from first principles: how many queries over the limit a run of a length may have.

A run's queries are taken for independent, each over the limit with an unknown probability. The run passes where, if
that probability were as high as the percentile allows (1 % at the 99th), so few over the limit would be seen with a
chance below 1 % only. Queries over the limit are then rare enough with 99 % confidence, and not only in this run.

Source: inference_rules.adoc, appendix Early Stopping Criterion; LoadGen's early_stopping.cc and results.cc
(mlcommons/inference b66003e1). LoadGen uses the same confidence in every scenario, and no tolerance.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass

# As LoadGen computes it: 1 - 0.99 is not the double 0.01.
_CHANCE = 1 - 0.99
_NEGLIGIBLE = 1e-17


def chance_of_so_few(queries: int, over_limit: int, percentile: float) -> float:
    """The probability of at most so many over the limit, if each query is with the probability 1 - percentile.

    The binomial distribution's lower tail: its last term, and the terms before it as ratios to that, which fall as
    long as fewer are over the limit than are expected: 0 <= over_limit < queries * (1 - percentile).
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
    """Whether early stopping is met. `percentile` is a fraction, such as 0.99; over the limit is what is longer."""
    if over_limit >= queries * (1 - percentile):
        return False  # as many as are expected where the percentile is at the limit: far too likely
    return chance_of_so_few(queries, over_limit, percentile) < _CHANCE


def queries_needed(over_limit: int, percentile: float) -> int:
    """The smallest number of queries with which a run passes that has `over_limit` over the limit among them."""
    # What a share of 1 - percentile gives is too few: from there widen, then halve.
    fails = max(over_limit, int(over_limit / (1 - percentile)) - 1)
    step = max(64, fails // 8)
    while not passes(fails + step, over_limit, percentile):
        fails += step
        step *= 2
    counts = range(fails + 1, fails + step + 1)
    return counts[bisect_left(counts, True, key=lambda count: passes(count, over_limit, percentile))]


def over_limit_allowed(queries: int, percentile: float) -> int | None:
    """How many of so many queries may be over the limit; None where the queries are too few even with none."""
    if not passes(queries, 0, percentile):
        return None
    counts = range(1, int(queries * (1 - percentile)) + 1)
    return bisect_left(counts, True, key=lambda count: not passes(queries, count, percentile))


def queries_needed_at_share(share: float, percentile: float, at_most: int) -> int | None:
    """How many queries a run needs whose queries go on being over the limit in this share.

    None where more than `at_most` would be needed, as it is for every share of 1 - percentile or more.
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
    """A percentile's estimate in SingleStream and MultiStream: the `rank`th highest latency, 1 being the highest.

    `minimum` is the number of queries from which on there is an estimate; with fewer, `rank` is None.
    """

    rank: int | None
    minimum: int


def estimate(queries: int, percentile: float) -> Estimate:
    """Which of a run's latencies bounds the percentile from above, with the same confidence.

    Were the limit just below that latency, the run would still pass; it is the lowest latency of which that is true.
    """
    minimum = queries_needed(1, percentile)
    if queries < minimum:
        return Estimate(None, minimum)
    return Estimate(over_limit_allowed(queries, percentile), minimum)
