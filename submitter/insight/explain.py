"""Why a run is valid or not, in words: LoadGen's four conditions, each by its figures, and what would pass.

Nothing is judged here that LoadGen did not: the explanation follows its verdict and computes the distance to it.
LoadGen: results.cc, MinDurationMet to EarlyStopping (mlcommons/inference b66003e1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from submitter import early_stopping
from submitter.logs import DetailLog
from submitter.model import Scenario
from submitter.rulebook import TokenLatency
from submitter.submission import latencies
from submitter.submission.latencies import LatencyKind, Limit, OverLimit, number

_NS_PER_MS = 1e6
# Beyond so many times its queries nobody would run on: then a lower rate is the only advice.
_RUN_ON = 20


@dataclass(frozen=True)
class Condition:
    """One of LoadGen's four conditions. `met` is LoadGen's word, `told` the figures, `advice` what would pass."""

    name: str
    met: bool
    told: tuple[str, ...]
    advice: tuple[str, ...] = ()


@dataclass(frozen=True)
class Demands:
    """What the round asks of a run of this benchmark in its folder's scenario, whatever LoadGen was told."""

    min_duration_ms: int
    token_latency: TokenLatency | None


@dataclass(frozen=True)
class Explanation:
    """LoadGen's verdict and scenario, its conditions and then the round's, and how much less load would pass."""

    verdict: str
    scenario: str
    conditions: tuple[Condition, ...]
    advice: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[Condition, ...]:
        return tuple(condition for condition in self.conditions if not condition.met)

    @property
    def valid(self) -> bool:
        return self.verdict == "VALID" and not self.failed


def explain(log: DetailLog, demands: Demands | None = None) -> Explanation:
    """Explain a performance run; `demands` are None where its round or its benchmark is not known.

    ValueError where the log has no verdict: it is of an accuracy run, or was cut.
    """
    verdict = log["result_validity"]
    if not isinstance(verdict, str):
        if log["effective_test_mode"] == "AccuracyOnly":
            raise ValueError("is of an accuracy run: LoadGen gives only performance runs a verdict")
        raise ValueError("has no verdict of LoadGen: the run did not end, or the log was cut")
    scenario = latencies.scenario_of(log)
    if scenario is None:
        raise ValueError("names no scenario of LoadGen's")
    conditions = [_duration(log), _queries(log)]
    if scenario is Scenario.SERVER:
        conditions.append(_constraints(log))
    if scenario is not Scenario.OFFLINE:
        conditions.append(_early_stopping(log))
    failed_limits = any(not c.met for c in conditions if c.name in (_CONSTRAINTS, _EARLY_STOPPING))
    advice = _less_load(log) if failed_limits and scenario is Scenario.SERVER else ()
    if demands is not None:
        conditions += _of_the_round(log, demands)
    return Explanation(verdict, scenario.value, tuple(conditions), advice)


_DURATION, _QUERIES = "minimum duration", "minimum queries"
_CONSTRAINTS, _EARLY_STOPPING = "performance constraints", "early stopping"


def _met(log: DetailLog, key: str) -> bool:
    return log[key] is not False


def _duration(log: DetailLog) -> Condition:
    met, lasted_ms = _met(log, "result_min_duration_met"), latencies.lasted_ms(log)
    required_ms, queries = number(log, "effective_min_duration_ms"), latencies.queries_of(log)
    if lasted_ms is None or required_ms is None:
        return Condition(_DURATION, met, ("the log does not tell how long the run lasted",))
    missing_ms = required_ms - lasted_ms
    if met:  # the rate that tells the duration is logged with six digits
        missing_ms = min(missing_ms, 0.0)
    if missing_ms <= 0:
        return Condition(_DURATION, met, (f"{_s(lasted_ms)} of {_s(required_ms)}, {_s(abs(missing_ms))} to spare",))
    told = (f"{_s(lasted_ms)} of {_s(required_ms)}, {_s(missing_ms)} too short",)
    offline = latencies.scenario_of(log) is Scenario.OFFLINE
    count = number(log, "generated_samples_per_query") if offline else queries
    if not count or lasted_ms <= 0:
        return Condition(_DURATION, met, told)
    more, what = math.ceil(count * missing_ms / lasted_ms), "samples" if offline else "queries"
    knob = "raise target_qps by as much, LoadGen makes the query from it" if offline else "raise min_query_count"
    return Condition(
        _DURATION, met, told, (f"{more:,} more {what} at this rate ({missing_ms / lasted_ms:.0%}): {knob}",)
    )


