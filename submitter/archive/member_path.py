"""Which paths of members are accepted: those that name one place below the folder, the same one on every system."""

from __future__ import annotations

import re

from submitter.archive.limits import DEPTH_LIMIT, NAME_LIMIT_BYTES, PATH_LIMIT_BYTES
from submitter.archive.refusal import of_member

_DRIVE = re.compile(r"[A-Za-z]:")


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a member's path, without `.`; none for the folder itself. Refusal if it is not accepted."""
    _require_plain(name, name, "")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise of_member(name, "has .. in its path")
    if len(parts) > DEPTH_LIMIT:
        raise of_member(name, f"is more than {DEPTH_LIMIT} folders deep")
    return parts


def require_link_inside(name: str, folder: tuple[str, ...], target: str) -> None:
    """Refusal if a link's target is absolute, or leaves the folder before any other link is followed."""
    _require_plain(name, target, "is a link to a path that ")
    depth = len(folder)
    for part in target.split("/"):
        depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
        if depth < 0:
            raise of_member(name, "is a link that leads out of the archive")


def _require_plain(name: str, path: str, start: str) -> None:
    """Refusal if a path is not relative, or cannot be written down on every system. `start` begins the reason."""
    for is_wrong, reason in (
        (not path, "is empty"),
        (path.startswith("/"), "is absolute"),
        ("\\" in path, "has a backslash, which separates folders on Windows"),
        (_DRIVE.match(path), "begins with a drive letter"),
        (not path.isprintable(), "has characters that cannot be printed"),
    ):
        if is_wrong:
            raise of_member(name, f"{start}{reason}")
    encoded = path.encode("utf-8")  # printable, so without lone surrogates
    if len(encoded) > PATH_LIMIT_BYTES or any(len(part) > NAME_LIMIT_BYTES for part in encoded.split(b"/")):
        raise of_member(name, f"{start}is too long")
