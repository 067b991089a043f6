"""The search for the highest target rate that passes: which run comes next, and when it ends. Pure functions.

Probes (`probe.py`) narrow the range between a rate that passes and one that fails. A rate whose verdict is `unsure` is
probed once more, for twice as long, and then the share of samples over a limit that was seen decides.

What counts is LoadGen's verdict on a run of full length: first at the highest rate that passed and then, if that run
has much headroom, at the lowest rate that failed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from submitter.campaign.probe import PERCENTILE, LatencyLimits, Probe

# The search ends when the lowest failing rate is at most this share above the highest passing one.
TOLERANCE = 0.01
# Bounds of one step up or down, as factors.
_UP, _DOWN = (1.05, 2.0), (0.5, 0.95)
# With more headroom than this factor, the probes that failed a rate may have been too strict.
_AMPLE_HEADROOM = 1.5
# The search gives up below this share of the rate that it began with.
_LOWEST_SHARE = 1e-3


@dataclass(frozen=True)
class Step:
    """The next run of the search."""

    kind: Literal["probe", "full"]
    target_qps: float
    seconds: float
    """How long a probe lasts; 0 for a full run, whose length follows from LoadGen's settings."""


@dataclass(frozen=True, kw_only=True)
class SearchOutcome:
    """The result of a search. Rates are in samples per second."""

    target_qps: float | None
    """The highest rate that passed; None if none did."""
    confirmed: bool
    """Whether a full run passed at that rate."""
    failed_qps: float | None
    """The lowest rate above it that failed; None if none did."""
    why: str
    """Why the search ended."""


@dataclass(frozen=True, kw_only=True)
class _Range:
    """What the runs so far show about rates, in samples per second."""

    short_verdicts: dict[float, bool | None]
    """Whether each rate passed its short probes; None if it must be probed again."""
    low: float
    """The highest rate that passed, below every one that failed; 0 if there is none."""
    high: float
    """The lowest rate above `confirmed` that failed; infinite if there is none."""
    confirmed: float
    """The highest rate that passed a full run; 0 if there is none."""
    failed_full: float
    """The lowest rate that failed a full run; infinite if there is none."""


def next_step(
    probes: Sequence[Probe],
    start_qps: float,
    limits: LatencyLimits,
    *,
    probe_s: float,
    full_s: Callable[[float], float],
    left_s: float = math.inf,
) -> Step | SearchOutcome:
    """The next run after `probes`, or the outcome if the search has ended.

    `start_qps` is the first rate to try. `probe_s` is the length of a probe, `full_s` returns the length of a full run
    at a rate, and `left_s` is what is left of the budget, all in s.
    """
    found = _range(probes)

    def end(why: str) -> SearchOutcome:
        return SearchOutcome(
            target_qps=found.low or None,
            confirmed=bool(found.confirmed) and found.low == found.confirmed,
            failed_qps=None if math.isinf(found.high) else found.high,
            why=why,
        )

    step = _step_without_budget(probes, found, start_qps, limits, probe_s)
    if step is None:
        return end(f"within {TOLERANCE:.0%} of a rate that fails")
    if step.target_qps < start_qps * _LOWEST_SHARE:
        return end("no rate passed")
    if step.kind == "probe" and found.low > found.confirmed and left_s < step.seconds + full_s(found.low):
        step = Step("full", found.low, 0.0)  # the rest of the budget is for a verdict that counts
    cost_s = step.seconds if step.kind == "probe" else full_s(step.target_qps)
    return step if cost_s <= left_s else end("the budget is spent")


def _range(probes: Sequence[Probe]) -> _Range:
    full = [probe for probe in probes if probe.kind == "full"]
    confirmed = max((probe.target_qps for probe in full if probe.verdict == "pass"), default=0.0)
    failed_full = min((probe.target_qps for probe in full if probe.verdict == "fail"), default=math.inf)
    short = _short_verdicts(probes)
    high = min([failed_full, *(qps for qps, ok in short.items() if ok is False and qps > confirmed)])
    low = max([confirmed, *(qps for qps, ok in short.items() if ok and qps < high)])
    return _Range(short_verdicts=short, low=low, high=high, confirmed=confirmed, failed_full=failed_full)


