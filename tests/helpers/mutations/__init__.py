"""Damage to real results, one kind a function: each changes a small tree of one submitter and says what it did.

Files are links to files shared with other copies, so every change writes the file anew. What a mutation cannot do
to the place it was given raises `Unfit`; the caller draws again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from .fields import (
    change_json,
    change_number,
    change_type,
    change_word,
    drop_line,
    long_accuracy_log,
    other_json,
    power_file,
)
from .files import (
    append_garbage,
    binary_file,
    broken_link,
    cut_at_a_line,
    delete_file,
    empty_file,
    extra_file,
    file_for_folder,
    giant_file,
    line_ends,
    prepend,
    rename_file,
    swap_files,
    truncate_file,
)
from .folders import (
    delete_folder,
    drop_scenario,
    empty_folder,
    map_benchmark,
    rename_benchmark,
    rename_folder,
    rename_scenario,
    swap_scenarios,
)
from .logs import break_entry, change_entry, drop_entry, error_entry, rename_entry, repeat_entry
from .places import Unfit, write

__all__ = ["Mutation", "Unfit", "mutations", "write"]

Mutation = Callable[[Path, random.Random], str]


def mutations(benchmarks: Sequence[str]) -> dict[str, tuple[int, Mutation]]:
    """Every kind by name, with its weight; `benchmarks` are the round's names."""

    def renamed(root: Path, dice: random.Random) -> str:
        return rename_benchmark(root, dice, benchmarks)

    def mapped(root: Path, dice: random.Random) -> str:
        return map_benchmark(root, dice, benchmarks)

    plain = [delete_file, empty_file, truncate_file, cut_at_a_line, binary_file, append_garbage, prepend, line_ends]
    plain += [file_for_folder, extra_file, rename_file, swap_files, broken_link, giant_file, delete_folder]
    plain += [empty_folder, rename_folder, rename_scenario, drop_scenario, swap_scenarios, repeat_entry, rename_entry]
    plain += [change_type, break_entry, error_entry, other_json, drop_line, long_accuracy_log, power_file]
    weights = {f.__name__: (2, f) for f in plain}
    weights |= {"rename_benchmark": (3, renamed), "map_benchmark": (1, mapped), "drop_entry": (6, drop_entry)}
    heavy = {"change_entry": (20, change_entry), "change_json": (10, change_json), "change_word": (3, change_word)}
    return weights | heavy | {"change_number": (8, change_number)}
