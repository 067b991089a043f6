"""SIGINT and SIGTERM end a command as Python ends it, by KeyboardInterrupt, wherever the command is at that moment.

That may be a place which swallows it: Python ignores what a `__del__` raises, and the import of some libraries turns
it into another error. So what shows progress looks whether a signal was lost, and raises again.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_CLEAN_UP_S = 10.0


class Interruption:
    """Handles the signals: the first one ends the command. Others are ignored for as long as it cleans up."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._until_s = 0.0

    def handle(self) -> None:
        """Handle the signals from now on."""
        self.signal = None
        sys.unraisablehook = _unless_interrupted
        signal.signal(signal.SIGTERM, self)
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a shell script's background jobs ignore it
            signal.signal(signal.SIGINT, self)

    def __call__(self, number: int, frame: object) -> None:
        if time.monotonic() >= self._until_s:
            self.signal = signal.Signals(number)
            self._until_s = time.monotonic() + _CLEAN_UP_S
            raise KeyboardInterrupt

    def raise_if_lost(self) -> None:
        """KeyboardInterrupt if a signal has come and the command goes on all the same."""
        if self.signal is not None:
            raise KeyboardInterrupt

    @property
    def exit_code(self) -> int:
        return 128 + (self.signal or signal.SIGINT)


def _unless_interrupted(unraisable: UnraisableHookArgs) -> None:
    """Show what Python ignores, with its traceback, as Python does; but no KeyboardInterrupt, which is raised again."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)


INTERRUPTION = Interruption()
"""That of this process."""
