"""Why a run is valid or not, as text: the figures behind LoadGen's four conditions, and what would pass.

This does not judge anything that LoadGen did not judge: it follows LoadGen's verdict and computes the distance to it.
LoadGen: results.cc, MinDurationMet to EarlyStopping (mlcommons/inference b66003e1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from submitter import early_stopping
from submitter.insight.less_load import less_load
from submitter.logs import DetailLog
from submitter.model import Scenario
from submitter.rulebook_tables import TokenLatency
from submitter.submission import latencies
from submitter.submission.latencies import LatencyKind, Limit, OverLimit, number
from submitter.units import MS_PER_S, NS_PER_MS, S_PER_MIN

# Advice to run longer ends at this many times the queries of the run; beyond it, only a lower rate is advised.
_MAX_LONGER = 20


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A condition of a valid run: one of LoadGen's four, or one of the round's."""

    name: str
    met: bool
    """For LoadGen's conditions, as LoadGen reports it."""
    figures: tuple[str, ...]
    """The figures behind it, a line each."""
    advice: tuple[str, ...] = ()
    """What would meet it, a line each."""


@dataclass(frozen=True)
class RoundRequirements:
    """What the round requires of a run of this benchmark in its folder's scenario, whatever LoadGen was set to."""

    min_duration_ms: int
    token_latency: TokenLatency | None


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """LoadGen's verdict on a run, and the conditions behind it."""

    verdict: str
    """As in the log: VALID or INVALID."""
    scenario: str
    """The scenario that LoadGen ran."""
    conditions: tuple[Condition, ...]
    """LoadGen's, then the round's."""
    advice: tuple[str, ...] = ()
    """How much less load would pass, if a limit on latencies failed."""

    @property
    def failed(self) -> tuple[Condition, ...]:
        return tuple(condition for condition in self.conditions if not condition.met)

    @property
    def valid(self) -> bool:
        return self.verdict == "VALID" and not self.failed


def explain(log: DetailLog, requirements: RoundRequirements | None = None) -> Explanation:
    """Explain a performance run; `requirements` is None if its round or its benchmark is not known.

    ValueError if the log has no verdict, because it is of an accuracy run or is incomplete.
    """
    verdict = log["result_validity"]
    if not isinstance(verdict, str):
        if log["effective_test_mode"] == "AccuracyOnly":
            raise ValueError("is of an accuracy run: LoadGen gives a verdict only on performance runs")
        raise ValueError("has no verdict: the run did not end, or the log is incomplete")
    scenario = latencies.scenario_of(log)
    if scenario is None:
        raise ValueError("does not name a LoadGen scenario")
    conditions = [_duration(log), _queries(log)]
    if scenario is Scenario.SERVER:
        conditions.append(_constraints(log))
    if scenario is not Scenario.OFFLINE:
        conditions.append(_early_stopping(log))
    failed_limits = any(not c.met for c in conditions if c.name in (_CONSTRAINTS, _EARLY_STOPPING))
    advice = less_load(log) if failed_limits and scenario is Scenario.SERVER else ()
    if requirements is not None:
        conditions += _round_conditions(log, requirements)
    return Explanation(verdict=verdict, scenario=scenario.value, conditions=tuple(conditions), advice=advice)


_DURATION, _QUERIES = "minimum duration", "minimum queries"
_CONSTRAINTS, _EARLY_STOPPING = "performance constraints", "early stopping"
_NO_DURATION = "the log does not show how long the run lasted"
_NO_QUERIES = "the log does not show how many queries there were"


def _met(log: DetailLog, key: str) -> bool:
    return log[key] is not False


