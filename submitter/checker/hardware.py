"""What a described machine can do at most: the arithmetic of a token against the peak of its accelerators."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_MOST_ACCELERATORS = 10**6
# Signs of a name that tells of more than one kind of accelerator.
_SEVERAL = (",", " and ", "+", ";")


@dataclass(frozen=True)
class TokenBound:
    """`count` accelerators with `peak_tflops` each, and 10^9 operations that an output token takes at least."""

    count: int
    peak_tflops: float
    gflop_a_token: float
    source: str

    @property
    def tokens_per_s(self) -> float:
        return self.count * self.peak_tflops * 1e3 / self.gflop_a_token

    def __str__(self) -> str:
        peak = f"{self.count:,} x {self.peak_tflops:,g} TFLOPS"
        return f"at most {self.tokens_per_s:,.0f} tokens/s: {peak} / {self.gflop_a_token:g} GFLOP a token"


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("hardware.toml").read_text("utf-8"))


def token_bound(description: dict[str, Any], benchmark: str) -> TokenBound | None:
    """The most tokens in a second that a described system can generate; None where the data do not tell."""
    parameters_e9 = _data()["active_parameters_e9"].get(benchmark)
    count = _accelerators(description)
    name = description.get("accelerator_model_name")
    if parameters_e9 is None or count is None or not isinstance(name, str):
        return None
    lowered = name.lower()
    if any(sign in lowered for sign in _SEVERAL):
        return None
    for known in _data()["accelerator"]:
        if known["name"] in lowered:
            return TokenBound(count, known["peak_tflops"], 2 * parameters_e9, known["source"])
    return None


def _accelerators(description: dict[str, Any]) -> int | None:
    count = 1
    for field in ("number_of_nodes", "accelerators_per_node"):
        value = description.get(field)
        text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
        if not text.isascii() or not text.isdigit() or len(text) > 6:
            return None
        count *= int(text)
    return count if 0 < count <= _MOST_ACCELERATORS else None
