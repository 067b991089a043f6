"""What accuracy.txt says, read as the official checkers read it: line by line, until all that counts was seen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from submitter.rulebook import Target

_HASH_LINE = re.compile(r"hash=(\w+)$")


def lines_of(text: str) -> list[str]:
    """The lines as Python's text files give them; `str.splitlines` breaks at more, such as a form feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric's value as accuracy.txt spells it; `value` is None where that is no number, as in 44.4.3."""

    metric: str
    spelled: str
    value: float | None
    line: int


@dataclass(frozen=True, slots=True)
class Score:
    """The readings and the hash up to the line where every metric had reached its target and a hash was there.

    What stands behind that line the official checkers do not see.
    """

    readings: tuple[Reading, ...]
    hash: str | None

    def of(self, metric: str) -> list[Reading]:
        return [reading for reading in self.readings if reading.metric == metric]


def read_score(text: str, targets: Mapping[str, Target], patterns: Mapping[str, str]) -> Score:
    """The score that `text` states for `targets`; `patterns` are the round's, a regular expression a metric."""
    matchers = [(name, target, re.compile(patterns[name]).match) for name, target in targets.items()]
    missing = {name for name, target in targets.items() if not target.optional}
    readings = []
    stated = None
    for number, line in enumerate(lines_of(text), start=1):
        for name, target, match in matchers:
            if found := match(line):
                value = _number(found[1])
                readings.append(Reading(name, found[1], value, number))
                if value is not None and value >= target.lower:
                    missing.discard(name)
        if found := _HASH_LINE.match(line):
            stated = found[1]
        if stated and not missing:
            break
    return Score(tuple(readings), stated)


def last_value(text: str, pattern: str) -> float | None:
    """The last number that a metric's pattern finds; None if there is none, or one of what it finds is no number."""
    match = re.compile(pattern).match
    values = [_number(found[1]) for line in lines_of(text) if (found := match(line))]
    return None if None in values or not values else values[-1]


def hashes(text: str) -> list[tuple[str, int]]:
    """What stands behind hash= in accuracy.txt, whatever it is, each with its line."""
    return [(line[5:].strip(), number) for number, line in enumerate(lines_of(text), 1) if line.startswith("hash=")]


def values(text: str, name: str, patterns: Mapping[str, str]) -> list[tuple[float, int]]:
    """All numbers that a metric has, each with its line; one that the round does not know stands as 'name': number."""
    match = re.compile(patterns.get(name) or rf".*'{re.escape(name)}':\s+'?([\d.]+)").match
    readings = [(_number(found[1]), line) for line, text in enumerate(lines_of(text), 1) if (found := match(text))]
    return [(value, line) for value, line in readings if value is not None]


def _number(spelled: str) -> float | None:
    try:
        return float(spelled)
    except ValueError:
        return None
