"""Damage to a power measurement (`power_tree.PowerTree`): each function returns an edit, for tables of rules' cases."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from power_tree import PowerTree, add_power, stamp_of, time_of
from submission_tree import SYSTEM, write_tree

Damage = Callable[[PowerTree], object]

DETAIL, PTD_LOG = "mlperf_log_detail.txt", "power/ptd_logs.txt"
# A time during the performance run.
DURING = "08-30-2026 09:45:00.000"


def write_power_tree(folder: Path) -> PowerTree:
    """A valid tree with a power measurement of Offline."""
    return add_power(write_tree(folder))


def remove(name: str) -> Damage:
    return lambda power: (power.folder / name).unlink()


def write(name: str, text: str) -> Damage:
    return lambda power: (power.folder / name).write_text(text)


def set_in(side: str, *path: Any) -> Damage:
    """Set a value of a session's file: the keys, then the value."""
    *keys, last, value = path

    def change(content: dict[str, Any]) -> None:
        _inside(content, keys)[last] = value

    return lambda power: power.edit(side, change)


def drop_from(side: str, *path: Any) -> Damage:
    *keys, last = path

    def change(content: dict[str, Any]) -> None:
        del _inside(content, keys)[last]

    return lambda power: power.edit(side, change)


def _inside(content: Any, keys: list[Any]) -> Any:
    for key in keys:
        content = content[key]
    return content


def replace(name: str, pattern: str, new: str) -> Damage:
    return lambda power: power.replace(name, pattern, new)


def append(name: str, text: str) -> Damage:
    return lambda power: power.edit_text(name, lambda before: before + text)


def move_end(run: str, end: str, shift_s: float) -> Damage:
    """Another time at which a run began or ended."""

    def move(text: str) -> str:
        match = re.search(rf'"{end}", "value": "([^"]+)"', text)
        assert match
        return text.replace(match[1], stamp_of(time_of(match[1]) + timedelta(seconds=shift_s)))

    return lambda power: power.edit_text(f"{run}/{DETAIL}", move)


def nameplate(text: str) -> Damage:
    """The file of what the system's power supplies are rated for."""
    return lambda power: power.tree.system_json().with_name(f"{SYSTEM}_power.yaml").write_text(text)
