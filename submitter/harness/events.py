"""A session's events: who gets them, how the parent reads them from the child, and what it adds in a silence."""

from __future__ import annotations

import json
import os
import selectors
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from submitter.errors import RunError
from submitter.harness.plan import RunPlan

TICK = "tick"
_TICK_S = 1.0
_DESCRIPTOR_HINT = "a plugin or library of the engine uses file descriptors that it did not open: remove it"


class Watcher(Protocol):
    """Receives the events of a session, for example to display them.

    First come those of the engine, with `run` None: `loading` (`engine`: its name) and then `warm_up` (`prompts`: how
    many), each when it begins and again every second, with `seconds`, for how long, and `log`, the path of the engine's
    log. An engine that serves on several machines first waits for the others: `nodes` (`ranks`: how many no node has
    taken yet), also every second, and then `loading` again. Then comes `ready` (`seconds`: both together).

    Then those of each run: `run` when it begins, `progress` each second (`seconds`: since then; `done` and `issued`:
    samples; `tokens`; `ttft_p99_ms` and `tpot_p99_ms`: of the run so far, or None), `finished` (`done`, `tokens`,
    `seconds`, `answers`: by rank or server), and `judged` once it is recorded (`valid`: LoadGen's verdict; None for an
    accuracy run); after that `network` if the network lost anything during the run (`warnings`: lines).

    Last, while the engine ends, `stopping` every second, with `seconds` and `log`.
    """

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None: ...


class EnginePhase:
    """What the engine does while no run is under way, and since when.

    The parent tells the watcher, because an engine that loads seldom lets its own process do anything else.
    """

    def __init__(self, engine: str, log: Path) -> None:
        self.name, self.log = engine, log
        self.begin("loading", engine=engine)

    def begin(self, kind: str, **facts: Any) -> None:
        self.kind, self._facts, self._began_s = kind, facts, time.monotonic()

    def tell(self, watcher: Watcher) -> None:
        if self.kind:
            seconds = time.monotonic() - self._began_s
            watcher.event(self.kind, None, {**self._facts, "seconds": seconds, "log": self.log})


class Deadline:
    """A deadline that can be moved."""

    def __init__(self, seconds: float) -> None:
        self.set(seconds)

    def set(self, seconds: float) -> None:
        self._at_s = time.monotonic() + seconds

    def remaining_s(self) -> float:
        return max(0.0, self._at_s - time.monotonic())


def read_events(descriptor: int, deadline: Deadline) -> Iterator[dict[str, Any]]:
    """The child's events until it closes its end of the pipe; `TICK` after each second without any.

    RunError for what is not an event.
    """
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if not selector.select(min(_TICK_S, deadline.remaining_s())):
                yield {"event": TICK}
                continue
            chunk = os.read(descriptor, 65536)
            if not chunk:
                return
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                try:
                    event = json.loads(line)
                except ValueError:
                    raise RunError("the engine wrote to submitter's own descriptor", _DESCRIPTOR_HINT) from None
                yield event
