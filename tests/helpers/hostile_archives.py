"""Archives that must not be unpacked, each made in a few lines, and the table of them in docs/reliability.md.

`python -m hostile_archives` (PYTHONPATH=tests/helpers:.) writes the table again, from what `extract` says of each.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from submitter.archive.extraction import extract
from submitter.archive.limits import Limits
from submitter.errors import SubmitterError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = (
    "<!-- hostile archives: begin, made by tests/helpers/hostile_archives.py -->",
    "<!-- hostile archives: end -->",
)
GOOD = b"a result\n"


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """One archive and why it is refused."""

    what: str
    make: Callable[[Path], object]
    says: str
    """A part of the one line."""
    limits: Limits | None = None
    identity: bool = False
    """Whether it is encrypted, to the key in `key.txt` beside it."""


def member(name: str, content: bytes = GOOD, **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def link(name: str, target: str, type: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, b"", type=type, linkname=target)


def tar_bytes(*members: tuple[tarfile.TarInfo, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of the members; a member's size may be another than that of its content."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=format) as archive:
        for info, content in members:
            made.write(info.tobuf(format, "utf-8", "surrogateescape"))
            made.write(content + bytes(-len(content) % 512))
            archive.offset = made.tell()
    return made.getvalue()


def tar(*members: tuple[tarfile.TarInfo, bytes], format: int = tarfile.PAX_FORMAT) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(tar_bytes(*members, format=format))


def raw(make: Callable[[], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(make())


def zip_bytes(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for info, content in members:
            archive.writestr(info, content)
    return made.getvalue()


def special(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def zipped(
    *members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> Callable[[Path], object]:
    return raw(lambda: zip_bytes(*members, method=method))


def patched(content: bytes, *changes: tuple[bytes, bytes]) -> bytes:
    for old, new in changes:
        assert old in content
        content = content.replace(old, new)
    return content


def flipped(content: bytes, at: int) -> bytes:
    at %= len(content)
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def overlapping() -> bytes:
    """A thousand members that are one: every row of the directory leads to the same content."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0", bytes(100_000))
        (first,) = archive.infolist()
        for number in range(1, 1000):
            info = zipfile.ZipInfo(str(number))
            for field in ("compress_type", "CRC", "compress_size", "file_size", "header_offset", "flag_bits"):
                setattr(info, field, getattr(first, field))
            archive.filelist.append(info)
        archive.start_dir = made.tell()
    return made.getvalue()


def large_in_directory() -> bytes:
    """A zip whose directory says 21 GB of the one member."""
    content = zip_bytes(("a", GOOD))
    at = content.index(b"PK\1\2")
    zip64 = struct.pack("<HHQ", 1, 8, 21_000_000_000)
    row = bytearray(content[at : at + 47])
    row[24:28], row[30:32] = b"\xff\xff\xff\xff", struct.pack("<H", len(zip64))
    end = bytearray(content[content.index(b"PK\5\6") :])
    end[12:16] = struct.pack("<I", len(row) + len(zip64))
    return content[:at] + bytes(row) + zip64 + bytes(end)


def hungry_xz() -> bytes:
    """An xz whose header asks for a dictionary of 4 GiB."""
    content = lzma.compress(tar_bytes(member("a")))
    size = (content[12] + 1) * 4
    header = bytearray(content[12 : 12 + size])
    header[header.index(b"\x21\x01") + 2] = 40
    header[-4:] = struct.pack("<I", zlib.crc32(header[:-4]))
    return content[:12] + bytes(header) + content[12 + size :]


def sealed(content: bytes, change: Callable[[bytes], bytes] = bytes) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        pyrage = pytest.importorskip("pyrage")
        identity = pyrage.x25519.Identity.generate()
        key = path.with_name("key.txt")
        key.write_text(str(identity))
        key.chmod(0o600)
        path.write_bytes(change(pyrage.encrypt(content, [identity.to_public()])))

    return make


