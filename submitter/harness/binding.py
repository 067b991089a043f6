"""Which cores run what: the harness beside the engine's processes, not under them.

`[binding]` of engine.toml names cores as Linux does, `0-15,128-143`. It is applied once the engine is loaded: an engine
that binds its own processes (vLLM's `numa_bind`, which has the memory's side, too) must find all cores free until then.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from pydantic import field_validator

from submitter.errors import InputError
from submitter.strict_record import StrictRecord

_PART = re.compile(r"(\d+)(?:-(\d+))?")


class Binding(StrictRecord):
    """`harness` are the cores of LoadGen and the event loop; `engines` those of each engine process, in their order."""

    harness: str | None = None
    engines: tuple[str, ...] | None = None

    @field_validator("harness", "engines")
    @classmethod
    def _are_cores(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for text in (value,) if isinstance(value, str) else value or ():
            cores(text)
        return value

    def require_cores(self) -> None:
        """InputError for the first core that this process may not use: the machine has fewer, or a container does."""
        allowed = os.sched_getaffinity(0)
        for text in filter(None, (self.harness, *(self.engines or ()))):
            beyond = sorted(cores(text) - allowed)
            if beyond:
                raise InputError(
                    f"engine.toml: [binding] names core {beyond[0]}, this process has {_shown(allowed)}",
                    "lscpu and numactl --hardware show the cores; remove [binding] to leave it to the system",
                )

    def apply(self, engine_processes: Iterable[int]) -> None:
        """Bind this process, and each engine process with all that it started.

        InputError if `engines` does not name cores for each of them.
        """
        processes = list(engine_processes)
        if self.engines is not None:
            if len(self.engines) != len(processes):
                raise InputError(
                    f"engine.toml: [binding] engines names {len(self.engines)} sets of cores, "
                    f"the engine has {len(processes)} processes",
                    "one set for each data-parallel rank",
                )
            for text, process in zip(self.engines, processes, strict=True):
                for each in _with_descendants(process):
                    _bind(each, cores(text))
        if self.harness is not None:
            _bind(os.getpid(), cores(self.harness))


UNBOUND = Binding()


def cores(text: str) -> set[int]:
    """The cores of a list such as `0-3,8`; ValueError if it is none."""
    found: set[int] = set()
    for part in text.split(","):
        matched = _PART.fullmatch(part.strip())
        if not matched:
            raise ValueError(f"'{text}' is no list of cores such as 0-15,128-143")
        first, last = int(matched[1]), int(matched[2] or matched[1])
        if not first <= last < 1 << 16:
            raise ValueError(f"'{part}' is no range of cores")
        found |= set(range(first, last + 1))
    return found


def _shown(found: Iterable[int]) -> str:
    ordered = sorted(found)
    contiguous = ordered == list(range(ordered[0], ordered[-1] + 1))
    return f"{ordered[0]}-{ordered[-1]}" if contiguous else f"{len(ordered)} up to {ordered[-1]}"


def _bind(process: int, allowed: set[int]) -> None:
    """Every thread there is; those to come inherit it. A thread that has just ended is none to bind."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        try:
            os.sched_setaffinity(int(thread.name), allowed)
        except ProcessLookupError:
            continue


def _with_descendants(process: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has just ended
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [process]
    for each in found:
        found += children.get(each, [])
    return found
