"""How long something may take, as a user writes it on the command line."""

from __future__ import annotations

import re

from submitter.errors import InputError
from submitter.units import S_PER_H, S_PER_MIN

_UNIT_S = {"": S_PER_MIN, "s": 1, "m": S_PER_MIN, "h": S_PER_H}


def seconds(text: str) -> float:
    """The time of `90s`, `60m`, `2h` or `60`, which means minutes, in s. InputError if it is not a time."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if found is None or not float(found[1]):
        raise InputError(f"'{text}' is not a time", "give seconds, minutes or hours: 90s, 60m, 2h")
    return float(found[1]) * _UNIT_S[found[2]]
