"""LoadGen's configuration files, read as LoadGen reads them: user.conf and audit files.

Each line is `model.scenario.key = value`; model and scenario may be `*`. LoadGen is strict about blanks and takes no
notice of names that it does not know: loadgen/test_settings_internal.cc, FromConfig (mlcommons/inference b66003e1; the
grammar is the same in v4.1). Nothing here judges a line: `harness/user_conf.py` does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from submitter import input_file
from submitter.errors import InputError, raise_all
from submitter.quoting import printable

WILDCARD = "*"
USER_CONF_HINT = "every scenario has one; submitter init writes it, and README.md of measurements, which explains it"
_BLANKS = re.compile(r"[ \t\v\f\r]+")
# What strtod takes as a whole word, and what strtoull takes of a word's beginning.
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|0x(?:[\da-f]+(?:\.[\da-f]*)?|\.[\da-f]+)(?:p[+-]?\d+)?|inf(?:inity)?|nan)",
    re.IGNORECASE | re.ASCII,
)
_COUNT = re.compile(r"([+-]?)(0[xX][\da-fA-F]+|0[0-7]*|[1-9]\d*)", re.ASCII)
_LARGEST_COUNT = 2**64 - 1
_MOST_DIGITS = 20


@dataclass(frozen=True)
class Line:
    """A line that is neither empty nor a comment."""

    number: int
    """Its number in the file, from 1."""
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """`model.scenario.key`, or what stands in its place."""
        return self.words[0]

    @property
    def fault(self) -> str:
        """Why LoadGen refuses the file because of this line; empty if it does not."""
        if len(self.words) > 1 and self.words[1] not in ("=", "#"):
            return "it has no ' = ' after the name"
        wrong = next((word for word in self.values if not _NUMBER.fullmatch(word)), None)
        return f"'{printable(wrong)}' is not a number" if wrong is not None else ""

    @property
    def values(self) -> tuple[str, ...]:
        """The words after the equals sign; the last one counts. Without any, the line sets nothing."""
        return self.words[2:] if self.words[1:2] == ("=",) else ()

    @property
    def number_value(self) -> float:
        """The value as LoadGen reads it for a key whose value is a floating-point number."""
        text = self.values[-1].lower()
        try:
            return float.fromhex(text) if "0x" in text else float(text)
        except OverflowError:  # only float.fromhex raises it
            return -math.inf if text[0] == "-" else math.inf

    @property
    def count_value(self) -> int:
        """The value as LoadGen reads it for a key whose value is a whole number: 6e5 is 6, and 010 is 8."""
        found = _COUNT.match(self.values[-1])
        if found is None:
            return 0
        digits = found[2]
        octal = len(digits) > 1 and digits[0] == "0" and digits[1] not in "xX"
        # Python refuses to read a decimal number of thousands of digits.
        too_long = digits[0] != "0" and len(digits) > _MOST_DIGITS
        count = _LARGEST_COUNT if too_long else min(int(digits, 8 if octal else 0), _LARGEST_COUNT)
        return -count % (_LARGEST_COUNT + 1) if found[1] == "-" else count

    def __str__(self) -> str:
        return printable(" ".join(self.words))


def read_lines(text: str) -> Iterator[Line]:
    """The lines of a file that are neither empty nor comments: a comment's first word is `#` alone."""
    for number, line in enumerate(text.split("\n"), start=1):
        words = tuple(word for word in _BLANKS.split(line) if word)
        if words and words[0] != "#":
            yield Line(number, words)


def read_file(path: Path) -> list[Line]:
    """The lines of a user.conf; InputError if it cannot be read. A carriage return is a blank, as for LoadGen."""
    content = input_file.read_bytes(path, "user.conf", USER_CONF_HINT)
    return list(read_lines(content.decode("utf-8", errors="replace")))


def require_accepted(lines: Iterable[Line], where: str) -> None:
    """Raise all lines because of which LoadGen refuses the whole file, as InputErrors; `where` names the file."""
    hint = "write each line as 'model.scenario.key = value', and comments on lines of their own, as '# text'"
    raise_all(
        [
            InputError(f"{where}:{each.number}: LoadGen refuses '{each}': {each.fault}", hint)
            for each in lines
            if each.fault
        ]
    )


def settings(lines: Iterable[Line], model: str, scenario: str) -> dict[str, Line]:
    """The line that counts for each key, for a model and a scenario by LoadGen's names.

    A scenario is more specific than a model. Of two lines with the same name, the later one counts.
    """
    by_name = {line.name: line for line in lines if line.values}
    chosen: dict[str, Line] = {}
    for prefix in (f"{WILDCARD}.{WILDCARD}", f"{model}.{WILDCARD}", f"{WILDCARD}.{scenario}", f"{model}.{scenario}"):
        for name, line in by_name.items():
            before, _, key = name.rpartition(".")
            if before == prefix:
                chosen[key] = line
    return chosen
