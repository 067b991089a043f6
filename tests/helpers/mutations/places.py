"""Places to damage, drawn by chance, and files that are shared with other copies, read and written anew."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SCENARIOS = ("Offline", "Server", "Interactive", "SingleStream", "MultiStream")
WRONG: tuple[Any, ...] = (None, True, False, 0, 1, -1, 3.5, "", " ", "0", "x", "true", "TRUE", [], ["a"], {}, {"a": 1})


class Unfit(Exception):
    """There is nothing here that this mutation could change."""


def write(path: Path, data: str | bytes) -> None:
    """Write a file anew, whatever it is linked with."""
    path.unlink(missing_ok=True)
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogateescape")
    path.write_bytes(data)


def read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")


def pick(dice: random.Random, found: Sequence[Path]) -> Path:
    if not found:
        raise Unfit
    return dice.choice(sorted(found))


def files_of(root: Path, pattern: str = "*") -> list[Path]:
    return [path for path in root.rglob(pattern) if path.is_file() and not path.is_symlink()]


def lively_file(root: Path, dice: random.Random) -> Path:
    """A file of the submission; the code is only names, so it is left alone."""
    code = {root / "code", root / "src"}
    found = [path for path in files_of(root) if not code & set(path.parents)]
    return pick(dice, found)


def any_folder(root: Path, dice: random.Random) -> Path:
    return pick(dice, [path for path in root.rglob("*") if path.is_dir() and not path.is_symlink()])
