"""Messages to the user go to stderr; stdout is for reports."""

from __future__ import annotations

import sys

from submitter.console import show_line


def say(text: str, style: str = "") -> None:
    """A line to stderr, at once; on a terminal in a style of rich's."""
    show_line(text, sys.stderr, style)
