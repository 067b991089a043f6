"""The folder is the registry: rule books, engines, reporters and metrics are files, known by the file's name."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from submitter.errors import InputError


def names(package: str, suffix: str = ".py") -> list[str]:
    """The names of the files of `package` that end in `suffix`, sorted; private ones are left out."""
    files = (entry.name for entry in folder(package).iterdir())
    return sorted(name[: -len(suffix)] for name in files if name.endswith(suffix) and not name.startswith("_"))


def folder(package: str) -> Path:
    """The folder of the package's files. importlib.resources does the same, but its import alone takes 5 ms."""
    return Path(importlib.import_module(package).__path__[0])


def load(package: str, name: str, what: str) -> ModuleType:
    """Import module `name` of `package`; InputError with the nearest known name if there is no such module.

    `what` is the kind of thing that it names, such as `engine`.
    """
    require(name, names(package), what)
    return importlib.import_module(f"{package}.{name}")


def require(name: str, known: Iterable[str], what: str) -> None:
    """InputError unless `name` is among `known`; `what` is the kind of thing that it names, such as `engine`."""
    known = list(known)
    if name not in known:
        raise InputError(f"unknown {what} '{name}'", did_you_mean(name, known))


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint with the nearest known name; if none is near, `otherwise`, or by default all of them."""
    known = list(known)
    lowered = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    return f"did you mean '{lowered[near[0]]}'?" if near else otherwise or "known: " + ", ".join(known)
