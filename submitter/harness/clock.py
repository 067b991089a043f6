"""Whether the system's clock was set during a run. LoadGen takes its times from that clock, and so cannot notice it.

LoadGen's `PerfClock` is `std::chrono::high_resolution_clock` (loadgen/logging.h), which is the system's clock in GCC's
library. If it is set while a run is under way, the run's latencies and its duration are wrong, and Server's arrivals
come too early or too late. All limits of ours use the monotonic clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable

LIMIT_S = 0.1
"""A change that counts. Clocks that are disciplined are slewed up to about this difference, and not set."""
_PRECISION_S = 0.001
_ATTEMPTS = 20


class ClockSteps:
    """Compares the system's clock with the monotonic one, from `begin` on."""

    def __init__(
        self, wall_s: Callable[[], float] = time.time, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall_s, self._monotonic_s = wall_s, monotonic_s
        self._ahead_s: float | None = None

    def begin(self) -> None:
        self._ahead_s = self._measured_s()

    def step_s(self) -> float:
        """By how much the clock was set since `begin`, in s; 0 if it was not, or by less than `LIMIT_S`."""
        now_s = self._measured_s()
        if self._ahead_s is None or now_s is None or abs(now_s - self._ahead_s) < LIMIT_S:
            return 0.0
        return now_s - self._ahead_s

    def _measured_s(self) -> float | None:
        """How far the system's clock is ahead; None if this process was held up at each attempt to read both."""
        for _ in range(_ATTEMPTS):
            before_s = self._monotonic_s()
            wall_s = self._wall_s()
            if self._monotonic_s() - before_s < _PRECISION_S:
                return wall_s - before_s
        return None