def _duration(log: DetailLog) -> Condition:
    met, lasted_ms = _met(log, "result_min_duration_met"), latencies.lasted_ms(log)
    required_ms, queries = number(log, "effective_min_duration_ms"), latencies.queries_of(log)
    if lasted_ms is None or required_ms is None:
        return Condition(name=_DURATION, met=met, figures=(_NO_DURATION,))
    missing_ms = required_ms - lasted_ms
    if met:  # the duration is computed from a rate, which is logged with six digits
        missing_ms = min(missing_ms, 0.0)
    lasted = f"{_duration_text(lasted_ms)} of {_duration_text(required_ms)}"
    if missing_ms <= 0:
        return Condition(name=_DURATION, met=met, figures=(f"{lasted}, {_duration_text(abs(missing_ms))} to spare",))
    figures = (f"{lasted}, {_duration_text(missing_ms)} too short",)
    is_offline = latencies.scenario_of(log) is Scenario.OFFLINE
    count = number(log, "generated_samples_per_query") if is_offline else queries
    if not count or lasted_ms <= 0:
        return Condition(name=_DURATION, met=met, figures=figures)
    more, what = math.ceil(count * missing_ms / lasted_ms), "samples" if is_offline else "queries"
    how = "raise target_qps by as much; LoadGen sizes the query by it" if is_offline else "raise min_query_count"
    advice = f"{more:,} more {what} at this rate ({missing_ms / lasted_ms:.0%}): {how}"
    return Condition(name=_DURATION, met=met, figures=figures, advice=(advice,))


def _queries(log: DetailLog) -> Condition:
    met, queries = _met(log, "result_min_queries_met"), latencies.queries_of(log)
    required = number(log, "effective_min_query_count")
    if queries is None or required is None:
        return Condition(name=_QUERIES, met=met, figures=(_NO_QUERIES,))
    figures = (f"{queries:,} of {required:,.0f}",)
    if queries >= required:
        return Condition(name=_QUERIES, met=met, figures=figures)
    rate = _rate(log)
    time = f", {_duration_text((required - queries) / rate * MS_PER_S)} more at this rate" if rate else ""
    return Condition(name=_QUERIES, met=met, figures=figures, advice=(f"{required - queries:,.0f} more queries{time}",))


def _rate(log: DetailLog) -> float | None:
    """Queries per second, as LoadGen issued them."""
    lasted_ms, queries = latencies.lasted_ms(log), latencies.queries_of(log)
    return queries / lasted_ms * MS_PER_S if lasted_ms and queries and lasted_ms > 0 else None


def _percentile_key(log: DetailLog, kind: LatencyKind) -> str:
    return kind.key(f"{(latencies.target_percentile(log) or 0.99) * 100:.2f}")


def _constraints(log: DetailLog) -> Condition:
    figures = []
    for limit in latencies.limits_of(log):
        key = _percentile_key(log, limit.kind)
        if (found_ns := number(log, key)) is not None:
            figures.append(_headroom(limit.kind.name, found_ns, limit.limit_ns))
    met = _met(log, "result_perf_constraints_met")
    return Condition(name=_CONSTRAINTS, met=met, figures=tuple(figures) or ("the log has no limits",))


def _headroom(name: str, found_ns: float, limit_ns: float) -> str:
    share = f"{abs(1 - found_ns / limit_ns):.1%}" if limit_ns > 0 else "far"
    how = f"{share} to spare" if found_ns <= limit_ns else f"{share} over"
    return f"{name} p99 {found_ns / NS_PER_MS:,.1f} ms of {limit_ns / NS_PER_MS:,.1f} ms, {how}"


def _early_stopping(log: DetailLog) -> Condition:
    met, queries = _met(log, "early_stopping_met"), latencies.queries_of(log)
    percentile = latencies.target_percentile(log)
    if queries is None or percentile is None:
        return Condition(name=_EARLY_STOPPING, met=met, figures=(_NO_QUERIES,))
    if latencies.scenario_of(log) is not Scenario.SERVER:
        return _estimate(log, met, queries, percentile)
    figures: list[str] = []
    advice: list[str] = []
    for limit in latencies.limits_of(log):
        allowed = early_stopping.over_limit_allowed(queries, percentile)
        over = latencies.server_over_limit(log, limit, queries)
        if met and allowed is not None:  # LoadGen knows every latency, so no more than that were over the limit
            over = OverLimit(over.least, max(over.least, min(over.most, allowed)))
        figures.append(_over_limit_text(limit, over, queries, allowed))
        if allowed is None or over.most > allowed:
            advice += _more_queries(log, limit, over, queries, percentile)
    return Condition(name=_EARLY_STOPPING, met=met, figures=tuple(figures), advice=() if met else tuple(advice))


