"""The search for the highest target rate that passes: what a probe tells, and what to do next. Pure.

A probe is short, so it decides by three questions, in this order. Does the time to first token grow through it, so that
the full run's length would bring it past the limit? Then the rate is too high, however good the 99th percentile still
looks. Else: if the true share over a limit were 1 % at most, would so many be seen with a chance below 5 % only? Then
it fails. And if it were 1 % at least, would so few be? Then it passes. What is neither is near the limit: it is probed
once more, twice as long, and then the share that was seen decides. Samples that were issued before the first
answers were complete met an empty engine, and do not count.

A probe's verdict only narrows the range. What counts is LoadGen's own verdict on a run of full length, first at the
highest rate that passed and then, where that leaves much headroom, at the lowest that did not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from submitter.early_stopping import chance_of_so_few

PERCENTILE = 0.99
_DOUBT = 0.05
# How near the highest passing and the lowest failing rate must come.
TOLERANCE = 0.01
_QUARTERS = 4
# Bounds of one step up or down, as factors.
_UP, _DOWN = (1.05, 2.0), (0.5, 0.95)
_AMPLE = 1.5
_GIVE_UP = 1e-3  # of the rate the search began with

Verdict = Literal["pass", "fail", "unsure"]


@dataclass(frozen=True)
class LatencyLimits:
    """What the 99th percentiles must stay below, in ms."""

    ttft_ms: float
    tpot_ms: float


class Probe(BaseModel):
    """One run of the search, short or full."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["probe", "full"]
    target_qps: float
    seconds: float
    """How long it lasted."""
    samples: int
    steady_samples: int
    """Those that were issued once the first answers were complete; the others met an empty engine."""
    over_limit: int
    """The steady samples over either limit."""
    ttft_p99_ms: float
    """The 99th percentile of the time to the first token: of the steady samples, or of a full run as LoadGen has it."""
    tpot_p99_ms: float
    """The same of the time per further token."""
    served_qps: float
    """How many samples a second were answered in the steady part."""
    verdict: Verdict
    why: str

    def headroom(self, limits: LatencyLimits) -> float:
        """The limit over what was measured, the smaller of the two."""
        return min(limits.ttft_ms / max(self.ttft_p99_ms, 1e-3), limits.tpot_ms / max(self.tpot_p99_ms, 1e-3))


def judged(
    latencies: npt.NDArray[np.float32], target_qps: float, seconds: float, limits: LatencyLimits, full_s: float
) -> Probe:
    """What a short run tells: rows of issue time in s, TTFT, TPOT and whole latency in ms (harness, LATENCIES)."""
    rows = latencies[np.argsort(latencies[:, 0], kind="stable")].astype(np.float64)
    issued_s, latency_ms = rows[:, 0], rows[:, 3]
    ramp_s = min(float(np.median(latency_ms)) / 1000, float(issued_s[-1]) / 2)
    steady = rows[issued_s >= ramp_s]
    over = int(np.count_nonzero((steady[:, 1] > limits.ttft_ms) | (steady[:, 2] > limits.tpot_ms)))
    served_qps, growth = _growth(steady, issued_s + latency_ms / 1000, target_qps)
    verdict, why = _verdict(len(steady), over, growth, limits, full_s)
    return Probe(
        kind="probe",
        target_qps=target_qps,
        seconds=round(seconds, 2),
        samples=len(rows),
        steady_samples=len(steady),
        over_limit=over,
        ttft_p99_ms=round(float(np.percentile(steady[:, 1], 99)), 2),
        tpot_p99_ms=round(float(np.percentile(steady[:, 2], 99)), 3),
        served_qps=round(served_qps, 4),
        verdict=verdict,
        why=why,
    )


@dataclass(frozen=True)
class _Growth:
    """A queue that grows: by how many ms of waiting a second, and how long it was when."""

    ms_per_s: float
    reached_ms: float
    reached_s: float


