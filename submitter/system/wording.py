"""How the published fields say what is not there, and how they count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

NONE = "N/A"  # how published submissions answer what a system does not have
NOT_SHOWN = "not shown by the host"  # only for fields that need no meaningful answer


def counted(names: Iterable[str]) -> str:
    """`2x a, b` from a, a, b."""
    return ", ".join(f"{count}x {name}" if count > 1 else name for name, count in Counter(names).items())
