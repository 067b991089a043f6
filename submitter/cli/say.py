"""Messages to the user go to stderr; stdout is for reports. --quiet shows only warnings and errors of the messages."""

from __future__ import annotations

import codecs
import io
import sys

from submitter.console import Level, show_line

# What our own texts use beyond ASCII, and what stands for it where the output cannot show it.
_PLAIN = {"✓": "+", "✗": "x", "→": "->", "…": "...", "·": "-", "×": "x", "–": "-", "—": "-", "≥": ">=", "≤": "<="}
_HANDLER = "submitter.plain"


def say(text: str, style: str = "") -> None:
    """A line to stderr, at once; on a terminal in a style of rich's."""
    show_line(text, sys.stderr, style)


def say_error(text: str) -> None:
    """A line that --quiet shows, too."""
    show_line(text, sys.stderr, level=Level.WARNING)


def detail(text: str) -> None:
    """A line that only --verbose shows; it is always in a campaign's log."""
    show_line(text, sys.stderr, level=Level.DETAIL)


def accept_every_character() -> None:
    """Let stdout and stderr accept every character: one that their encoding lacks is replaced, not an error."""
    codecs.register_error(_HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _plain(error: UnicodeError) -> tuple[str, int]:
    """The replacement for what cannot be encoded; other characters as JSON escapes them, so that JSON stays valid."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_shown, error.object[error.start : error.end])), error.end


def _shown(character: str) -> str:
    if character in _PLAIN:
        return _PLAIN[character]
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