def _verdict(
    count: int, over: int, growth: _Growth | None, limits: LatencyLimits, full_s: float
) -> tuple[Verdict, str]:
    if growth:
        at_the_end_ms = growth.reached_ms + growth.ms_per_s * (full_s - growth.reached_s)
        if at_the_end_ms > limits.ttft_ms:
            told = f"TTFT by {growth.ms_per_s:.3g} ms a second, to {at_the_end_ms:.0f} ms at a full run's end"
            return "fail", f"a queue grows: {told}"
    told = f"{over} of {count} over a limit"
    if over and 1 - chance_of_so_few(count, over - 1, PERCENTILE) < _DOUBT:
        return "fail", told
    if chance_of_so_few(count, over, PERCENTILE) < _DOUBT:
        return "pass", told
    return "unsure", f"{told}: near 1 %, or too few to say"


def _growth(
    steady: npt.NDArray[np.float64], ended_s: npt.NDArray[np.float64], target_qps: float
) -> tuple[float, _Growth | None]:
    """How many were served a second, and how a queue grows, if the median TTFT rises from quarter to quarter.

    A short run's arrivals are seldom just at the target rate: 1,600 of them are out by 2.5 %. A queue that is served at
    the rate s grows by a/s - 1 seconds a second at the arrival rate a. So what was seen is too much where more came
    than was asked for, and the lower of it and the growth at the target counts.
    """
    quarters = np.array_split(steady, _QUARTERS)
    if any(len(quarter) < 2 for quarter in quarters):
        return target_qps, None
    medians = [float(np.median(quarter[:, 1])) for quarter in quarters]
    times = [float(np.median(quarter[:, 0])) for quarter in quarters]
    passed_s = times[-1] - times[0]
    served_qps = float(np.count_nonzero((ended_s > times[0]) & (ended_s <= times[-1])) / max(passed_s, 1e-3))
    rises = all(before < after for before, after in pairwise(medians))
    if not rises or passed_s <= 0 or not 0 < served_qps < target_qps:
        return served_qps, None
    seen = (medians[-1] - medians[0]) / passed_s
    return served_qps, _Growth(min(seen, 1000 * (target_qps / served_qps - 1)), medians[-1], times[-1])


@dataclass(frozen=True)
class Step:
    """The next run: a probe of so many seconds, or a full one."""

    kind: Literal["probe", "full"]
    target_qps: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class SearchOutcome:
    """The end of a search. Rates are in samples a second."""

    target_qps: float | None
    """The highest rate that passed; None if none did."""
    confirmed: bool
    """Whether a full run passed at that rate."""
    failed_qps: float | None
    """The lowest rate above it that failed; None if none did."""
    why: str
    """Why the search ended."""


def next_step(
    probes: Sequence[Probe],
    start_qps: float,
    limits: LatencyLimits,
    *,
    probe_s: float,
    full_s: Callable[[float], float],
    left_s: float = math.inf,
) -> Step | SearchOutcome:
    """What the runs so far ask for; `full_s` is how long a full run at a rate takes, `left_s` what the budget has."""
    confirmed = max((p.target_qps for p in probes if p.kind == "full" and p.verdict == "pass"), default=None)
    ceiling = min((p.target_qps for p in probes if p.kind == "full" and p.verdict == "fail"), default=math.inf)
    floor = confirmed or 0.0
    short = _settled(probes)
    passed = [qps for qps, ok in short.items() if ok and qps < ceiling]
    low = max([*passed, floor])
    high = min([ceiling, *(qps for qps, ok in short.items() if ok is False and qps > floor)])
    low = max([qps for qps in passed if qps < high] + [floor])

    def end(why: str) -> SearchOutcome:
        return SearchOutcome(
            target_qps=low or None,
            confirmed=bool(confirmed) and low == confirmed,
            failed_qps=None if math.isinf(high) else high,
            why=why,
        )

    wanted = _wanted(probes, short, start_qps, limits, low, high, floor, ceiling, probe_s)
    if wanted is None:
        return end(f"within {TOLERANCE:.0%} of a rate that fails")
    if wanted.target_qps < start_qps * _GIVE_UP:
        return end("no rate passed")
    if wanted.kind == "probe" and low > floor and left_s < wanted.seconds + full_s(low):
        wanted = Step("full", low, 0.0)  # what is left of the budget is for a verdict that counts
    cost_s = wanted.seconds if wanted.kind == "probe" else full_s(wanted.target_qps)
    return wanted if cost_s <= left_s else end("the budget is spent")


