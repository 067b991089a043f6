"""CPU cores for the harness and for each engine process, so that they do not compete for the same ones.

`[binding]` of engine.toml lists cores in Linux's notation, `0-15,128-143`. It is applied after the engine has loaded:
an engine that binds its own processes (vLLM's `numa_bind`, which also binds their memory) needs all cores until then.
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
    """`harness` lists the cores of LoadGen and the event loop, `engines` those of each engine process, in order."""

    harness: str | None = None
    engines: tuple[str, ...] | None = None

    @field_validator("harness", "engines")
    @classmethod
    def _require_lists_of_cores(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for text in (value,) if isinstance(value, str) else value or ():
            cores(text)
        return value

    def require_cores(self) -> None:
        """InputError for the first core that this process may not use: the machine or container lacks it."""
        allowed = os.sched_getaffinity(0)
        for text in filter(None, (self.harness, *(self.engines or ()))):
            beyond = sorted(cores(text) - allowed)
            if beyond:
                raise InputError(
                    f"engine.toml: [binding] names core {beyond[0]}, but this process may use only {_shown(allowed)}",
                    "list cores that lscpu or numactl --hardware shows, or remove [binding] to let the system choose",
                )

    def apply(self, engine_processes: Iterable[int]) -> None:
        """Bind this process, and each engine process with all processes that it started.

        InputError if `engines` does not have one list of cores for each engine process.
        """
        import psutil

        processes = list(engine_processes)
        if self.engines is not None:
            if len(self.engines) != len(processes):
                raise InputError(
                    f"engine.toml: [binding] engines has {len(self.engines)} lists of cores, "
                    f"but the engine has {len(processes)} processes",
                    "give one list for each data-parallel rank",
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
    """The cores of a list such as `0-3,8`; ValueError if `text` is not such a list."""
    found: set[int] = set()
    for part in text.split(","):
        matched = _PART.fullmatch(part.strip())
        if not matched:
            raise ValueError(f"'{text}' is not a list of cores such as 0-15,128-143")
        first, last = int(matched[1]), int(matched[2] or matched[1])
        if not first <= last < 1 << 16:
            raise ValueError(f"'{part}' is not a range of cores")
        found |= set(range(first, last + 1))
    return found


def _shown(found: Iterable[int]) -> str:
    ordered = sorted(found)
    contiguous = ordered == list(range(ordered[0], ordered[-1] + 1))
    bounds = f"{ordered[0]}-{ordered[-1]}"
    return f"cores {bounds}" if contiguous else f"{len(ordered)} of the cores {bounds}"


def _bind(process: psutil.Process, allowed: set[int]) -> None:
    """Bind every thread of the process; new threads inherit it. A thread that has just ended is skipped."""
    for thread in process.threads():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(thread.id, allowed)
