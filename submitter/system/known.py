"""What is known of an accelerator by its name: `known_accelerators.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class KnownAccelerator:
    """The facts that depend on nothing but the model of the accelerator."""

    name: str
    """The part of a device's name by which it is recognised, in lower case."""
    short: str
    """Its name in names of systems."""
    vendor: str
    memory_gb: int
    memory: str
    """The kind of its memory."""
    interconnect: str = ""
    """Between accelerators of one host; empty if that depends on the host."""


@cache
def _table() -> tuple[KnownAccelerator, ...]:
    data = tomllib.loads(Path(__file__).with_name("known_accelerators.toml").read_text("utf-8"))
    return tuple(KnownAccelerator(**entry) for entry in data["accelerator"])


def known_accelerator(name: str) -> KnownAccelerator | None:
    """The entry for the name of a device or of a system, such as `NVIDIA H200` or `8xMI300X`; None if unknown."""
    lowered = name.lower().replace("-", " ")
    return next((entry for entry in _table() if entry.name in lowered), None)
