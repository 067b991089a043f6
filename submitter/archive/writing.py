"""Writes an archive, a gzipped tar, with the same bytes whenever, wherever and by whomever it is written.

What else would differ is fixed: the time of each member and of the gzip header, owner and group, the file name in the
gzip header. Of the permissions only one remains: whether the owner may execute the file, as in git. Folders, links and
devices are not members. The compressor is the zlib of this Python: another zlib may compress the same archive to other
bytes.

The format is pax (POSIX.1-2001): plain ustar, with an extra header only for a path that ustar cannot hold, which is one
of more than 256 bytes or outside of ASCII. GNU's format would do, but is not a standard.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from submitter.errors import InputError, RunError, from_os_error
from submitter.quoting import printable
from submitter.scratch import temporary_beside

# On 510 MB of a published round, with one CPU: level 1 gives 51.6 MB in 2.6 s, 6 gives 41.0 MB in 4.9 s, and 9 gives
# 39.7 MB in 15.6 s.
_LEVEL = 6
# 1 January 1980, before which ZIP has no times: some programs warn of an older one.
_TIME_S = 315_532_800
_CHUNK_BYTES = 1 << 20


def _unseen(size_bytes: int) -> None:
    """For callers who want no progress."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file of an archive."""

    name: str
    """Its path in the archive, with `/` between the parts."""
    content: Path | bytes
    """The file that has the content, or the content itself."""
    size_bytes: int
    sha256: str
    """Of the content, in hexadecimal: a file that has another one meanwhile is not archived."""
    is_executable: bool = False

    @classmethod
    def of_bytes(cls, name: str, content: bytes) -> Member:
        """A member with this content."""
        return cls(name=name, content=content, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def write_archive(target: Path, members: Iterable[Member], on_progress: Callable[[int], None] = _unseen) -> str:
    """Write the members in this order. `target` is whole or does not exist; it is replaced. Returns its SHA-256.

    `on_progress` is called with the size of each member that was written. InputError if a file cannot be read, was
    changed, or the target cannot be written; RunError if the disk is full.
    """
    partial = temporary_beside(target)
    try:
        with errors_at(target, partial):
            with partial.open("w+b") as file:
                write_into(file, members, on_progress)
                os.fsync(file.fileno())
                file.seek(0)
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return sha256


def write_into(file: IO[bytes], members: Iterable[Member], on_progress: Callable[[int], None] = _unseen) -> None:
    """Write the members as an archive into an open file. OSError if it takes no more."""
    compressed = gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=_LEVEL, mtime=0)
    with compressed, tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            _add(tar, member)
            on_progress(member.size_bytes)
    file.flush()


@contextmanager
def errors_at(target: Path, partial: Path | None = None) -> Iterator[None]:
    """What the system refuses, in words: at `target`, where it names no file or the partial one that becomes it."""
    try:
        yield
    except OSError as error:
        if error.filename is None or error.filename == str(partial):
            error.filename, error.filename2 = str(target), None
        refused = from_os_error(error)
        if isinstance(refused, RunError):
            refused = RunError(refused.message, "free some space, or write to another file system: --output")
        raise refused from None


def _add(tar: tarfile.TarFile, member: Member) -> None:
    info = tarfile.TarInfo(member.name)
    info.size, info.mtime = member.size_bytes, _TIME_S
    info.mode = 0o755 if member.is_executable else 0o644
    opened = io.BytesIO(member.content) if isinstance(member.content, bytes) else member.content.open("rb")
    with closing(opened):
        content = _Hashed(opened)
        tar.addfile(info, content)
    if content.sha256 != member.sha256:
        message = f"{printable(member.name)} changed while it was packed"
        raise InputError(message, "end what writes to it, and run it again")


class _Hashed:
    """A file that is hashed while it is read; where it is shorter than announced, it goes on with zeros."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        content = self._file.read(size)
        self._digest.update(content)
        return content.ljust(size, b"\0")  # tarfile fails on a short file with an error that names nothing

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()
