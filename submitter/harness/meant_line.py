"""What the author of a wrong line of a user.conf may have meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from submitter.harness.loadgen_keys import SCENARIOS
from submitter.loadgen_conf import WILDCARD, Line
from submitter.model import Scenario

# A line as its author may have meant it: a name, an equals sign or a colon or neither, a value, a comment.
_MEANT = re.compile(r"([^\s=:#]+)\s*[=:]?\s*([^#]*)")
_NUMBER = re.compile(r"[+-]?[\d_]+(?:[.,]\d+)?(?:e\d+)?", re.IGNORECASE | re.ASCII)
BYTE_ORDER_MARK = "\ufeff"
_FLAGS = {"true": "1", "on": "1", "yes": "1", "false": "0", "off": "0", "no": "0"}


@dataclass(frozen=True)
class Name:
    """The three parts of a line's name. A part that the line lacks is empty."""

    model: str
    scenario: str
    key: str

    @classmethod
    def of(cls, text: str) -> Name:
        *before, key = text.split(".")
        if len(before) > 1:
            return cls(".".join(before[:-1]), before[-1], key)
        if before and (before[0] == WILDCARD or not nearest(before[0], (*SCENARIOS, Scenario.INTERACTIVE))):
            return cls(before[0], "", key)
        return cls("", before[0] if before else "", key)


def meant(line: Line) -> tuple[str, str]:
    """The name and the number that the author of a line may have meant; an empty number if there is none."""
    found = _MEANT.match(" ".join(line.words).strip(f"{BYTE_ORDER_MARK}\u00a0\"' ").replace("\u00a0", " "))
    if found is None:
        return line.name, ""
    number = _NUMBER.search(found[2])
    if number is None:
        return found[1], _FLAGS.get(found[2].strip().lower(), "")
    text = number[0].replace("_", "").replace(",", ".").lower()
    return found[1], f"{float(text):.0f}" if "e" in text else text


def listed(words: Iterable[str]) -> str:
    """Words as a sentence lists them: `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def nearest(name: str, known: Iterable[str]) -> str:
    """The nearest known name, whatever its case; empty if none is near."""
    lowered = {candidate.lower(): candidate for candidate in sorted(known)}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    return lowered[near[0]] if near else ""