def _wanted(
    probes: Sequence[Probe],
    short: dict[float, bool | None],
    start_qps: float,
    limits: LatencyLimits,
    low: float,
    high: float,
    floor: float,
    ceiling: float,
    probe_s: float,
) -> Step | None:
    """The next run if there were time without end; None where the range is narrow enough, and its foot confirmed."""
    if not probes:
        return Step("probe", start_qps, probe_s)
    for qps, ok in short.items():
        if ok is None and floor < qps < high:
            return Step("probe", qps, 2 * probe_s)
    if math.isfinite(ceiling):
        # A full run failed where short ones passed: they see too little here, so full ones go on.
        if not floor:
            failures = sum(p.kind == "full" and p.verdict == "fail" for p in probes)
            served_qps = _last(probes, ceiling).served_qps * (1 - TOLERANCE)
            guess = min(ceiling * (1 - TOLERANCE * 2**failures), served_qps)
            return Step("full", _rounded(max(guess, ceiling * _DOWN[0])), 0.0)
        return Step("full", _rounded(math.sqrt(floor * ceiling)), 0.0) if ceiling > floor * (1 + TOLERANCE) else None
    if math.isinf(high):
        factor = math.sqrt(_last(probes, low).headroom(limits))
        return Step("probe", _rounded(low * min(max(factor, _UP[0]), _UP[1])), probe_s)
    if not low:
        failed = _last(probes, high)
        # What an overloaded system serves is its capacity; one that only answers late has less of a hint to give.
        guess = min(failed.served_qps, high * math.sqrt(failed.headroom(limits))) * _DOWN[1]
        return Step("probe", _rounded(min(max(guess, high * _DOWN[0]), high * _DOWN[1])), probe_s)
    if high > low * (1 + TOLERANCE):
        return Step("probe", _between(low, high, _last(probes, high).served_qps, short), probe_s)
    if low > floor:
        return Step("full", low, 0.0)
    # With so much headroom it may be that the short runs beside it were too strict: a full one says.
    return Step("full", high, 0.0) if _last(probes, low).headroom(limits) > _AMPLE else None


def _between(low: float, high: float, served_qps: float, known: Iterable[float]) -> float:
    """A rate to probe next: what the overloaded system served, then just beside it, else the middle.

    A system whose queue grows serves as much as it ever can; one that fails by latency serves what it is asked, so
    that there is no such hint below its rate.
    """
    for guess in (served_qps, served_qps * (1 + 2 * TOLERANCE), served_qps * (1 - 2 * TOLERANCE)):
        near = any(abs(guess - qps) < TOLERANCE / 2 * qps for qps in known)
        if low < guess < high and not near:
            return _rounded(guess)
    return _rounded(math.sqrt(low * high))


def _settled(probes: Sequence[Probe]) -> dict[float, bool | None]:
    """Whether each rate passed its short probes, by the longest of them; None where it must be probed again."""
    verdicts: dict[float, bool | None] = {}
    for probe in probes:
        if probe.kind == "full":
            continue
        again = probe.target_qps in verdicts
        seen = probe.over_limit <= (1 - PERCENTILE) * probe.steady_samples
        verdicts[probe.target_qps] = {"pass": True, "fail": False}.get(probe.verdict, seen if again else None)
    return verdicts


def _last(probes: Sequence[Probe], qps: float) -> Probe:
    return next(probe for probe in reversed(probes) if probe.target_qps == qps)


def _rounded(qps: float) -> float:
    """Five significant digits: what a person would write into user.conf."""
    return float(f"{qps:.5g}")
