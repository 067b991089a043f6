"""The members of a tar archive, read from the front.

Python's `tarfile` reads the format, and its filter for data (PEP 706) looks at each member. That filter refuses
absolute paths, paths and links that leave the folder, and devices. What it does not look at is refused by this package:
size, count, headers without end, sparse files, a missing end, content after the end, two members with one path, paths
through a link, links that lead out over other links, links that lead nowhere, names that mean more on other systems.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Self

from submitter.archive.entry import Entry, Kind
from submitter.archive.refusal import Refusal, of_member
from submitter.archive.streams import BoundedStream
from submitter.errors import NotInstalledError

_READ_AHEAD_BYTES = 1 << 16
_OWNER_EXECUTES = 0o100
_OTHER_KINDS = {
    tarfile.LNKTYPE: ("is a hard link", "pack the files themselves: tar --hard-dereference"),
    tarfile.CHRTYPE: ("is a device", ""),
    tarfile.BLKTYPE: ("is a device", ""),
    tarfile.FIFOTYPE: ("is a named pipe", ""),
}


class _StrictTarInfo(tarfile.TarInfo):
    """A header as tarfile reads it. tarfile takes a damaged or missing one for the archive's end: it is refused."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError:
            if buf == bytes(tarfile.BLOCKSIZE):  # the end
                raise
            what = "has a damaged header" if len(buf) == tarfile.BLOCKSIZE else "is cut short"
            raise Refusal(f"it {what}", "get it again") from None


def tar_entries(stream: BoundedStream, folder: Path) -> Iterator[Entry]:
    """Each member. `folder` is where they are unpacked. Refusal, or an exception of tarfile, if one is not accepted."""
    if not hasattr(tarfile, "data_filter"):
        raise NotInstalledError("unpacking tar needs Python 3.11.4 or newer", "use a newer Python, or pack it as zip")
    with tarfile.open(fileobj=stream, mode="r|", bufsize=_READ_AHEAD_BYTES, tarinfo=_StrictTarInfo) as tar:
        while (info := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # it would keep all of them
            if info.size < 0:
                raise of_member(info.name, "has a negative size")
            after = info.offset_data + info.size
            stream.require_room(after)
            stream.expect_member_at(after)
            yield _entry(tar, info, folder)
        assert tar.fileobj is not None
        while rest := tar.fileobj.read(_READ_AHEAD_BYTES):
            if rest.strip(b"\0"):
                raise Refusal("it has content after its end")


def _entry(tar: tarfile.TarFile, info: tarfile.TarInfo, folder: Path) -> Entry:
    name, executable = info.name, bool(info.mode & _OWNER_EXECUTES)
    if info.issparse():
        raise of_member(name, "is a sparse file", "pack it without --sparse")
    if info.type in _OTHER_KINDS:
        raise of_member(name, *_OTHER_KINDS[info.type])
    if info.isdir():
        found = Entry(name=name, kind=Kind.FOLDER)
    elif info.issym():
        found = Entry(name=name, kind=Kind.LINK, link_target=info.linkname)
    elif info.isreg():
        opened = partial(_content, tar, info)
        found = Entry(name=name, kind=Kind.FILE, size_bytes=info.size, is_executable=executable, opened=opened)
    else:
        raise of_member(name, "is of an unknown type")
    try:
        tarfile.data_filter(info, str(folder))
    except tarfile.FilterError as error:
        raise of_member(name, f"is refused by Python's filter for data: {type(error).__name__}") from None
    return found


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(info)
    assert content is not None  # it is a file
    return content
