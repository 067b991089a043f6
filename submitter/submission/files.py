"""Reads the files of an untrusted folder: cached, limited in size, never outside the folder.

Whatever is wrong with a file is raised as `Unavailable`.
"""

from __future__ import annotations

import hashlib
import json
import operator
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

from submitter.errors import os_reason
from submitter.quoting import shown
from submitter.units import BYTES_PER_MIB

# At least ten times what published rounds hold (the largest: a detail log of 6 MB, an accuracy.txt of 95 kB), and small
# enough that a hostile file costs only seconds.
JSON_LIMIT_BYTES = 2 * BYTES_PER_MIB
TEXT_LIMIT_BYTES = 2 * BYTES_PER_MIB
LOG_LIMIT_BYTES = 64 * BYTES_PER_MIB
_HASH_CHUNK_BYTES = BYTES_PER_MIB
_name = operator.attrgetter("name")


class EntryKind(Enum):
    FILE = "file"
    FOLDER = "folder"
    OUTSIDE = "a symbolic link that leaves the tree or leads nowhere"
    LOOP = "a symbolic link to a folder that contains it"
    SPECIAL = "neither a file nor a folder"


class Unavailable(Exception):
    """Something is absent or unreadable. A rule that needs it is skipped, and another rule reports it."""

    def __init__(self, path: PurePosixPath | str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = str(path)
        self.reason = reason


class Unreadable(Unavailable):
    """The file exists, but its contents are not what its name says: rule STR002 reports it."""


@dataclass
class Files:
    """The files under `root`, addressed by paths relative to it. Names are case-sensitive; listings are cached."""

    root: Path
    left_out: frozenset[str] = frozenset()
    """Paths of files and folders that are taken as absent."""
    replaced: Mapping[str, bytes] = field(default_factory=dict)
    """Other contents for some files, by path."""

    def __post_init__(self) -> None:
        # Keyed by the folder's path as text: a check looks up a hundred thousand, and path objects are slow to split.
        self._scans: dict[str, list[tuple[os.DirEntry[str], EntryKind]]] = {}
        self._listings: dict[str, dict[str, EntryKind]] = {}
        self._root = os.fspath(self.root)
        self._real_root = os.path.realpath(self.root)
        self.opened: set[str] = set()
        self.unlisted: dict[str, str] = {}
        """The folders that were to be listed and cannot be, by path, each with the reason in words."""

    def afresh(self, kept: Iterable[PurePosixPath]) -> Files:
        """The same files with nothing read, and with the listings of these folders alone."""
        files = Files(self.root, self.left_out, self.replaced)
        for folder in map(str, kept):
            if folder in self._listings:
                files._listings[folder] = self._listings[folder]
        return files

    def listing(self, folder: PurePosixPath) -> dict[str, EntryKind]:
        """The names and kinds of a folder's entries, sorted by name; empty if the tree has no such folder."""
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
        """A folder's entries and their kinds, sorted by name; empty, and in `unlisted`, if it cannot be read."""
        known = self._scans.get(folder)
        if known is None:
            try:
                with os.scandir(f"{self._root}/{folder}") as listing:
                    entries = sorted(listing, key=_name)
                if self.left_out:
                    start = "" if folder == "." else f"{folder}/"
                    entries = [entry for entry in entries if f"{start}{entry.name}" not in self.left_out]
            except OSError as error:
                entries = []
                if not isinstance(error, FileNotFoundError):
                    self.unlisted[folder] = os_reason(error)
            known = self._scans[folder] = [(entry, self._kind_of(entry)) for entry in entries]
        return known

    def _kind_of(self, entry: os.DirEntry[str]) -> EntryKind:
        try:
            if entry.is_file(follow_symlinks=False):
                return EntryKind.FILE
            if entry.is_dir(follow_symlinks=False):
                return EntryKind.FOLDER
            if entry.is_symlink():
                real = os.path.realpath(entry.path)
                if not real.startswith(self._real_root + os.sep) or not os.path.exists(real):
                    return EntryKind.OUTSIDE
                if (os.path.realpath(os.path.dirname(entry.path)) + os.sep).startswith(real + os.sep):
                    return EntryKind.LOOP
            if entry.is_file():
                return EntryKind.FILE
            return EntryKind.FOLDER if entry.is_dir() else EntryKind.SPECIAL
        except OSError:
            return EntryKind.SPECIAL

    def kind(self, path: PurePosixPath) -> EntryKind | None:
        """The kind of entry at `path`; None if there is none."""
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
        """The names in a folder, in the order in which the file system lists them; empty if it is not a folder."""
        try:
            names = os.listdir(f"{self._root}/{folder}")
        except OSError:
            return []
        return [name for name in names if str(folder / name) not in self.left_out] if self.left_out else names

    def names(self, folder: PurePosixPath) -> list[str]:
        return [name for name, kind in self.listing(folder).items() if kind is EntryKind.FILE]

    def size(self, path: PurePosixPath) -> int:
        """The size of a file in bytes; Unavailable if the tree has no such file."""
        self._require_file(path)
        if (content := self.replaced.get(str(path))) is not None:
            return len(content)
        try:
            return os.stat(f"{self._root}/{path}").st_size
        except OSError as error:
            raise Unreadable(path, f"cannot be read: {os_reason(error)}") from None

    def _require_file(self, path: PurePosixPath) -> None:
        kind = self.kind(path)
        if kind is None:
            raise Unavailable(path, "is missing")
        if kind is not EntryKind.FILE:
            raise Unreadable(path, f"is {'a folder' if kind is EntryKind.FOLDER else kind.value}")

    def read(self, path: PurePosixPath, limit_bytes: int) -> bytes:
        """The bytes of a file; Unavailable if it is missing, Unreadable if it is not a file or exceeds the limit."""
        self._require_file(path)
        if (content := self.replaced.get(str(path))) is not None:
            self.opened.add(str(path))
            return content
        try:
            descriptor = os.open(f"{self._root}/{path}", os.O_RDONLY)
        except OSError as error:
            raise Unreadable(path, f"cannot be read: {os_reason(error)}") from None
        try:
            size = os.fstat(descriptor).st_size
            if size > limit_bytes:
                raise Unreadable(path, f"is too large for such a file: {size} bytes, expected at most {limit_bytes}")
            self.opened.add(str(path))
            return os.read(descriptor, size)
        except OSError as error:
            raise Unreadable(path, f"cannot be read: {os_reason(error)}") from None
        finally:
            os.close(descriptor)

    def text(self, path: PurePosixPath, limit_bytes: int) -> str:
        try:
            return self.read(path, limit_bytes).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unreadable(path, f"is not UTF-8 text (byte {error.start})") from None

    def json(self, path: PurePosixPath, limit_bytes: int) -> Any:
        """The JSON value in a file; Unreadable if the file is not JSON."""
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
        """The JSON object in a file; Unreadable if the file holds anything else."""
        value = self.json(path, limit_bytes)
        if not isinstance(value, dict):
            raise Unreadable(path, f"is not a JSON object but {shown(value)}")
        return value

    def sha256(self, path: PurePosixPath) -> str:
        self._require_file(path)
        if (content := self.replaced.get(str(path))) is not None:
            return hashlib.sha256(content).hexdigest()
        digest = hashlib.sha256()
        try:
            with open(f"{self._root}/{path}", "rb") as file:
                while chunk := file.read(_HASH_CHUNK_BYTES):
                    digest.update(chunk)
        except OSError as error:
            raise Unreadable(path, f"cannot be read: {os_reason(error)}") from None
        return digest.hexdigest()

    def walk(self, folder: PurePosixPath, limit: int) -> list[tuple[PurePosixPath, EntryKind]]:
        """All entries below a folder, at most `limit`; symbolic links to folders are not followed."""
        found: list[tuple[PurePosixPath, EntryKind]] = []
        pending = [folder]
        while pending and len(found) < limit:
            here = pending.pop()
            for entry, kind in self.scan(str(here)):
                path = here / entry.name
                found.append((path, kind))
                if kind is EntryKind.FOLDER and not entry.is_symlink():
                    pending.append(path)
        return found[:limit]
