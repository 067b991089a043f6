"""The differences between two rounds: benchmarks, values by their path in the rule book, and rules."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import msgspec

from submitter.checker.catalogue import origin_in
from submitter.checker.registry import all_rules
from submitter.rulebook import Rulebook

_LONG = 60


def difference(old: Rulebook, new: Rulebook) -> str:
    """The text of `submitter rules --diff`: how `new` differs from `old`."""
    sections = [
        ("Benchmarks", list(_benchmarks(old, new))),
        ("Values", list(_values(old, new))),
        ("Rules", list(_rules(old, new))),
    ]
    lines = [f"From round {old.name} to round {new.name}"]
    for title, differences in sections:
        lines += ["", title, *(f"  {line}" for line in differences or ["no difference"])]
    return "\n".join(lines)


def _benchmarks(old: Rulebook, new: Rulebook) -> Iterator[str]:
    for word, these, those in (("removed", old, new), ("added", new, old)):
        names = sorted(these.benchmarks.keys() - those.benchmarks.keys())
        if names:
            yield f"{word:<8} {', '.join(names)}"


def _values(old: Rulebook, new: Rulebook) -> Iterator[str]:
    """The changed values, grouped by table; benchmarks that only one round has are left out."""
    both = old.benchmarks.keys() & new.benchmarks.keys()
    before, after = _flat(old, both), _flat(new, both)
    changed = sorted(path for path in before | after if not _same(before.get(path), after.get(path)))
    for table, paths in groupby(changed, lambda path: path[: 2 if path[0] == "benchmarks" else 1]):
        yield ".".join(table)
        for path in paths:
            yield f"  {'.'.join(path[len(table) :])}: {_change(before.get(path), after.get(path))}"


def _flat(book: Rulebook, benchmarks: set[str]) -> dict[tuple[str, ...], Any]:
    """Every value of the book by its path. A list is one value; empty, false and unset values are left out."""
    found: dict[tuple[str, ...], Any] = {}

    def descend(value: Any, path: tuple[str, ...]) -> None:
        if isinstance(value, dict):
            for key, below in value.items():
                descend(below, (*path, key))
        elif value is not None and value is not False and value != ():
            found[path] = value

    content = msgspec.to_builtins(book)
    # Rules are in a section of their own, and the name is in the heading.
    del content["checker"], content["round"]["name"]
    content["benchmarks"] = {name: content["benchmarks"][name] for name in benchmarks}
    used = {benchmark["model"] for benchmark in content["benchmarks"].values()}
    content["models"] = {name: model for name, model in content["models"].items() if name in used}
    descend(content, ())
    return found


def _same(before: Any, after: Any) -> bool:
    """Whether two values are the same; the order of a list does not count."""
    if isinstance(before, tuple) and isinstance(after, tuple):
        return sorted(map(repr, before)) == sorted(map(repr, after))
    return bool(before == after)


def _change(before: Any, after: Any) -> str:
    if isinstance(before, tuple) and isinstance(after, tuple) and max(len(_shown(before)), len(_shown(after))) > _LONG:
        removed = [f"-{_shown(item)}" for item in before if item not in after]
        added = [f"+{_shown(item)}" for item in after if item not in before]
        return ", ".join(removed + added)
    off = "no" if True in (before, after) else "none"
    return f"{_shown(before, off)} -> {_shown(after, off)}"


def _shown(value: Any, off: str = "none") -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    return off if value is None else "yes" if value is True else str(value)


def _rules(old: Rulebook, new: Rulebook) -> Iterator[str]:
    """The rules whose origin changes, and those that only one of the rounds has."""
    for rule in sorted(all_rules(), key=lambda rule: rule.id):
        before, after = origin_in(rule, old), origin_in(rule, new)
        if before != after:
            yield f"{rule.id}  {before} -> {after}: {rule.title}"
