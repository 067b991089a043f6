"""One run of the search for a target rate, and the verdict on a short one, which is called a probe. Pure functions.

A probe is short, so its verdict needs more than the 99th percentile. Three tests are made, in this order:

1. Does TTFT grow during the probe, so fast that it would be over the limit at the end of a full run? The rate fails.
2. If the true share of samples over a limit were 1 %, would so many be seen with a probability below 5 %? It fails.
3. If the true share were 1 %, would so few be seen with a probability below 5 %? It passes.

Otherwise the rate is near the limit, and the verdict is `unsure`. Samples that were issued before the first answers
were complete met an empty engine, and do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from submitter.early_stopping import lower_tail
from submitter.units import MS_PER_S

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PERCENTILE = 0.99
# A probe passes or fails if what it saw has at most this probability at the limit.
_SIGNIFICANCE = 0.05
_QUARTERS = 4

Verdict = Literal["pass", "fail", "unsure"]


@dataclass(frozen=True)
class LatencyLimits:
    """The limits of the 99th percentiles, in ms."""

    ttft_ms: float
    tpot_ms: float


class Probe(BaseModel):
    """One run of the search, short or full."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["probe", "full"]
    target_qps: float
    seconds: float
    """How long it lasted, in s."""
    samples: int
    steady_samples: int
    """The samples issued after the first answers were complete; the earlier ones met an empty engine."""
    over_limit: int
    """How many steady samples are over the TTFT or the TPOT limit."""
    ttft_p99_ms: float
    """The 99th percentile of TTFT: of the steady samples of a probe, or LoadGen's figure of a full run."""
    tpot_p99_ms: float
    """The same for TPOT."""
    served_qps: float
    """Samples answered per second while the load was steady."""
    verdict: Verdict
    why: str

    def headroom(self, limits: LatencyLimits) -> float:
        """Limit divided by measured 99th percentile: the smaller value of TTFT and TPOT."""
        return min(limits.ttft_ms / max(self.ttft_p99_ms, 1e-3), limits.tpot_ms / max(self.tpot_p99_ms, 1e-3))


def judge_probe(
    latencies: npt.NDArray[np.float32], target_qps: float, seconds: float, limits: LatencyLimits, full_s: float
) -> Probe:
    """The verdict on a short run of `seconds`, where a full run takes `full_s`.

    `latencies` has shape (samples, 4). Columns: issue time in s; TTFT, TPOT and latency of the whole answer in ms
    (`harness.plan.LATENCIES`).
    """
    import numpy as np

    rows = latencies[np.argsort(latencies[:, 0], kind="stable")].astype(np.float64)
    issued_s, latency_ms = rows[:, 0], rows[:, 3]
    ramp_s = min(float(np.median(latency_ms)) / MS_PER_S, float(issued_s[-1]) / 2)
    steady = rows[issued_s >= ramp_s]
    over = int(np.count_nonzero((steady[:, 1] > limits.ttft_ms) | (steady[:, 2] > limits.tpot_ms)))
    served_qps, growth = _queue_growth(steady, issued_s + latency_ms / MS_PER_S, target_qps)
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
class _QueueGrowth:
    """A queue that grows during a probe, by the TTFT of its samples."""

    ms_per_s: float
    """How much TTFT grows per second."""
    reached_ms: float
    """The median TTFT in the last quarter of the probe."""
    reached_s: float
    """The median issue time there, from the start of the probe."""


def _verdict(
    count: int, over: int, growth: _QueueGrowth | None, limits: LatencyLimits, full_s: float
) -> tuple[Verdict, str]:
    if growth:
        at_the_end_ms = growth.reached_ms + growth.ms_per_s * (full_s - growth.reached_s)
        if at_the_end_ms > limits.ttft_ms:
            rise = f"TTFT by {growth.ms_per_s:.3g} ms a second, to {at_the_end_ms:.0f} ms at the end of a full run"
            return "fail", f"a queue grows: {rise}"
    seen = f"{over} of {count} over a limit"
    if over and 1 - lower_tail(count, over - 1, PERCENTILE) < _SIGNIFICANCE:
        return "fail", seen
    if lower_tail(count, over, PERCENTILE) < _SIGNIFICANCE:
        return "pass", seen
    return "unsure", f"{seen}: near 1 %, or too few samples to decide"


def _queue_growth(
    steady: npt.NDArray[np.float64], ended_s: npt.NDArray[np.float64], target_qps: float
) -> tuple[float, _QueueGrowth | None]:
    """How many samples were served per second, and the growth of a queue, if median TTFT rises in every quarter.

    `steady` has the columns of `judge_probe`; `ended_s` is the time of each sample's last token, in s.

    A queue with service rate s and arrival rate a grows by a/s - 1 seconds per second. The arrivals of a short run are
    seldom exactly at the target rate: 1,600 of them are 2.5 % off. If more samples arrived, the growth that was seen is
    too high. So the lower of it and of the growth at the target rate counts.
    """
    import numpy as np

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
    return served_qps, _QueueGrowth(min(seen, MS_PER_S * (target_qps / served_qps - 1)), medians[-1], times[-1])
