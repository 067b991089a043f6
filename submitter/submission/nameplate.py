"""The rating of a system's power supplies: the sum over `systems/<system>_power.yaml`.

Official: checks/system_check.py, nameplate_power_check and _sum_power_capacity_watts (round v6.1).
"""

from __future__ import annotations

from typing import Any

_SUPPLIES, _NEEDED, _CAPACITY = "psus", "min psus needed", "PowerCapacityWatts"


def rated_watts(content: Any) -> float:
    """The rating in W: the sum over the content of the file.

    ValueError if the content does not follow the official template; OverflowError or RecursionError if it cannot be
    summed.
    """
    if content is None:
        raise ValueError("is empty")
    return _sum_watts(content, {})


def _sum_watts(part: Any, known: dict[int, float]) -> float:
    """The rating in W of a part of the file: for a device that of the supplies it needs, else the sum over its parts.

    `known` has the sums of the parts done so far, by `id`: a YAML file may refer to one part many times.
    """
    if not isinstance(part, (dict, list)):
        return 0
    if id(part) not in known:
        supplies = _supplies(part) if isinstance(part, dict) else None
        parts = part.values() if isinstance(part, dict) else part
        known[id(part)] = sum(_sum_watts(inner, known) for inner in parts) if supplies is None else sum(supplies)
    return known[id(part)]


def _supplies(part: dict[Any, Any]) -> list[float] | None:
    """The ratings in W of the supplies that a device needs, the largest first; None if the part is not a device."""
    if not all(isinstance(key, str) for key in part):
        raise ValueError("has a key that is not a string")
    fields = {key.lower(): value for key, value in part.items()}
    if _SUPPLIES not in fields or _NEEDED not in fields:
        return None
    supplies, needed = fields[_SUPPLIES], fields[_NEEDED]
    if not isinstance(supplies, list) or not all(isinstance(supply, dict) for supply in supplies):
        raise ValueError("has 'PSUs' that are not a list of power supplies")
    if not isinstance(needed, int):
        raise ValueError("has a 'Min PSUs Needed' that is not an integer")
    ratings: list[float] = [supply.get(_CAPACITY, 0) for supply in supplies]
    if not all(isinstance(rating, (int, float)) for rating in ratings):
        raise ValueError(f"has a '{_CAPACITY}' that is not a number")
    return sorted(ratings, reverse=True)[:needed]