TWO = tar_bytes(member("a"), member("b"))
LARGE_PAX = {"comment": "x" * (2 << 20)}
SPARSE = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 20), "GNU.sparse.name": "a"}
CASES = [
    Hostile(what="an absolute path", make=tar(member("/etc/cron.d/x")), says="'/etc/cron.d/x' is absolute"),
    Hostile(what="a path out of the folder", make=tar(member("../x")), says="'../x' has .. in its path"),
    Hostile(what="the same, from further inside", make=tar(member("a/../../x")), says="has .. in its path"),
    Hostile(what="a drive of Windows", make=tar(member("C:/x")), says="'C:/x' begins with a drive letter"),
    Hostile(
        what="Windows' separators",
        make=tar(member("..\\x")),
        says="has a backslash, which separates folders on Windows",
    ),
    Hostile(
        what="a NUL in the name",
        make=tar(member("a", pax_headers={"path": "a\0b"})),
        says="has characters that cannot be printed",
    ),
    Hostile(
        what="an escape sequence of a terminal",
        make=tar(member("a\x1b[2J")),
        says="has characters that cannot be printed",
    ),
    Hostile(
        what="a name that is not UTF-8",
        make=tar(member("a\udcff"), format=tarfile.GNU_FORMAT),
        says="has characters that cannot be printed",
    ),
    Hostile(what="a file without a name", make=tar(member("")), says="is empty"),
    Hostile(what="the folder itself as a file", make=tar(member("./.")), says="has no name"),
    Hostile(
        what="a path of 2,000 bytes",
        make=tar(member("x/" * 1000 + "a", pax_headers={"path": "x/" * 1000 + "a"})),
        says="is too long",
    ),
    Hostile(what="a name of 256 bytes", make=tar(member("é" * 128)), says="is too long"),
    Hostile(
        what="65 folders, one in the other", make=tar(member("x/" * 65 + "a")), says="is more than 64 folders deep"
    ),
    Hostile(
        what="a link to an absolute path", make=tar(link("a", "/etc")), says="is a link to a path that is absolute"
    ),
    Hostile(
        what="a link out of the folder", make=tar(link("a", "../..")), says="is a link that leads out of the archive"
    ),
    Hostile(
        what="a link out over another link",
        make=tar(member("c/x"), link("a/b/l", "../../c"), link("x", "a/b/l/../..")),
        says="is a link that leads out of the archive over another link",
    ),
    Hostile(
        what="a file through a link",
        make=tar(member("c/x"), link("d", "c"), member("d/y")),
        says="'d/y' is in 'd', which is a symbolic link in this archive",
    ),
    Hostile(
        what="a link in the place of a folder",
        make=tar(member("d/x"), link("d", "c")),
        says="'d' has the path of 'd', which is a folder in this archive",
    ),
    Hostile(what="a link to nothing", make=tar(member("a"), link("l", "b")), says="leads nowhere or in a circle"),
    Hostile(
        what="two links to each other", make=tar(link("a", "b"), link("b", "a")), says="leads nowhere or in a circle"
    ),
    Hostile(
        what="a link to its own folder",
        make=tar(member("d/x"), link("d/l", "../d")),
        says="is a link to a folder that it is in",
    ),
    Hostile(
        what="a chain of 41 links",
        make=tar(member("0"), *(link(str(number), str(number - 1)) for number in range(1, 42))),
        says="leads nowhere or in a circle",
    ),
    Hostile(
        what="1,001 links",
        make=tar(*(link(str(number), "0") for number in range(1, 1002))),
        says="it has more than 1000 links",
    ),
    Hostile(
        what="a hard link to a file of the system",
        make=tar(link("a", "/etc/passwd", tarfile.LNKTYPE)),
        says="is a hard link",
    ),
    Hostile(
        what="a hard link in the archive", make=tar(member("a"), link("b", "a", tarfile.LNKTYPE)), says="is a hard link"
    ),
    Hostile(
        what="a device", make=tar(member("a", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3)), says="is a device"
    ),
    Hostile(what="a disk", make=tar(member("a", b"", type=tarfile.BLKTYPE, devmajor=8)), says="is a device"),
    Hostile(what="a named pipe", make=tar(member("a", b"", type=tarfile.FIFOTYPE)), says="is a named pipe"),
    Hostile(what="an unknown type", make=tar(member("a", b"", type=b"Z")), says="is of an unknown type"),
    Hostile(
        what="a socket in a zip",
        make=zipped((special("a", stat.S_IFSOCK | 0o644), b"")),
        says="is a device, a pipe or a socket",
    ),
    Hostile(what="one path twice", make=tar(member("a"), member("./a", b"another")), says="'./a' is there twice"),
    Hostile(
        what="two names that differ by case",
        make=tar(member("README.md"), member("Readme.md")),
        says="has the path of 'README.md' where upper and lower case are the same",
    ),
    Hostile(
        what="two names that differ by their Unicode form",
        make=tar(member("é"), member(unicodedata.normalize("NFD", "é"))),
        says="has the path of 'é' where upper and lower case are the same",
    ),
    Hostile(
        what="a file in a file",
        make=tar(member("a"), member("a/b")),
        says="'a/b' is in 'a', which is a file in this archive",
    ),
    Hostile(
        what="a file in the place of a folder",
        make=tar(member("a/b"), member("a")),
        says="'a' has the path of 'a', which is a folder in this archive",
    ),
    Hostile(
        what="a bomb: 2 GB in a few bytes",
        make=raw(lambda: gzip.compress(tar_bytes(member("a", b"", size=2_000_000_000)))),
        says="it unpacks to more than 300 times its size, as bombs do",
    ),
    Hostile(what="21 GB", make=tar(member("a", b"", size=21_000_000_000)), says="it unpacks to more than 20 GB"),
    Hostile(what="21 GB in a zip", make=raw(large_in_directory), says="it unpacks to more than 20 GB"),
    Hostile(
        what="a bomb of small files (the limit lowered to 10)",
        make=raw(lambda: gzip.compress(tar_bytes(*(member(f"{n}") for n in range(11))))),
        says="it has more than 10 members",
        limits=Limits(members=10),
    ),
    Hostile(
        what="a bomb of folders above one file (the limit lowered to 10)",
        make=tar(member("a/b/c/d/e/f/g/h/i/j/k")),
        says="it has more than 10 members",
        limits=Limits(members=10),
    ),
    Hostile(what="a zip bomb of overlapping members", make=raw(overlapping), says="overlaps another one"),
    Hostile(
        what="a sparse file of 1 MB in 1 byte", make=tar(member("a", b"x", pax_headers=SPARSE)), says="is a sparse file"
    ),
    Hostile(
        what="a sparse file as GNU tar wrote it",
        make=tar(member("a", b"", type=tarfile.GNUTYPE_SPARSE)),
        says="is a sparse file",
    ),
    Hostile(
        what="a header of 2 MB",
        make=tar(member("a", pax_headers=LARGE_PAX)),
        says="a member's headers are larger than 1048576 bytes",
    ),
    Hostile(
        what="a header that claims 7 GB",
        make=raw(lambda: gzip.compress(tar_bytes(member("a", bytes(3 << 20), type=tarfile.XHDTYPE, size=7 << 30)))),
        says="a member's headers are larger than 1048576 bytes",
    ),
    Hostile(
        what="2,000 headers without a member",
        make=tar(*(member("a", b"12 comment=\n", type=tarfile.XHDTYPE) for _ in range(2000))),
        says="it is damaged",
    ),
    Hostile(what="a negative size", make=tar(member("a", pax_headers={"size": "-512"})), says="has a negative size"),
    Hostile(
        what="an xz that takes 4 GiB of memory",
        make=raw(hungry_xz),
        says="it takes more than 256 MiB of memory to decompress",
    ),
    Hostile(
        what="a tar after the tar", make=raw(lambda: TWO + tar_bytes(member("c"))), says="it has content after its end"
    ),
    Hostile(
        what="something after the gzip", make=raw(lambda: gzip.compress(TWO) + b"#!/bin/sh\n"), says="it is damaged"
    ),
    Hostile(
        what="something after the bzip2", make=raw(lambda: bz2.compress(TWO) + b"#!/bin/sh\n"), says="it is damaged"
    ),
    Hostile(what="something after the xz", make=raw(lambda: lzma.compress(TWO) + b"#!/bin/sh\n"), says="it is damaged"),
    Hostile(what="cut short between two members", make=raw(lambda: TWO[:1024]), says="it is cut short"),
    Hostile(what="cut short in a member", make=raw(lambda: TWO[:1100]), says="it is cut short"),
    Hostile(what="a gzip cut short", make=raw(lambda: gzip.compress(TWO)[:-9]), says="it is damaged"),
    Hostile(
        what="a wrong checksum at the end of a gzip",
        make=raw(lambda: flipped(gzip.compress(TWO), -8)),
        says="it is damaged",
    ),
    Hostile(
        what="a damaged header between members", make=raw(lambda: flipped(TWO, 1030)), says="it has a damaged header"
    ),
    Hostile(
        what="a wrong checksum in a zip",
        make=raw(lambda: patched(zip_bytes(("a", GOOD), method=zipfile.ZIP_STORED), (GOOD, b"b result\n"))),
        says="it is damaged",
    ),
    Hostile(what="a zip with an absolute path", make=zipped(("/etc/x", GOOD)), says="'/etc/x' is absolute"),
    Hostile(
        what="a link out of a zip",
        make=zipped((special("a", stat.S_IFLNK | 0o777), b"../../etc")),
        says="is a link that leads out of the archive",
    ),
    Hostile(
        what="a NUL in a zip's name",
        make=raw(lambda: patched(zip_bytes(("a_b", GOOD)), (b"a_b", b"a\0b"))),
        says="has characters that cannot be printed",
    ),
    Hostile(
        what="another name in a zip's directory",
        make=raw(lambda: zip_bytes(("a_b", GOOD)).replace(b"a_b", b"a/b", 1)),
        says="it is damaged",
    ),
    Hostile(
        what="a folder with content in a zip",
        make=raw(lambda: patched(zip_bytes(("a_", GOOD)), (b"a_", b"a/"))),
        says="is a folder and a file at once",
    ),
    Hostile(
        what="a zip with a password",
        make=raw(lambda: patched(zip_bytes(("a", GOOD)), (b"PK\1\2\x14\x03\x14\0\0\0", b"PK\1\2\x14\x03\x14\0\1\0"))),
        says="is encrypted with a password",
    ),
    Hostile(
        what="another compression in a zip",
        make=zipped(("a", GOOD), method=zipfile.ZIP_LZMA),
        says="by another method than Deflate",
    ),
    Hostile(what="an archive without a file", make=tar(), says="there is no file in it"),
    Hostile(
        what="a 7z",
        make=raw(lambda: b"7z\xbc\xaf\x27\x1c" + bytes(99)),
        says="it is in the format 7z, which is not read here",
    ),
    Hostile(
        what="a Zstandard",
        make=raw(lambda: b"\x28\xb5\x2f\xfd" + bytes(99)),
        says="it is in the format Zstandard, which is not read here",
    ),
    Hostile(what="no archive", make=raw(lambda: b"#!/bin/sh\n"), says="it is not an archive"),
    Hostile(
        what="encrypted, with a path out of the folder",
        make=sealed(tar_bytes(member("../x"))),
        says="has .. in its path",
        identity=True,
    ),
    Hostile(
        what="encrypted, and changed by one bit",
        make=sealed(TWO, lambda content: flipped(content, -1)),
        says="was changed or cut short since it was encrypted",
        identity=True,
    ),
    Hostile(what="encrypted, without a key", make=sealed(TWO), says="is encrypted"),
]


def refusal(case: Hostile, folder: Path) -> SubmitterError | None:
    """What `extract` says of an archive that is made in an empty folder; None if it is unpacked."""
    archive = folder / "archive"
    case.make(archive)
    try:
        extract(archive, folder / "target", case.limits, folder / "key.txt" if case.identity else None)
    except SubmitterError as refused:
        return refused
    return None


def table() -> str:
    """The table of the page: what each archive has in it, and what is said of it."""
    lines = ["| archive | refused with |", "|---|---|"]
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            refused = refusal(case, Path(folder))
            said = refused.message.replace(f"{folder}/", "") if refused else "nothing"
            lines.append(f"| {case.what} | {said.replace('archive was not unpacked: ', '')} |")
    return "\n".join(lines)


def page_with(made: str) -> str:
    """The page with this table."""
    before, _, rest = PAGE.read_text("utf-8").partition(f"{BEGIN}\n")
    return f"{before}{BEGIN}\n{made}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page_with(table()), "utf-8")
