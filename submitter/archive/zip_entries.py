"""The members of a zip archive. Python's `zipfile` reads the format and verifies each member's checksum."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from functools import partial
from typing import IO

from submitter.archive.entry import Entry, Kind
from submitter.archive.limits import PATH_LIMIT_BYTES, Limits
from submitter.archive.refusal import Refusal, of_member

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 0x1
# A member's row in the directory at the end of the archive has 46 bytes and its name, twice if it is not ASCII.
_DIRECTORY_ROW_BYTES = 256


class _BoundedFile:
    """The archive as zipfile reads it: the directory at its end is read at once, and must not fill the memory."""

    def __init__(self, file: IO[bytes], limit_bytes: int) -> None:
        self._file = file
        self._limit_bytes = limit_bytes
        self.seek, self.tell, self.close = file.seek, file.tell, lambda: None

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size > self._limit_bytes:
            raise Refusal("its directory is larger than that of so many members may be")
        return self._file.read(size)


def zip_entries(file: IO[bytes], limits: Limits, archive_bytes: int) -> Iterator[Entry]:
    """Each member, in the order of the directory. Refusal, or an exception of zipfile, if one is not accepted."""
    bounded = _BoundedFile(file, max(1 << 20, limits.members * _DIRECTORY_ROW_BYTES))
    with zipfile.ZipFile(bounded) as archive:
        members = archive.infolist()
        limits.require_count(len(members))
        limits.require(sum(member.file_size for member in members), archive_bytes)
        _require_apart(members, archive.start_dir)
        for member in members:
            yield _entry(archive, member)


def _require_apart(members: list[zipfile.ZipInfo], end: int) -> None:
    """Refusal if two members share bytes: so a small archive becomes a large tree (a bomb of overlapping members)."""
    in_order = sorted(members, key=lambda member: member.header_offset)
    for member, next_at in zip(in_order, [*(after.header_offset for after in in_order[1:]), end], strict=True):
        if member.header_offset + _LOCAL_HEADER_BYTES + len(member.orig_filename) + member.compress_size > next_at:
            raise of_member(member.filename, "overlaps another one")


def _entry(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Entry:
    name, mode = member.orig_filename, member.external_attr >> 16  # `filename` ends at a NUL
    kind = stat.S_IFMT(mode)
    if member.flag_bits & _ENCRYPTED:
        raise of_member(name, "is encrypted with a password", "encrypt the whole archive with age instead")
    if member.compress_type not in _METHODS:
        raise of_member(name, "is compressed by another method than Deflate", "pack it again, with the usual settings")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise of_member(name, "is a device, a pipe or a socket")
    if name.endswith("/") or kind == stat.S_IFDIR:
        if member.file_size or not name.endswith("/"):
            raise of_member(name, "is a folder and a file at once")
        return Entry(name=name, kind=Kind.FOLDER)
    if kind == stat.S_IFLNK:
        if member.file_size > PATH_LIMIT_BYTES:
            raise of_member(name, "is a link with an enormous target")
        return Entry(name=name, kind=Kind.LINK, link_target=archive.read(member).decode("utf-8"))
    executable = bool(mode & stat.S_IXUSR)
    opened = partial(archive.open, member)
    return Entry(name=name, kind=Kind.FILE, size_bytes=member.file_size, is_executable=executable, opened=opened)
