"""What kind of archive a file is, and its content decompressed, within bounds."""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable
from typing import IO, Protocol

from submitter.archive.limits import Limits
from submitter.archive.refusal import Refusal

ZIP, TAR = "zip", "tar"
_CHUNK_BYTES = 1 << 16
# What `xz -9` needs is 65 MiB; the format allows 4 GiB.
_XZ_MEMORY_BYTES = 256 << 20
# Between two members: the headers of pax, which hold long names. Published trees need 1 KiB.
HEADER_LIMIT_BYTES = 1 << 20
_MAGICS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"PK\x03\x04": ZIP,
    b"PK\x05\x06": ZIP,  # an empty one
}
_OTHERS = {
    b"\x28\xb5\x2f\xfd": ("Zstandard", "zstd -d"),
    b"7z\xbc\xaf\x27\x1c": ("7z", "7z x"),
    b"Rar!": ("RAR", "unrar x"),
    b"]\0\0": ("LZMA", "unlzma"),
    b"\x1f\x9d": ("compress", "uncompress"),
}


def format_of(file: IO[bytes]) -> str:
    """What a file is by its first bytes: zip, tar, gzip, bzip2, xz; empty if it is none of these. Rewinds it.

    Refusal for another archive format, which Python does not read.
    """
    head = file.read(tarfile.BLOCKSIZE)
    file.seek(0)
    for magic, name in _MAGICS.items():
        if head.startswith(magic):
            return name
    for magic, (name, command) in _OTHERS.items():
        if head.startswith(magic):
            raise Refusal(f"it is in the format {name}, which is not read here", f"unpack it yourself, with {command}")
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return TAR if head == bytes(tarfile.BLOCKSIZE) else ""
    return TAR


class _Decompressor(Protocol):
    """What bz2 and lzma have, and `_Gzip`."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib's decompressor, which verifies gzip's checksum and length, with the interface of the others."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


_DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {
    "gzip": _Gzip,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES),
}


class _Decompressed:
    """A compressed file's content, read from the front.

    The file objects of gzip, bz2 and lzma would do it in fewer lines; but lzma's has no limit for memory, and two of
    them ignore what follows a stream. Several streams, one after the other, are one content: parallel compressors write
    them.
    """

    def __init__(self, file: IO[bytes], make: Callable[[], _Decompressor]) -> None:
        self._file = file
        self._make = make
        self._stream = make()

    def read(self, size: int) -> bytes:
        """At most `size` bytes, and none only at the end. EOFError if the file is cut short."""
        data = b""
        while True:
            if self._stream.eof:
                rest = self._stream.unused_data or self._file.read(_CHUNK_BYTES)
                while rest and not (rest := rest.lstrip(b"\0")):  # padding
                    rest = self._file.read(_CHUNK_BYTES)
                if not rest:
                    return b""
                self._stream, data = self._make(), rest
            elif self._stream.needs_input:
                data = self._file.read(_CHUNK_BYTES)
            is_last = self._stream.needs_input and not data
            if content := self._decompress(data, size):
                return content
            if is_last and not self._stream.eof:
                raise EOFError
            data = b""

    def _decompress(self, data: bytes, size: int) -> bytes:
        try:
            return self._stream.decompress(data, size)
        except lzma.LZMAError as error:
            if "Memory usage limit" in str(error):
                reason = f"it takes more than {_XZ_MEMORY_BYTES >> 20} MiB of memory to decompress"
                raise Refusal(reason, "compress it with xz -9 or less") from None
            raise


class _Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class BoundedStream(io.RawIOBase):
    """The content of a tar archive, read from the front. Refusal where it becomes larger than it may."""

    def __init__(self, file: IO[bytes], archive_format: str, limits: Limits, archive_bytes: int) -> None:
        make = _DECOMPRESSORS.get(archive_format)
        self._source: _Source = _Decompressed(file, make) if make else file
        self._limits, self._archive_bytes = limits, archive_bytes
        self._position = 0
        self._next_member = 0

    def expect_member_at(self, position: int) -> None:
        """Where the next member's header begins: soon after it must be the content, or another header after it."""
        self._next_member = position

    def require_room(self, position: int) -> None:
        """Refusal if the content may not reach this position."""
        self._limits.require(position, self._archive_bytes)

    def read(self, size: int = -1, /) -> bytes:
        content = self._source.read(size)
        self._position += len(content)
        self.require_room(self._position)
        if self._position > self._next_member + HEADER_LIMIT_BYTES + size:  # tarfile reads ahead by one `size`
            raise Refusal(f"a member's headers are larger than {HEADER_LIMIT_BYTES} bytes")
        return content
