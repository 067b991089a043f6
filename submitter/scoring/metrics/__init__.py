"""Accuracy metrics, one per file, named after it. Each file has a function `create() -> AccuracyMetric`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from submitter import packages


class AccuracyMetric(Protocol):
    """Scores one answer against its reference, both as `prepare` returns them."""

    @property
    def names(self) -> tuple[str, ...]:
        """The official names of the values that `score` returns, in the same order."""

    def prepare(self, text: str) -> str:
        """The text in the form that is scored. `gen_len` counts the characters of this form."""

    def score(self, prediction: str, reference: str) -> tuple[float, ...]:
        """One value between 0 and 1 for each of `names`."""


def mean_percent(values: Sequence[float]) -> float:
    """The mean of values between 0 and 1, in percent with 4 decimals; sum and rounding are numpy's."""
    with packages.required(packages.SCORING, "numpy"):
        import numpy

    return float(numpy.round(numpy.mean(values) * 100, 4))
