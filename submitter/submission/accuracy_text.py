"""The contents of accuracy.txt, read as the official checkers read it: line by line, until every target is met."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from submitter.rulebook_tables import Target

_HASH_LINE = re.compile(r"hash=(\w+)$")


def lines_of(text: str) -> list[str]:
    """The lines as Python's text files give them; `str.splitlines` also breaks at form feeds and others."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


# Published lines with a score have up to 1,157 characters. Some rounds' expressions take quadratic time on a long line.
_LONGEST_SCORE_CHARS = 4096
_LONG_LINE_CHARS = 256
_LONG_BLANKS = re.compile(r"(\s{64})\s+")


def _score_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that may state a score, each with its number: runs of blanks are shortened, overlong lines left out."""
    for number, line in enumerate(lines_of(text), start=1):
        short = line if len(line) < _LONG_LINE_CHARS else _LONG_BLANKS.sub(r"\1", line)
        if len(short) <= _LONGEST_SCORE_CHARS:
            yield number, short


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of a metric in accuracy.txt."""

    metric: str
    text: str
    """The value as the file has it."""
    value: float | None
    """None where the text is not a number, such as 44.4.3."""
    line: int


@dataclass(frozen=True, slots=True)
class Score:
    """The readings and the hash up to the line where every metric has reached its target and a hash was found.

    The official checkers do not read the lines after it.
    """

    readings: tuple[Reading, ...]
    hash: str | None

    def readings_of(self, metric: str) -> list[Reading]:
        return [reading for reading in self.readings if reading.metric == metric]


def read_score(text: str, targets: Mapping[str, Target], patterns: Mapping[str, str]) -> Score:
    """The score that `text` states for `targets`; `patterns` holds the round's regular expression for each metric."""
    matchers = [(name, target, re.compile(patterns[name]).match) for name, target in targets.items()]
    missing = {name for name, target in targets.items() if not target.optional}
    readings = []
    stated = None
    for number, line in _score_lines(text):
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
    """The last number that a metric's pattern matches; None if nothing matches, or if any match is not a number."""
    match = re.compile(pattern).match
    values = [_number(found[1]) for _, line in _score_lines(text) if (found := match(line))]
    return None if None in values or not values else values[-1]


def hashes(text: str) -> list[tuple[str, int]]:
    """Everything that follows `hash=` in accuracy.txt, whether or not it is a hash, each with its line number."""
    return [(line[5:].strip(), number) for number, line in enumerate(lines_of(text), 1) if line.startswith("hash=")]


def values(text: str, name: str, patterns: Mapping[str, str]) -> list[tuple[float, int]]:
    """All numbers stated for a metric, each with its line number.

    A metric that the round does not know is expected as `'name': number`.
    """
    match = re.compile(patterns.get(name) or rf".*'{re.escape(name)}':\s+'?([\d.]+)").match
    readings = [(_number(found[1]), number) for number, line in _score_lines(text) if (found := match(line))]
    return [(value, line) for value, line in readings if value is not None]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
