"""Puts a round's file together: what the constants say, and the rest from the round before, each with its mark."""

from __future__ import annotations

import pathlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from submitter.errors import InputError
from submitter.quoting import printable
from submitter.rulebook import Rulebook, parse, round_names, round_order, round_text
from submitter.rulebook_import import elsewhere, sources, toml_text
from submitter.rulebook_import.benchmarks import Benchmarks
from submitter.rulebook_import.checkout import Checkout
from submitter.rulebook_import.constants import Official
from submitter.rulebook_import.loadgen_check import disagreements
from submitter.rulebook_import.slots import Path, Slot, slots_of
from submitter.rulebook_import.tables import benchmark_audits, tables

Table = dict[str, Any]
_NAME = re.compile(r"v\d+\.\d+")
# What a file of the checkout says of this commit, and the round may have otherwise.
_UNCERTAIN = {("round", key) for key in ("source", "loadgen_versions", "loadgen_package")}
_UNCERTAIN |= {("checker", "source"), ("endpoints", "scored")}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A round's file, to be confirmed by a person."""

    text: str
    book: Rulebook
    last: str
    """The round that it was drafted on."""
    slots: list[Slot] = field(repr=False)
    warnings: list[str]
    """What a person must know of the checkout; also at the top of the text."""

    @property
    def changed(self) -> list[str]:
        """The paths of what the constants say and the round before does not, or says otherwise."""
        return [".".join(slot.path) for slot in self.slots if slot.is_said and slot.is_changed]

    @property
    def to_confirm(self) -> dict[str, str]:
        """Where to read what no constant says, by its path."""
        return {".".join(slot.path): slot.where for slot in self.slots if slot.where}


def draft(folder: pathlib.Path, round_name: str) -> Draft:
    """The draft of a round such as `v7.0`, on the newest round before it.

    InputError if `folder` is not an official checkout, if it does not have the round, or if its structure is new.
    """
    before = [name for name in round_names() if round_order(name) < round_order(round_name)]
    if not _NAME.fullmatch(round_name):
        raise InputError(f"'{round_name}' is not the name of a round", "rounds are named like v6.1")
    if not before:
        raise InputError(f"there is no round before {round_name} to draft it on", f"the first is {round_names()[0]}")
    last = tomllib.loads(round_text(before[-1]))
    checkout = Checkout(folder)
    official = Official(checkout, round_name)
    said = _said(official, last)
    slots = _merged(said, last)
    warnings = _warnings(official, said["benchmarks"], last)
    text = toml_text.write(slots, before[-1], _heading(official, before[-1], warnings))
    return Draft(text=text, book=parse(text, f"draft of {round_name}"), last=before[-1], slots=slots, warnings=warnings)


def _said(official: Official, last: Table) -> Table:
    drafted = Benchmarks(official, last)
    benchmarks = {name: drafted.table(name) for name in official.config.models}
    found = tables(official, last, benchmarks)
    for name, benchmark in benchmarks.items():
        benchmark["audit"] = benchmark_audits(official, name, found["compliance"])
    return found | {"benchmarks": benchmarks}


def _merged(said: Table, last: Table) -> list[Slot]:
    """Every value of the new file; one that is removed has None."""
    new, old = slots_of(said, is_drafted=True), slots_of(last)
    found = []
    for path in [*old, *(path for path in new if path not in old)]:
        if path in new:
            where = elsewhere.place(path) if new[path] is not None and _is_guessed(path, last) else ""
            slot = Slot(
                path=path,
                value=new[path],
                before=old.get(path),
                is_said=True,
                where=where,
                source=sources.source(path),
            )
            found.append(slot)
        elif path[0] in ("compliance", "benchmarks") and path[1] not in said[path[0]]:
            found.append(Slot(path=path, value=None, before=old[path], is_said=True))
        else:
            where = elsewhere.place(path)
            found.append(Slot(path=path, value=old[path], before=old[path], is_said=False, where=where))
    used = {slot.value for slot in found if slot.path[0] == "benchmarks" and slot.path[2] == "model"}
    kept = [slot for slot in found if slot.path[0] != "models" or slot.path[1] in used]
    return [slot for slot in kept if slot.value is not None or slot.before is not None]


def _is_guessed(path: Path, last: Table) -> bool:
    """Whether what the checkout says of it may not be the round's, or not what the key means."""
    key = path[0], path[-1]
    is_new = key in (("benchmarks", "loadgen_model"), ("compliance", "audit")) and path[1] not in last[path[0]]
    return path in _UNCERTAIN or is_new


def _warnings(official: Official, benchmarks: Table, last: Table) -> list[str]:
    found = []
    loadgen = official.checkout.loadgen
    seeds = {key: loadgen.get(f"*.*.{key}") for key in official.config.seeds}
    if seeds != official.config.seeds:
        found.append("the seeds of LoadGen in this checkout are another round's: its versions and settings are, too")
    else:
        found += disagreements(official, benchmarks)
    if official.unknown:
        found.append(f"MODEL_CONFIG has keys that nothing here reads: {', '.join(official.unknown)}")
    if official.unread:
        found.append(f"the checker has constants that nothing here reads: {', '.join(official.unread)}")
    for name in (name for name in benchmarks if name not in last["benchmarks"]):
        found += _missing(name, benchmarks[name])
    required = {test for table in benchmarks.values() for test in table.get("compliance", ())}
    for test in sorted(required - last["compliance"].keys()):
        where = elsewhere.place(("compliance", test, "verify"))
        found.append(f"{test} is new: add what its verification writes ({where})")
    return [printable(line) for line in found]


def _missing(name: str, table: Table) -> Iterator[str]:
    """What a new benchmark needs and the draft cannot have."""
    if table.get("use_token_latencies"):
        yield f"{name} is new: no constant says its {', '.join(elsewhere.FOR_RUNS)}; to make runs of it, add them"
    if not table["loadgen_model"]:
        yield f"{name} is new, and LoadGen has no section of its name: loadgen_model is left out"
    if {"SingleStream", "MultiStream"} & table["unit"].keys():
        where = elsewhere.place(("benchmarks", name, "metric_divisor"))
        yield f"{name} is new, and has a unit of latency of its own: add its metric_divisor ({where})"


def _heading(official: Official, last: str, warnings: list[str]) -> list[str]:
    commit = official.checkout.commit
    return [
        f"Draft of round {official.round} from mlcommons/inference{f' {commit}' if commit else ''}, "
        f"{official.checkout.checker}, on the rule book of {last}.",
        f"'new', 'changed' and 'removed' mark what the checkout's constants say otherwise than {last}; 'confirm'",
        "marks what no constant says, with the place where to read it. Remove a mark when the value is confirmed.",
        *warnings,
    ]
