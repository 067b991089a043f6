"""Finds a submission's root, the folder that holds the divisions, from any folder around it or in it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from submitter.errors import InputError, from_os_error
from submitter.model import Division

_DIVISIONS = frozenset(division.value for division in Division)


def find_root(path: Path, named: Path | None = None) -> tuple[Path, PurePosixPath]:
    """The folder that holds the divisions, and `path` relative to it (`.` if `path` is that folder or contains it).

    InputError if `path` is not a submission, and neither holds one nor is in one. It says `named` instead of `path`.
    """
    name = named or path
    if not path.is_dir():
        reason = "is not a folder" if path.exists() else "does not exist"
        raise InputError(f"{name} {reason}", "give the folder of a submission, or an archive to check or score")
    if _holds_divisions(path):
        return path, PurePosixPath()
    try:
        inside = sorted(folder for folder in path.iterdir() if folder.is_dir() and _holds_divisions(folder))
    except OSError as error:
        raise from_os_error(error, path) from None
    if len(inside) == 1:
        return inside[0], PurePosixPath()
    if inside:
        names = ", ".join(folder.name for folder in inside)
        raise InputError(f"{name} holds several submissions: {names}", "give the folder of one of them")
    absolute = path.absolute()
    for folder in (absolute, *absolute.parents):
        if folder.name in _DIVISIONS:
            return folder.parent, PurePosixPath(absolute.relative_to(folder.parent).as_posix())
    raise InputError(f"{name} holds no submission", "a submission is a folder that holds closed/, open/ or network/")


def relative_to_working_directory(folder: Path) -> str:
    """A folder's path from the working directory; empty if it is that directory, or outside of it."""
    try:
        path = Path(os.path.relpath(folder)).as_posix()
    except ValueError:  # another drive
        return ""
    return "" if path == "." or path.split("/")[0] == ".." else path


def _holds_divisions(folder: Path) -> bool:
    return any((folder / division).is_dir() for division in _DIVISIONS)
