"""A terminal for tests: a file that is one, and the screen that is seen after what was written to it.

The screen is that of a terminal that wraps its lines anew when its width changes, as most do. It knows the few commands
that `submitter` gives; any other is an error of the test, because nobody knows then what would be seen.
"""

from __future__ import annotations

import io
import re

_PIECES = re.compile(r"\x1b\[[?\d;]*[A-Za-z]|\x1b.|\r|\n|[^\x1b\r\n]+")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


class Screen:
    """Lines as they were written; a line that is longer than the terminal takes several rows."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.wraps = True
        self._lines = [""]
        self._line = self._column = 0

    def feed(self, text: str) -> None:
        for piece in _PIECES.findall(text):
            if piece == "\n":
                self._line += 1
                self._lines += [""] * (self._line + 1 - len(self._lines))
                self._column = 0
            elif piece == "\r":  # to the beginning of the row, not of the line
                self._column -= self._column % self.columns
            elif piece == "\x1b[J":
                self._lines[self._line :] = [self._lines[self._line][: self._column]]
            elif piece in ("\x1b[?7l", "\x1b[?7h"):
                self.wraps = piece.endswith("h")
            elif piece.startswith("\x1b"):
                assert _COLOUR.fullmatch(piece), f"the test's terminal does not know {piece!r}"
            else:
                self._write(piece)

    def _write(self, text: str) -> None:
        line = self._lines[self._line].ljust(self._column)
        if not self.wraps and len(text) > self.columns - self._column:
            text = text[: self.columns - self._column - 1] + text[-1]
        self._lines[self._line] = line[: self._column] + text + line[self._column + len(text) :]
        self._column += len(text)
        if not self.wraps:
            self._column = min(self._column, self.columns - 1)

    @property
    def rows(self) -> list[str]:
        """What is seen, without empty rows."""
        rows = [
            line[start : start + self.columns]
            for line in self._lines
            for start in range(0, max(len(line), 1), self.columns)
        ]
        return [row.rstrip() for row in rows if row.strip()]


class Terminal(io.StringIO):
    """A file that is a terminal, and its screen."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.screen = Screen(columns)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def write(self, text: str) -> int:
        self.screen.feed(text)
        return super().write(text)


def frames(text: str) -> list[str]:
    """Each state of the live line, without colours."""
    return [_COLOUR.sub("", frame) for frame in re.findall(r"\x1b\[\?7l(.*?)\x1b\[\?7h", text)]
