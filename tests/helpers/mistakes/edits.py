"""Edits of a campaign's files by their paths in its folder, so that a mistake is one expression."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from typing import Any

from ready_campaign import Ready

Edit = Callable[[Ready], object]


def replace(path: str, old: str, new: str) -> Edit:
    def edit(made: Ready) -> None:
        text = (made.folder / path).read_text()
        assert old in text, f"{path} has no {old!r}"
        (made.folder / path).write_text(text.replace(old, new, 1))

    return edit


def append(path: str, text: str) -> Edit:
    def edit(made: Ready) -> None:
        (made.folder / path).write_text((made.folder / path).read_text() + text)

    return edit


def write(path: str, content: str | bytes) -> Edit:
    def edit(made: Ready) -> None:
        (made.folder / path).write_bytes(content.encode() if isinstance(content, str) else content)

    return edit


def remove(path: str) -> Edit:
    def edit(made: Ready) -> None:
        target = made.folder / path
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink()

    return edit


def cut(path: str, keep: float = 0.5) -> Edit:
    """Leave only the first part of a file."""

    def edit(made: Ready) -> None:
        os.truncate(made.folder / path, int((made.folder / path).stat().st_size * keep))

    return edit


def flip(path: str, position: int) -> Edit:
    """Change one bit of a file."""

    def edit(made: Ready) -> None:
        content = bytearray((made.folder / path).read_bytes())
        content[position] ^= 1
        (made.folder / path).write_bytes(content)

    return edit


def fields(path: str, **changed: Any) -> Edit:
    """Set fields of a JSON file; `...` drops a field. A dash in a name is written `__`."""

    def edit(made: Ready) -> None:
        content = json.loads((made.folder / path).read_text())
        content |= {name.replace("__", "-"): value for name, value in changed.items()}
        left = {key: value for key, value in content.items() if value is not ...}
        (made.folder / path).write_text(json.dumps(left, indent=2))

    return edit


def folder_instead(path: str) -> Edit:
    def edit(made: Ready) -> None:
        (made.folder / path).unlink(missing_ok=True)
        (made.folder / path).mkdir()

    return edit


def all_of(*edits: Edit) -> Edit:
    def edit(made: Ready) -> None:
        for each in edits:
            each(made)

    return edit


def nothing(made: Ready) -> None:
    """The mistake is in the command or the machine."""
