"""An upper bound on the tokens/s of a described system: its accelerators' peak over the operations per token."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from submitter.units import GFLOP_PER_TFLOP

_MOST_ACCELERATORS = 10**6
# Text in a name that lists more than one kind of accelerator.
_SEPARATORS = (",", " and ", "+", ";")


@dataclass(frozen=True, kw_only=True)
class TokenBound:
    """The highest possible rate of output tokens, and what it is computed from."""

    count: int
    """Of accelerators."""
    peak_tflops: float
    """Of one accelerator."""
    gflop_per_token: float
    """The least number of operations that one output token takes."""
    source: str
    """Of the peak."""

    @property
    def tokens_per_s(self) -> float:
        return self.count * self.peak_tflops * GFLOP_PER_TFLOP / self.gflop_per_token

    def __str__(self) -> str:
        peak = f"{self.count:,} x {self.peak_tflops:,g} TFLOPS"
        return f"at most {self.tokens_per_s:,.0f} tokens/s: {peak} / {self.gflop_per_token:g} GFLOP per token"


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("hardware.toml").read_text("utf-8"))


def parameters_e9(benchmark: str) -> float | None:
    """The number of weights, in 10^9, that an output token of the benchmark's model takes; None if it is not known."""
    number: float | None = _data()["active_parameters_e9"].get(benchmark)
    return number


def token_bound(description: dict[str, Any], benchmark: str) -> TokenBound | None:
    """The most output tokens per second that a described system can generate; None if too little is known of it."""
    parameters = parameters_e9(benchmark)
    count = _accelerators(description)
    name = description.get("accelerator_model_name")
    if parameters is None or count is None or not isinstance(name, str):
        return None
    lowered = name.lower()
    if any(separator in lowered for separator in _SEPARATORS):
        return None
    for known in _data()["accelerator"]:
        if known["name"] in lowered:
            return TokenBound(
                count=count,
                peak_tflops=known["peak_tflops"],
                gflop_per_token=2 * parameters,
                source=known["source"],
            )
    return None


def _accelerators(description: dict[str, Any]) -> int | None:
    """The number of accelerators of a described system; None if the description does not have it as plain numbers."""
    count = 1
    for field in ("number_of_nodes", "accelerators_per_node"):
        value = description.get(field)
        text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
        if not text.isascii() or not text.isdigit() or len(text) > 6:
            return None
        count *= int(text)
    return count if 0 < count <= _MOST_ACCELERATORS else None
