"""A round's file as a list of values by path, at the depth at which the official constants decide about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]
# A table is a value as a whole, except these: tables of values, and tables of such tables.
_DEPTH = dict.fromkeys(("round", "checker", "system", "measurements", "power", "endpoints", "models"), 2)
_DEPTH |= dict.fromkeys(("compliance", "benchmarks"), 3)
# The lists of such tables are there even if nothing is in them.
_REQUIRED_DEPTH = 2


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A value of the new file."""

    path: Path
    value: Any
    """None if the round before has it, and this one does not."""
    before: Any
    """The value of the round before; None if it has none."""
    is_said: bool
    """Whether the checkout's constants say it; else it is kept from the round before."""
    where: str = ""
    """Where to read what is to be confirmed; empty if nothing is."""
    source: str = ""
    """Where the value is from, if the checkout says it."""

    @property
    def is_changed(self) -> bool:
        return not same(self.value, self.before)


def slots_of(tables: dict[str, Any], is_drafted: bool = False) -> dict[Path, Any]:
    """The values by path. Of drafted tables, a value that a round's file leaves out (none, false, empty) is None."""
    found: dict[Path, Any] = {}

    def descend(value: Any, path: Path) -> None:
        if len(path) < _DEPTH.get(path[0], 1):
            for key, below in value.items():
                descend(below, (*path, key))
        else:
            is_left_out = value is False or value == {} or (value == [] and len(path) != _REQUIRED_DEPTH)
            found[path] = None if is_drafted and is_left_out else value

    for key, value in tables.items():
        descend(value, (key,))
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same; the order of a list does not count."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return sorted(map(repr, one)) == sorted(map(repr, other))
    return bool(one == other)
