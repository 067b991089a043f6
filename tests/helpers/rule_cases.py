"""A rule's case: a valid tree, and damage to it that the rule must find. `test_every_rule.py` runs all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from submitter.checker import Report
from submitter.rulebook import Rulebook


class CheckedTree(Protocol):
    """A small tree on disk, and the rule book that judges it."""

    @property
    def book(self) -> Rulebook: ...

    def check(self, *, profile: str = ...) -> Report: ...


@dataclass(frozen=True)
class Case:
    """`write` makes a valid tree in a folder that does not exist yet; `damage` changes it so that `rule` objects."""

    rule: str
    write: Callable[[Path], CheckedTree]
    damage: Callable[[Any], object]


def cases(write: Callable[[Path], CheckedTree], table: Iterable[tuple[str, Callable[[Any], object]]]) -> list[Case]:
    """The cases of a table of rules and what they object to, all of one kind of tree."""
    return [Case(rule, write, damage) for rule, damage in table]