def _over_limit_text(limit: Limit, over: OverLimit, queries: int, allowed: int | None) -> str:
    may = "too few queries even with none over the limit" if allowed is None else f"{allowed:,} allowed"
    source = "" if over.exact else " (the log has only percentiles)"
    return f"{limit.kind.name}: {over} of {queries:,} queries over {limit.limit_ns / NS_PER_MS:,.1f} ms{source}; {may}"


def _more_queries(log: DetailLog, limit: Limit, over: OverLimit, queries: int, percentile: float) -> list[str]:
    """What would pass for one limit: more queries, either all within it or with the same share over it as before."""
    if early_stopping.passes(queries, over.least, percentile) and not over.exact:
        return []  # it is not known whether this limit fails
    rate, name = _rate(log), limit.kind.name
    more = early_stopping.queries_needed(over.least, percentile) - queries
    least = "" if over.exact else "at least "
    lines = [f"{name}: {least}{more:,} more queries, all within the limit{_time_text(more, rate)}"]
    total = early_stopping.queries_needed_at_share(over.least / queries, percentile, _MAX_LONGER * queries)
    if total is None:
        lines.append(f"{name}: with {over.least / queries:.2%} over the limit, more queries alone do not help")
    elif total > queries and over.least:
        more = total - queries
        lines.append(f"{name}: about {more:,} more if the same share stays over the limit{_time_text(more, rate)}")
    return lines


def _time_text(queries: int, rate: float | None) -> str:
    return f" ({_duration_text(queries / rate * MS_PER_S)} at this rate)" if rate else ""


def _estimate(log: DetailLog, met: bool, queries: int, percentile: float) -> Condition:
    """Early stopping in SingleStream and MultiStream, where it estimates a percentile from the highest latencies."""
    estimate = early_stopping.estimate(queries, percentile)
    name = f"p{percentile * 100:g}"
    if estimate.rank is None:
        more = estimate.minimum - queries
        figures = f"{queries:,} queries; an estimate of the {name} needs at least {estimate.minimum:,}"
        advice = f"{more:,} more queries{_time_text(more, _rate(log))}"
        return Condition(name=_EARLY_STOPPING, met=met, figures=(figures,), advice=(advice,))
    is_single = latencies.scenario_of(log) is Scenario.SINGLE_STREAM
    value_ns = number(log, "early_stopping_latency_ss" if is_single else "early_stopping_latency_ms")
    value = "" if value_ns is None else f": {value_ns / NS_PER_MS:,.3f} ms"
    # With token latencies LoadGen estimates first TPOT and then TTFT, and keeps the latter.
    kind = "TTFT" if log["requested_use_token_latencies"] is True else "latency"
    discarded = estimate.rank - 1
    figures = f"{queries:,} queries; the {name} estimate is the highest {kind} after discarding {discarded:,}{value}"
    return Condition(name=_EARLY_STOPPING, met=met, figures=(figures,))


def _round_conditions(log: DetailLog, requirements: RoundRequirements) -> list[Condition]:
    conditions = []
    set_ms, required_ms = number(log, "effective_min_duration_ms"), requirements.min_duration_ms
    if set_ms is not None and set_ms < required_ms:
        figures = f"LoadGen was set to {_duration_text(set_ms)}, the round requires {_duration_text(required_ms)}"
        conditions.append(Condition(name="the round's duration", met=False, figures=(figures,)))
    if (limits := requirements.token_latency) is not None:
        pairs = ((latencies.TTFT, limits.ttft_ns), (latencies.TPOT, limits.tpot_ns))
        found = [
            (kind.name, found_ns, limit_ns)
            for kind, limit_ns in pairs
            if (found_ns := number(log, kind.key("99.00"))) is not None
        ]
        if found:
            met = all(found_ns < limit_ns for _, found_ns, limit_ns in found)
            lines = tuple(_headroom(*latency) for latency in found)
            conditions.append(Condition(name="the round's limits", met=met, figures=lines))
    return conditions


def _duration_text(duration_ms: float) -> str:
    seconds = duration_ms / MS_PER_S
    if seconds > 10 * S_PER_MIN:
        return f"{seconds / S_PER_MIN:,.1f} min"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{duration_ms:.3g} ms"
