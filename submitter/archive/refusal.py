"""Why an archive is not unpacked."""

from __future__ import annotations

from submitter.quoting import printable

_SHOWN_CHARACTERS = 100


class Refusal(Exception):
    """Something about an archive is not accepted. `extract` makes an InputError of it, with the archive's path."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint or "do not use this archive: ask its sender for another"


def of_member(name: str, reason: str, hint: str = "") -> Refusal:
    """The refusal because of one member; `reason` continues its name."""
    return Refusal(f"member {quoted(name)} {reason}", hint)


def quoted(path: str) -> str:
    """A member's path, safe to print, and its end left out if it is long."""
    return f"'{printable(path)}'" if len(path) <= _SHOWN_CHARACTERS else f"'{printable(path[:_SHOWN_CHARACTERS])}...'"
