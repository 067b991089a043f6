"""How much of the disk files and folders use. Links are never followed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_BLOCK_BYTES = 512  # the unit of `st_blocks`, whatever the file system's own


def used_bytes(path: Path) -> int:
    """What a file, or a folder with everything in it, uses of the disk. What cannot be read counts as nothing."""
    return sum(own_bytes(each) for each in (path, *entries(path)))


def entries(folder: Path) -> Iterator[Path]:
    """Everything below a folder, each before the folder that it is in. A link is an entry, whatever it leads to."""
    for parent, folders, files in os.walk(folder, topdown=False):  # which follows no link
        yield from (Path(parent, name) for name in (*files, *folders))


def own_bytes(path: Path) -> int:
    """What a file, a link or a folder uses itself; nothing if it is gone."""
    try:
        return path.lstat().st_blocks * _BLOCK_BYTES
    except OSError:
        return 0
