"""One file a metric, and its name is the metric's. A metric's module offers `create() -> AccuracyMetric`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class AccuracyMetric(Protocol):
    """Scores one answer against its reference, both as `prepare` returns them."""

    @property
    def names(self) -> tuple[str, ...]:
        """The official names of the values of `score`, in their order."""

    def prepare(self, text: str) -> str:
        """The text as it is scored, and as `gen_len` counts its characters."""

    def score(self, prediction: str, reference: str) -> tuple[float, ...]:
        """One value between 0 and 1 for each of `names`."""


def mean_percent(values: Sequence[float]) -> float:
    """The mean of values between 0 and 1, in percent to 4 decimals, summed and rounded as numpy does it."""
    import numpy

    return float(numpy.round(numpy.mean(values) * 100, 4))
