"""Shows what goes on and for how long, for work that reports little by itself, such as the reading of a checkpoint."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TextIO

from submitter.console.output import LiveLine
from submitter.console.words import duration, fitted

_AFTER_S = 2.0
_TICK_S = 1.0


class Working:
    """A live line with what goes on, for how long, and if that is known how much is done and how long the rest takes.

    A thread draws it each second, so the work itself need not. What takes less than 2 s is not shown.
    """

    def __init__(self, stream: TextIO) -> None:
        self._live = LiveLine(stream)
        self._lock = threading.Lock()
        self._is_closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._what = ""
        self._unit = ""
        self._done = self._total = 0
        self._began_s = 0.0

    def begin(self, what: str, unit: str = "") -> None:
        """Something begins, and what went on before has ended. `unit` names what `advance` counts."""
        with self._lock:
            self._what, self._unit, self._done, self._total = what, unit, 0, 0
            self._began_s = time.monotonic()
        self._live.restart()
        if self._thread is None:
            self._thread = threading.Thread(target=self._tick, daemon=True)
            self._thread.start()

    def advance(self, done: int, total: int) -> None:
        """So much of it is done."""
        with self._lock:
            self._done, self._total = done, total

    def end(self) -> None:
        """Nothing goes on any more."""
        with self._lock:
            self._what = ""
        self._live.close()

    def close(self) -> None:
        """End, and let the thread end."""
        self._is_closed.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.end()

    def _tick(self) -> None:
        while not self._is_closed.wait(_TICK_S):
            self.show()

    def show(self) -> None:
        """Draw it, or write a plain line, if that is due."""
        with self._lock:
            elapsed_s = time.monotonic() - self._began_s
            if not self._what or elapsed_s < _AFTER_S:
                return
            parts, share = self._parts(elapsed_s), self._done / self._total if self._total else None
            self._live.show(lambda columns: fitted(parts, (3, 0, 1), columns), share)

    def _parts(self, elapsed_s: float) -> list[tuple[str, ...]]:
        """What goes on, how much is done, the time that it has taken, and the time that is left."""
        count, left = "", ""
        if self._total:
            count = f"{self._done:,}/{self._total:,} {self._unit}"
            if self._done:
                left = f"{duration((self._total - self._done) * elapsed_s / self._done)} left"
        return [(f"{self._what} ...", f"{self._what[:20]} ..."), (count, ""), (duration(elapsed_s),), (left, "")]


@contextmanager
def working(what: str, stream: TextIO) -> Iterator[None]:
    """Show what goes on inside the block, if that takes a while."""
    with closing(Working(stream)) as work:
        work.begin(what)
        yield
