"""Where a submission begins: the folder that holds the divisions, found from any folder that someone names."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from submitter.errors import InputError
from submitter.model import Division

_DIVISIONS = frozenset(division.value for division in Division)


def find_root(path: Path) -> tuple[Path, PurePosixPath]:
    """The folder that holds the divisions, and `path` relative to it (`.` where they are the same or below).

    InputError where `path` is no submission, holds none and lies in none.
    """
    if not path.is_dir():
        raise InputError(f"{path} is no folder" if path.exists() else f"{path} does not exist", "name a submission")
    if _holds_divisions(path):
        return path, PurePosixPath()
    try:
        inside = sorted(folder for folder in path.iterdir() if folder.is_dir() and _holds_divisions(folder))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if len(inside) == 1:
        return inside[0], PurePosixPath()
    if inside:
        names = ", ".join(folder.name for folder in inside)
        raise InputError(f"{path} holds several submissions: {names}", "name one of them")
    absolute = path.absolute()
    for folder in (absolute, *absolute.parents):
        if folder.name in _DIVISIONS:
            return folder.parent, PurePosixPath(absolute.relative_to(folder.parent).as_posix())
    raise InputError(f"{path} holds no submission", "the folder of a submission holds closed/, open/ or network/")


def from_here(root: Path) -> str:
    """A folder as it is spelled from the working directory; empty where it is that, or lies outside of it."""
    try:
        spelled = Path(os.path.relpath(root)).as_posix()
    except ValueError:  # another drive
        return ""
    return "" if spelled == "." or spelled.split("/")[0] == ".." else spelled


def _holds_divisions(folder: Path) -> bool:
    return any((folder / division).is_dir() for division in _DIVISIONS)