def _queries(log: DetailLog) -> Condition:
    met, queries = _met(log, "result_min_queries_met"), latencies.queries_of(log)
    required = number(log, "effective_min_query_count")
    if queries is None or required is None:
        return Condition(_QUERIES, met, ("the log does not tell how many queries there were",))
    told = f"{queries:,} of {required:,.0f}"
    rate = _rate(log)
    if queries >= required:
        return Condition(_QUERIES, met, (told,))
    time = f", {_s((required - queries) / rate * 1e3)} more at this rate" if rate else ""
    return Condition(_QUERIES, met, (told,), (f"{required - queries:,.0f} more queries{time}",))


def _rate(log: DetailLog) -> float | None:
    """Queries in a second, as they were asked."""
    lasted_ms, queries = latencies.lasted_ms(log), latencies.queries_of(log)
    return queries / lasted_ms * 1e3 if lasted_ms and queries and lasted_ms > 0 else None


def _percentile_key(log: DetailLog, kind: LatencyKind) -> str:
    return kind.key(f"{(latencies.target_percentile(log) or 0.99) * 100:.2f}")


def _constraints(log: DetailLog) -> Condition:
    told = []
    for limit in latencies.limits_of(log):
        key = _percentile_key(log, limit.kind)
        if (found_ns := number(log, key)) is not None:
            told.append(_headroom(limit.kind.name, found_ns, limit.limit_ns))
    return Condition(_CONSTRAINTS, _met(log, "result_perf_constraints_met"), tuple(told) or ("the log has no limits",))


def _headroom(name: str, found_ns: float, limit_ns: float) -> str:
    share = f"{abs(1 - found_ns / limit_ns):.1%}" if limit_ns > 0 else "far"
    how = f"{share} to spare" if found_ns <= limit_ns else f"{share} over"
    return f"{name} p99 {found_ns / _NS_PER_MS:,.1f} ms of {limit_ns / _NS_PER_MS:,.1f} ms, {how}"


def _early_stopping(log: DetailLog) -> Condition:
    met, queries = _met(log, "early_stopping_met"), latencies.queries_of(log)
    percentile = latencies.target_percentile(log)
    if queries is None or percentile is None:
        return Condition(_EARLY_STOPPING, met, ("the log does not tell how many queries there were",))
    if latencies.scenario_of(log) is not Scenario.SERVER:
        return _estimated(log, met, queries, percentile)
    told: list[str] = []
    advice: list[str] = []
    for limit in latencies.limits_of(log):
        allowed = early_stopping.over_limit_allowed(queries, percentile)
        over = latencies.server_over_limit(log, limit, queries)
        if met and allowed is not None:  # then LoadGen, who knows them all, found no more than that
            over = OverLimit(over.least, max(over.least, min(over.most, allowed)))
        told.append(_over_told(limit, over, queries, allowed))
        if allowed is None or over.most > allowed:
            advice += _more_queries(log, limit, over, queries, percentile)
    return Condition(_EARLY_STOPPING, met, tuple(told), () if met else tuple(advice))


def _over_told(limit: Limit, over: OverLimit, queries: int, allowed: int | None) -> str:
    may = "they are too few even if none were" if allowed is None else f"{allowed:,} may be"
    source = "" if over.exact else " (the log has percentiles, not all)"
    return f"{limit.kind.name}: {over} of {queries:,} queries over {limit.limit_ns / _NS_PER_MS:,.1f} ms{source}; {may}"


def _more_queries(log: DetailLog, limit: Limit, over: OverLimit, queries: int, percentile: float) -> list[str]:
    """What would pass for one limit: more queries, all of them within it or as many over it as so far."""
    if early_stopping.passes(queries, over.least, percentile) and not over.exact:
        return []  # whether it fails is not known
    rate, name = _rate(log), limit.kind.name
    more = early_stopping.queries_needed(over.least, percentile) - queries
    least = "" if over.exact else "at least "
    lines = [f"{name}: {least}{more:,} more queries, all within the limit{_time(more, rate)}"]
    total = early_stopping.queries_needed_at_share(over.least / queries, percentile, _RUN_ON * queries)
    if total is None:
        lines.append(f"{name}: with {over.least / queries:.2%} over the limit, more queries alone do not help")
    elif total > queries and over.least:
        more = total - queries
        lines.append(f"{name}: about {more:,} more if as many go on being over the limit{_time(more, rate)}")
    return lines


def _time(queries: int, rate: float | None) -> str:
    return f" ({_s(queries / rate * 1e3)} at this rate)" if rate else ""


