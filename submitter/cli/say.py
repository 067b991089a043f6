"""What goes to a person: stdout is the report, stderr the conversation."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """A line to stderr, at once."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
