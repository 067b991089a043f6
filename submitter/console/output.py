"""What is written to a terminal, a file or a pipe: complete lines, and on a terminal one live line below them."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console


PLAIN_EVERY_S = 10.0
_WIDE = 1000
_MIN_BAR, _MAX_BAR = 10, 40

# A line that is longer than the terminal must not wrap: only one line is erased again.
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_ERASE_BELOW = "\x1b[J"


class Level(IntEnum):
    """How much a message matters. Messages go to stderr; what goes elsewhere is a result, and always shown."""

    DETAIL = 0
    """Shown with --verbose."""
    NORMAL = 1
    WARNING = 2
    """Shown with --quiet, too."""


# The live line may be drawn by a thread, and whatever else is written must not be appended to it.
_lock = threading.RLock()
_live_on: TextIO | None = None

_WARNS = ("red", "yellow")
_shown_from = Level.NORMAL
_copy: Callable[[str], None] | None = None


def show_from(level: Level) -> None:
    """From now on show messages of this level and above."""
    global _shown_from
    _shown_from = level


def copy_messages(copy: Callable[[str], None] | None) -> None:
    """From now on give each message to `copy`, shown or not, as plain text; None ends that."""
    global _copy
    _copy = copy


def is_shown(text: str, stream: TextIO, level: Level) -> bool:
    """Whether to write this text to the stream. If it is a message, it is copied."""
    if stream is not sys.stderr:
        return level >= min(_shown_from, Level.NORMAL)
    if _copy is not None:
        _copy(text)
    return level >= _shown_from


def coloured(stream: TextIO) -> Console | None:
    """A rich console if the stream takes colours: a terminal, or what FORCE_COLOR says is one; else None."""
    is_terminal = stream.isatty()
    if not (is_terminal or os.environ.get("FORCE_COLOR") or os.environ.get("TTY_COMPATIBLE")):
        return None
    from rich.console import Console

    # In a log file nothing is gained by folding a table into the 80 columns that rich assumes.
    width = None if is_terminal or os.environ.get("COLUMNS") else _WIDE
    console = Console(file=stream, highlight=False, width=width)
    return console if console.is_terminal and not console.is_dumb_terminal else None


def show_line(text: str, stream: TextIO, style: str = "", level: Level | None = None) -> None:
    """Write a line and flush it; on a terminal in a style of rich, such as `red`.

    Without a `level`, a line in red or yellow is a warning.
    """
    if not is_shown(text, stream, level if level is not None else Level.WARNING if style in _WARNS else Level.NORMAL):
        return
    with no_live_line():
        console = coloured(stream) if style else None
        if console is None:
            stream.write(text + "\n")
            stream.flush()
            return
        from rich.text import Text

        console.print(Text(text, style), soft_wrap=True)


@contextmanager
def no_live_line() -> Iterator[None]:
    """Erase the live line, if there is one, and draw none inside the block, so that other text can be written."""
    global _live_on
    with _lock:
        if _live_on is not None:
            _live_on.write(f"\r{_ERASE_BELOW}")
            _live_on.flush()
            _live_on = None
        yield


class LiveLine:
    """One line that tells how things stand: drawn again and again on a terminal, else a line at most every 10 s.

    The cursor is never hidden and waits at the beginning of the line. So nothing has to be restored, however the
    process ends; and a terminal that is made narrower and wraps the line in two is still erased from its beginning on.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        console = coloured(stream) if stream.isatty() and _shown_from <= Level.NORMAL else None
        self._console = console if console is not None and console.is_interactive else None
        self._shown_s = float("-inf")

    def restart(self) -> None:
        """What is shown from here on is new: the next plain line comes after 10 s."""
        self._shown_s = time.monotonic()

    def close(self) -> None:
        """Erase it."""
        if self._console is not None:
            with no_live_line():
                pass

    @property
    def is_drawn(self) -> bool:
        """Whether it is drawn again and again, and not written as plain lines."""
        return self._console is not None

    @property
    def columns(self) -> int:
        """How long a line may be. Read anew for each line, because a terminal's width may change."""
        if self._console is None:
            return _WIDE
        width = self._console.width  # of COLUMNS, if set, which may be older than the terminal's width
        with suppress(OSError):
            width = min(width, os.get_terminal_size(self._stream.fileno()).columns or width)
        return width - 1

    def show(self, line: Callable[[int], str], share: float | None = None, *, at_once: bool = False) -> None:
        """Show the line, which gets the number of columns. `share`, if known, is how much is done, from 0 to 1.

        Where it is not drawn, it is written only if nothing was for 10 s, or `at_once`.
        """
        if self._console is not None:
            self._draw(self._console, line(self.columns), share)
        elif at_once or time.monotonic() - self._shown_s >= PLAIN_EVERY_S:
            self.line(line(_WIDE))

    def line(self, text: str, style: str = "", level: Level | None = None) -> None:
        """Write a complete line in place of the live line."""
        self.restart()
        show_line(text, self._stream, style, level)

    def _draw(self, console: Console, text: str, share: float | None) -> None:
        global _live_on
        from rich.text import Text

        drawn = Text(text)
        room = min(_MAX_BAR, self.columns - len(text) - 2)
        if share is not None and room >= _MIN_BAR:
            mark = "-" if console.options.ascii_only else "━"
            done = round(room * max(0.0, min(share, 1.0)))
            drawn.append("  ").append(mark * done, "bar.complete").append(mark * (room - done), "bar.back")
        with console.capture() as capture:
            console.print(drawn, end="", soft_wrap=True)
        with _lock:
            self._stream.write(f"\r{_ERASE_BELOW}{_NO_WRAP}{capture.get()}{_WRAP}\r")
            self._stream.flush()
            _live_on = self._stream