def _estimated(log: DetailLog, met: bool, queries: int, percentile: float) -> Condition:
    found = early_stopping.estimate(queries, percentile)
    name = f"p{percentile * 100:g}"
    if found.rank is None:
        more = found.minimum - queries
        told = f"{queries:,} queries, {found.minimum:,} are the fewest for an estimate of the {name}"
        return Condition(_EARLY_STOPPING, met, (told,), (f"{more:,} more queries{_time(more, _rate(log))}",))
    single = latencies.scenario_of(log) is Scenario.SINGLE_STREAM
    value_ns = number(log, "early_stopping_latency_ss" if single else "early_stopping_latency_ms")
    value = "" if value_ns is None else f": {value_ns / _NS_PER_MS:,.3f} ms"
    # With token latencies LoadGen estimates TPOT first and then TTFT, which it keeps.
    of = "TTFT" if log["requested_use_token_latencies"] is True else "latency"
    told = f"{queries:,} queries; the {name} is estimated by the highest {of} but {found.rank - 1:,}{value}"
    return Condition(_EARLY_STOPPING, met, (told,))


def _of_the_round(log: DetailLog, demands: Demands) -> list[Condition]:
    conditions = []
    asked_ms, required_ms = number(log, "effective_min_duration_ms"), demands.min_duration_ms
    if asked_ms is not None and asked_ms < required_ms:
        told = f"at least {_s(asked_ms)} were asked of LoadGen, {_s(required_ms)} of the submission"
        conditions.append(Condition("the round's duration", False, (told,)))
    if demands.token_latency is not None:
        pairs = ((latencies.TTFT, demands.token_latency.ttft_ns), (latencies.TPOT, demands.token_latency.tpot_ns))
        found = [
            (k.name, found_ns, limit) for k, limit in pairs if (found_ns := number(log, k.key("99.00"))) is not None
        ]
        told_all = tuple(_headroom(*one) for one in found)
        if told_all:
            kept = all(found_ns < limit_ns for _, found_ns, limit_ns in found)
            conditions.append(Condition("the round's limits", kept, told_all))
    return conditions


def _less_load(log: DetailLog) -> tuple[str, ...]:
    """How much less target QPS might pass, by the worst of the limits."""
    target, completed = number(log, "effective_target_qps"), number(log, "result_completed_samples_per_sec")
    queries, percentile = latencies.queries_of(log), latencies.target_percentile(log)
    if not target or target <= 0 or queries is None or percentile is None:
        return ()
    kept, why = 1.0, ""
    for limit in latencies.limits_of(log):
        share, reason = _share_kept(log, limit, queries, percentile, completed / target if completed else None)
        if share == 0.0:
            return (f"{limit.kind.name}: {reason}",)
        if share < kept:
            kept, why = share, f"{limit.kind.name}: {reason}"
    if kept == 1.0:
        return ()
    return (f"or about {1 - kept:.0%} less target QPS: {target * kept:,.4g} instead of {target:,.4g}", why)


def _share_kept(
    log: DetailLog, limit: Limit, queries: int, percentile: float, completed: float | None
) -> tuple[float, str]:
    """The share of the target QPS at which the limit may be kept, 0 for none, and the model that says so.

    A system that cannot keep up has queries waiting, so even half of them are over the limit: it can do what it
    completed. Else latency grows with the load, ever faster; below the straight line from no load to this run, then.
    """
    points = dict(latencies.ranked(log, limit.kind))
    shortest, median = points.get(limit.kind.shortest), points.get(limit.kind.key("50.00"))
    if shortest is not None and shortest > limit.limit_ns:
        return 0.0, "even the fastest query is over the limit, so a lower rate does not help"
    if median is not None and median > limit.limit_ns and completed is not None and 0 < completed < 1:
        return completed, "an estimate: most queries waited, so this is the rate that was completed, as an upper bound"
    shares = [(1 - below, value) for key, below in limit.kind.ranks if (value := number(log, key)) is not None]
    tail_ns = _at_share(shares, (early_stopping.over_limit_allowed(queries, percentile) or 0) / queries)
    if tail_ns is None or tail_ns <= limit.limit_ns:
        tail_ns = next((value for _, value in shares if value > limit.limit_ns), None)
    if shortest is None or tail_ns is None or shortest >= limit.limit_ns:
        return 1.0, ""
    share = (limit.limit_ns - shortest) / (tail_ns - shortest)
    ends = f"the fastest query ({shortest / _NS_PER_MS:,.1f} ms) to the tail's {tail_ns / _NS_PER_MS:,.1f} ms"
    return share, f"an estimate: on the line from {ends}, taking latency to grow with the load no slower than that"


def _at_share(known: list[tuple[float, float]], share: float) -> float | None:
    """About the latency that a share of the queries exceeds: between known ones, linear in the share's logarithm."""
    for (upper, low_ns), (lower, high_ns) in pairwise(known):
        if lower <= share <= upper:
            if share <= 0 or lower <= 0:
                return high_ns
            part = math.log(upper / share) / math.log(upper / lower)
            return low_ns + part * (high_ns - low_ns)
    return None


def _s(duration_ms: float) -> str:
    seconds = duration_ms / 1e3
    if seconds > 600:
        return f"{seconds / 60:,.1f} min"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{duration_ms:.3g} ms"
