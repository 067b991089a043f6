"""Untrusted text and values, made safe to print in a message."""

from __future__ import annotations

_MAX_TEXT = 300


def printable(text: str) -> str:
    """Untrusted text, safe to print: one line, limited in length, no control characters, no lone surrogates."""
    if len(text) > _MAX_TEXT:
        text = text[: _MAX_TEXT - 3] + "..."
    if text.isascii() and text.isprintable():
        return text
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def shown(value: object) -> str:
    """A value from untrusted JSON, as a finding shows it: limited in length, and never a nested structure."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return f"an object of {len(value)} keys"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"'{value[:_MAX_TEXT]}'"
    try:
        return str(value)[:_MAX_TEXT]
    except ValueError:  # Python refuses to print integers of thousands of digits
        return "an enormous number"
