"""Writes a drafted round as TOML, in the form of the files in `rulebooks/`, with its marks as comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from submitter.rulebook_import import sources
from submitter.rulebook_import.slots import Slot, same

_WIDTH = 140
_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_LONGEST_MARK = 80
_REMOVED = "# removed: "


def write(slots: list[Slot], last: str, heading: list[str]) -> str:
    """The file: single values first, then the tables in the order of their first value, benchmarks at the end."""
    order = {slot.path[:depth]: number for number, slot in reversed(list(enumerate(slots))) for depth in (1, 2)}
    writer = _Writer(last)
    blocks = [_comment("\n".join(heading))]
    tops = sorted(slots, key=lambda slot: (slot.path[0] == "benchmarks", order[slot.path[:1]], order[slot.path[:2]]))
    single = [slot for slot in tops if len(slot.path) == 1 and not isinstance(slot.value or slot.before, dict)]
    blocks += ["\n".join(line for slot in single for line in writer.slot(slot, slot.path[-1:]))] if single else []
    for key, group in groupby((slot for slot in tops if slot not in single), key=lambda slot: slot.path[0]):
        blocks += [_comment(sources.OF_BENCHMARKS)] if key == "benchmarks" else []
        blocks += writer.top(list(group))
    # Removed tables are listed without blank lines between them.
    parted = groupby(blocks, key=lambda block: block.startswith(_REMOVED))
    return "\n\n".join(("\n" if removed else "\n\n").join(some) for removed, some in parted) + "\n"


class _Writer:
    def __init__(self, last: str) -> None:
        self.last = last

    def top(self, slots: list[Slot]) -> Iterator[str]:
        """The blocks of a table and of the tables in it."""
        leaves = [slot for slot in slots if len(slot.path) == 2 and not isinstance(slot.value or slot.before, dict)]
        if leaves:
            lines = [line for slot in leaves for line in self.slot(slot, slot.path[1:])]
            yield "\n".join([_header(leaves[0].path[:1]), *lines])
        for path, group in groupby((slot for slot in slots if slot not in leaves), key=lambda slot: slot.path[:2]):
            inside = list(group)
            if len(inside[0].path) == 3:
                yield self.table(path, inside)
            else:
                yield from self.whole(inside[0])

    def table(self, path: tuple[str, ...], slots: list[Slot]) -> str:
        """A benchmark or a compliance test."""
        if all(slot.value is None for slot in slots):
            return f"{_REMOVED}{_key(path)}"
        if any(slot.before is not None for slot in slots):
            return "\n".join([_header(path), *(line for slot in slots for line in self.slot(slot, slot.path[2:]))])
        # All of it is new, which is said once.
        lines = [line for slot in slots for line in self.slot(slot, slot.path[2:], is_in_new=True)]
        return "\n".join([f"{_header(path)}  # new", *lines])

    def whole(self, slot: Slot) -> Iterator[str]:
        """A table that is one value."""
        if slot.value is None:
            yield f"{_REMOVED}{_key(slot.path)}"
            return
        is_marked = slot.before is None or not slot.is_said
        mark = self._mark(slot, slot.value, slot.before) if is_marked else slot.source
        header = f"{_header(slot.path)}  # {mark}" if mark else _header(slot.path)
        yield "\n".join([header, *self._items(slot, slot.value, slot.value if is_marked else slot.before)])

    def _items(self, slot: Slot, value: dict[str, Any], before: dict[str, Any]) -> Iterator[str]:
        for key, below in value.items():
            said = slot.is_said and not same(below, before.get(key))
            yield from _line((key,), below, self._difference(before.get(key)) if said else "")
        yield from _removed((), before, value)

    def slot(self, slot: Slot, key: tuple[str, ...], is_in_new: bool = False) -> Iterator[str]:
        """The lines of a value."""
        if slot.value is None:
            yield f"{_REMOVED}{_key(key)} = {_short(slot.before)}"
            return
        lines = list(_lines_of(key, slot.value))
        for number, (path, value) in enumerate(lines):
            before = slot.before
            if len(path) > len(key):
                before = slot.before.get(path[-1]) if isinstance(slot.before, dict) else None
            is_marked = slot.is_said or number == 0
            yield from _line(path, value, self._mark(slot, value, before, is_in_new) if is_marked else "")
        if lines[0][0] != key and isinstance(slot.before, dict):
            yield from _removed(key, slot.before, slot.value)

    def _mark(self, slot: Slot, value: Any, before: Any, is_in_new: bool = False) -> str:
        if not slot.is_said:
            return f"as in {self.last}, confirm: {slot.where}"
        difference = "" if is_in_new or same(value, before) else self._difference(before)
        return "; ".join(filter(None, [slot.source, difference, f"confirm: {slot.where}" if slot.where else ""]))

    def _difference(self, before: Any) -> str:
        return "new" if before is None else f"changed: {self.last} has {_short(before)}"


def _removed(key: tuple[str, ...], before: dict[str, Any], value: dict[str, Any]) -> Iterator[str]:
    gone = (name for name in before if name not in value)
    return (f"{_REMOVED}{_key((*key, name))} = {_short(before[name])}" for name in gone)


def _lines_of(key: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The keys and values of a value's lines: a table of tables or lists has a line for each."""
    if isinstance(value, dict) and any(isinstance(below, dict | list | tuple) for below in value.values()):
        yield from (((*key, name), below) for name, below in value.items())
    else:
        yield key, value


def _line(key: tuple[str, ...], value: Any, mark: str) -> Iterator[str]:
    """A key with its value, and its mark beside or above it."""
    line = f"{_key(key)} = {_value(value)}"
    if len(line) > _WIDTH and isinstance(value, list | tuple):
        if mark:
            yield f"# {mark}"
        yield f"{_key(key)} = ["
        yield from (f"    {each}" for each in _wrapped([f"{_value(item)}," for item in value]))
        yield "]"
    elif mark and len(line) + len(mark) > _WIDTH:
        yield f"# {mark}"
        yield line
    else:
        yield f"{line}  # {mark}" if mark else line


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in text.splitlines())


def _wrapped(words: list[str]) -> Iterator[str]:
    line = ""
    for word in words:
        if line and len(line) + len(word) > _WIDTH - 10:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
    yield line


def _header(path: tuple[str, ...]) -> str:
    return f"[{_key(path)}]"


def _key(path: tuple[str, ...]) -> str:
    return ".".join(each if _BARE.fullmatch(each) else _string(each) for each in path)


def _short(value: Any) -> str:
    text = _value(value)
    return text if len(text) <= _LONGEST_MARK else text[: _LONGEST_MARK - 3] + "..."


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key((key,))} = {_value(below)}' for key, below in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return float.__repr__(value) if isinstance(value, float) else str(value)


def _string(text: str) -> str:
    """A regular expression as it is, where TOML can have it so; everything else with JSON's escapes."""
    if "\\" in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f").encode("utf-8", "replace").decode("utf-8")
