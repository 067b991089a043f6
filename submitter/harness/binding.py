"""Which cores run what: the harness beside the engine's processes, not under them.

`[binding]` of engine.toml names cores as Linux does, `0-15,128-143`. It is applied once the engine is loaded: an engine
that binds its own processes (vLLM's `numa_bind`, which has the memory's side, too) must find all cores free until then.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from pydantic import field_validator

from submitter.errors import InputError
from submitter.strict_record import StrictRecord

if TYPE_CHECKING:
    import psutil

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
        import psutil

        processes = list(engine_processes)
        if self.engines is not None:
            if len(self.engines) != len(processes):
                raise InputError(
                    f"engine.toml: [binding] engines names {len(self.engines)} sets of cores, "
                    f"the engine has {len(processes)} processes",
                    "one set for each data-parallel rank",
                )
            for text, process in zip(self.engines, map(psutil.Process, processes), strict=True):
                _bind(process, cores(text))
                for descendant in process.children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        _bind(descendant, cores(text))
        if self.harness is not None:
            _bind(psutil.Process(), cores(self.harness))


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


def _bind(process: psutil.Process, allowed: set[int]) -> None:
    """Every thread there is; those to come inherit it. One that has just ended is skipped."""
    for thread in process.threads():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(thread.id, allowed)
