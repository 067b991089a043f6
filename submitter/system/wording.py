"""Wording of the published fields: for what is absent, and for counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

NONE = "N/A"  # what published submissions state for a part that a system does not have
NOT_SHOWN = "not shown by the host"  # only for fields that do not require a meaningful answer


def counted(names: Iterable[str]) -> str:
    """`2x a, b` from a, a, b."""
    return ", ".join(f"{count}x {name}" if count > 1 else name for name, count in Counter(names).items())
