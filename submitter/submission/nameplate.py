"""What a system's power supplies are rated for: the sum that `systems/<system>_power.yaml` comes to.

Official: checks/system_check.py, nameplate_power_check and _sum_power_capacity_watts (round v6.1).
"""

from __future__ import annotations

from typing import Any

_SUPPLIES, _NEEDED, _CAPACITY = "psus", "min psus needed", "PowerCapacityWatts"


def rated_watts(content: Any) -> float:
    """The rating in W that the file's content adds up to.

    ValueError where it is not what the official template is; OverflowError or RecursionError where no sum can be made.
    """
    if content is None:
        raise ValueError("is empty")
    return _sum_watts(content, {})


def _sum_watts(part: Any, known: dict[int, float]) -> float:
    """The rating of a part: of a device that of the supplies it cannot do without, else of what it is made of.

    `known` has the parts that were added up already: a YAML file may name one again and again.
    """
    if not isinstance(part, (dict, list)):
        return 0
    if id(part) not in known:
        supplies = _supplies(part) if isinstance(part, dict) else None
        parts = part.values() if isinstance(part, dict) else part
        known[id(part)] = sum(_sum_watts(inner, known) for inner in parts) if supplies is None else sum(supplies)
    return known[id(part)]


def _supplies(part: dict[Any, Any]) -> list[float] | None:
    """The ratings of the supplies that a device needs, the largest; None where the part is no device."""
    if not all(isinstance(key, str) for key in part):
        raise ValueError("has a name that is no text")
    fields = {key.lower(): value for key, value in part.items()}
    if _SUPPLIES not in fields or _NEEDED not in fields:
        return None
    supplies, needed = fields[_SUPPLIES], fields[_NEEDED]
    if not isinstance(supplies, list) or not all(isinstance(supply, dict) for supply in supplies):
        raise ValueError("has PSUs that are no list of supplies")
    if not isinstance(needed, int):
        raise ValueError("has a number of PSUs needed that is none")
    ratings: list[float] = [supply.get(_CAPACITY, 0) for supply in supplies]
    if not all(isinstance(rating, (int, float)) for rating in ratings):
        raise ValueError(f"has a {_CAPACITY} that is no number")
    return sorted(ratings, reverse=True)[:needed]
