"""Reading a stranger's folder: bounded, cached, never raising, never leaving it."""

from __future__ import annotations

import hashlib
import json
import operator
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

_MB = 1 << 20
# Ten times and more what published rounds hold (the largest: a detail log of 6 MB, an accuracy.txt of 95 kB), and
# little enough that a hostile file costs seconds.
JSON_LIMIT_BYTES = 2 * _MB
TEXT_LIMIT_BYTES = 2 * _MB
LOG_LIMIT_BYTES = 64 * _MB
_HASH_CHUNK_BYTES = _MB
_name = operator.attrgetter("name")


class EntryKind(Enum):
    FILE = "file"
    FOLDER = "folder"
    OUTSIDE = "a symbolic link that leaves the tree or leads nowhere"
    SPECIAL = "neither a file nor a folder"


class Unavailable(Exception):
    """A rule asked for something that is absent or unreadable: the rule is skipped, and another one reports it."""

    def __init__(self, path: PurePosixPath | str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = str(path)
        self.reason = reason


class Unreadable(Unavailable):
    """The file is there, but it is not what it should be: rule STR002 reports it."""


@dataclass
class Files:
    """The files under `root`, addressed by paths relative to it. Listings are case-sensitive and cached."""

    root: Path

    def __post_init__(self) -> None:
        # By the folder's path as text: a check asks some hundred thousand times, and paths are slow to take apart.
        self._scans: dict[str, list[tuple[os.DirEntry[str], EntryKind]]] = {}
        self._listings: dict[str, dict[str, EntryKind]] = {}
        self._root = os.fspath(self.root)
        self._real_root = os.path.realpath(self.root)
        self.opened: set[str] = set()

    def listing(self, folder: PurePosixPath) -> dict[str, EntryKind]:
        """Name to kind of a folder's entries, sorted; empty if it is no folder of this tree."""
        return self._listing(str(folder))

    def _listing(self, folder: str) -> dict[str, EntryKind]:
        known = self._listings.get(folder)
        if known is None:
            known = self._listings[folder] = self._list(folder)
        return known

    def _list(self, folder: str) -> dict[str, EntryKind]:
        if folder != "." and self._kind(folder) is not EntryKind.FOLDER:
            return {}
        return {entry.name: kind for entry, kind in self.scan(folder)}

    def scan(self, folder: str) -> list[tuple[os.DirEntry[str], EntryKind]]:
        """The entries of a folder of this tree and what they are, sorted by name; none where it cannot be read."""
        known = self._scans.get(folder)
        if known is None:
            try:
                with os.scandir(f"{self._root}/{folder}") as listing:
                    entries = sorted(listing, key=_name)
            except OSError:
                entries = []
            known = self._scans[folder] = [(entry, self._kind_of(entry)) for entry in entries]
        return known

    def _kind_of(self, entry: os.DirEntry[str]) -> EntryKind:
        try:
            if entry.is_symlink():
                real = os.path.realpath(entry.path)
                if not real.startswith(self._real_root + os.sep) or not os.path.exists(real):
                    return EntryKind.OUTSIDE
            if entry.is_file():
                return EntryKind.FILE
            return EntryKind.FOLDER if entry.is_dir() else EntryKind.SPECIAL
        except OSError:
            return EntryKind.SPECIAL

    def kind(self, path: PurePosixPath) -> EntryKind | None:
        """What lies at `path`, or None if nothing does."""
        return self._kind(str(path))

    def _kind(self, path: str) -> EntryKind | None:
        if path == ".":
            return EntryKind.FOLDER
        folder, _, name = path.rpartition("/")
        return self._listing(folder or ".").get(name)

    def exists(self, path: PurePosixPath) -> bool:
        return self.kind(path) in (EntryKind.FILE, EntryKind.FOLDER)

    def folders(self, folder: PurePosixPath) -> list[str]:
        return [name for name, kind in self.listing(folder).items() if kind is EntryKind.FOLDER]

    def as_stored(self, folder: PurePosixPath) -> list[str]:
        """The names in a folder, in the order in which the file system lists them; empty if it is none."""
        try:
            return os.listdir(f"{self._root}/{folder}")
        except OSError:
            return []

    def names(self, folder: PurePosixPath) -> list[str]:
        return [name for name, kind in self.listing(folder).items() if kind is EntryKind.FILE]

    def size(self, path: PurePosixPath) -> int:
        """Bytes of a file; Unavailable if it is none of this tree."""
        self._require_file(path)
        try:
            return os.stat(f"{self._root}/{path}").st_size
        except OSError as error:
            raise Unreadable(path, error.strerror or "cannot be read") from None

    def _require_file(self, path: PurePosixPath) -> None:
        kind = self.kind(path)
        if kind is None:
            raise Unavailable(path, "is missing")
        if kind is not EntryKind.FILE:
            raise Unreadable(path, f"is {'a folder' if kind is EntryKind.FOLDER else kind.value}")

    def read(self, path: PurePosixPath, limit_bytes: int) -> bytes:
        """A file's bytes; Unavailable if it is missing, Unreadable if it is no file or larger than the limit."""
        self._require_file(path)
        try:
            descriptor = os.open(f"{self._root}/{path}", os.O_RDONLY)
        except OSError as error:
            raise Unreadable(path, error.strerror or "cannot be read") from None
        try:
            size = os.fstat(descriptor).st_size
            if size > limit_bytes:
                told = f"{size} bytes, expected at most {limit_bytes}"
                raise Unreadable(path, f"is too large to be what it is named: {told}")
            self.opened.add(str(path))
            return os.read(descriptor, size)
        except OSError as error:
            raise Unreadable(path, error.strerror or "cannot be read") from None
        finally:
            os.close(descriptor)

    def text(self, path: PurePosixPath, limit_bytes: int) -> str:
        try:
            return self.read(path, limit_bytes).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unreadable(path, f"is not UTF-8 text (byte {error.start})") from None

    def json(self, path: PurePosixPath, limit_bytes: int) -> Any:
        """The JSON of a file; Unreadable where it holds anything else."""
        text = self.text(path, limit_bytes)
        if not text.strip():
            raise Unreadable(path, "is empty")
        try:
            return json.loads(text)
        except RecursionError:
            raise Unreadable(path, "is nested too deeply") from None
        except ValueError as error:
            raise Unreadable(path, f"is not JSON: {error}") from None

    def json_object(self, path: PurePosixPath, limit_bytes: int) -> dict[str, Any]:
        """The JSON object of a file; Unreadable where it holds anything else."""
        value = self.json(path, limit_bytes)
        if not isinstance(value, dict):
            raise Unreadable(path, f"holds no JSON object but a {type(value).__name__}")
        return value

    def sha256(self, path: PurePosixPath) -> str:
        self._require_file(path)
        digest = hashlib.sha256()
        try:
            with open(f"{self._root}/{path}", "rb") as file:
                while chunk := file.read(_HASH_CHUNK_BYTES):
                    digest.update(chunk)
        except OSError as error:
            raise Unreadable(path, error.strerror or "cannot be read") from None
        return digest.hexdigest()

    def walk(self, folder: PurePosixPath, limit: int) -> list[tuple[PurePosixPath, EntryKind]]:
        """Everything below a folder, symbolic links to folders not entered; at most `limit` entries."""
        found: list[tuple[PurePosixPath, EntryKind]] = []
        pending = [folder]
        while pending and len(found) < limit:
            here = pending.pop()
            for name, kind in self.listing(here).items():
                path = here / name
                found.append((path, kind))
                if kind is EntryKind.FOLDER and not (self.root / path).is_symlink():
                    pending.append(path)
        return found[:limit]