def _step_without_budget(
    probes: Sequence[Probe], found: _Range, start_qps: float, limits: LatencyLimits, probe_s: float
) -> Step | None:
    """The next run if time did not matter; None if the range is narrow enough and its lower end confirmed."""
    low, high = found.low, found.high
    if not probes:
        return Step("probe", start_qps, probe_s)
    for qps, ok in found.short_verdicts.items():
        if ok is None and found.confirmed < qps < high:
            return Step("probe", qps, 2 * probe_s)
    if math.isfinite(found.failed_full):
        return _step_after_failed_full(probes, found)
    if math.isinf(high):
        factor = math.sqrt(_latest(probes, low).headroom(limits))
        return Step("probe", _rounded(low * min(max(factor, _UP[0]), _UP[1])), probe_s)
    if not low:
        failed = _latest(probes, high)
        # An overloaded system serves its capacity. One that only answers too late gives less of a hint: its headroom.
        guess = min(failed.served_qps, high * math.sqrt(failed.headroom(limits))) * _DOWN[1]
        return Step("probe", _rounded(min(max(guess, high * _DOWN[0]), high * _DOWN[1])), probe_s)
    if high > low * (1 + TOLERANCE):
        return Step("probe", _between(low, high, _latest(probes, high).served_qps, found.short_verdicts), probe_s)
    if low > found.confirmed:
        return Step("full", low, 0.0)
    return Step("full", high, 0.0) if _latest(probes, low).headroom(limits) > _AMPLE_HEADROOM else None


def _step_after_failed_full(probes: Sequence[Probe], found: _Range) -> Step | None:
    """A full run failed where probes passed: probes are too short for this system, so only full runs follow."""
    floor, ceiling = found.confirmed, found.failed_full
    if not floor:
        failures = sum(p.kind == "full" and p.verdict == "fail" for p in probes)
        served_qps = _latest(probes, ceiling).served_qps * (1 - TOLERANCE)
        guess = min(ceiling * (1 - TOLERANCE * 2**failures), served_qps)
        return Step("full", _rounded(max(guess, ceiling * _DOWN[0])), 0.0)
    return Step("full", _rounded(math.sqrt(floor * ceiling)), 0.0) if ceiling > floor * (1 + TOLERANCE) else None


def _between(low: float, high: float, served_qps: float, known: Iterable[float]) -> float:
    """The rate to probe between two: what the overloaded system served, then a rate close to that, else the middle.

    A system with a growing queue serves as much as it ever can, so that rate is a good guess. One that fails by latency
    alone serves all that arrives, so its rate is not below `high` and is of no use.
    """
    for guess in (served_qps, served_qps * (1 + 2 * TOLERANCE), served_qps * (1 - 2 * TOLERANCE)):
        near = any(abs(guess - qps) < TOLERANCE / 2 * qps for qps in known)
        if low < guess < high and not near:
            return _rounded(guess)
    return _rounded(math.sqrt(low * high))


def _short_verdicts(probes: Sequence[Probe]) -> dict[float, bool | None]:
    """Whether each rate passed its short probes, by the last of them; None if it must be probed again."""
    verdicts: dict[float, bool | None] = {}
    for probe in probes:
        if probe.kind == "full":
            continue
        again = probe.target_qps in verdicts
        seen = probe.over_limit <= (1 - PERCENTILE) * probe.steady_samples
        verdicts[probe.target_qps] = {"pass": True, "fail": False}.get(probe.verdict, seen if again else None)
    return verdicts


def _latest(probes: Sequence[Probe], qps: float) -> Probe:
    """The latest run at a rate."""
    return next(probe for probe in reversed(probes) if probe.target_qps == qps)


def _rounded(qps: float) -> float:
    """Five significant digits: as a person would write the rate into user.conf."""
    return float(f"{qps:.5g}")
