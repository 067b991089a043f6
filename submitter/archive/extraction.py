"""Unpacks archives from strangers: the whole of it into a new folder, or nothing.

Formats: tar, also compressed by gzip, bzip2 or xz; zip; each of them encrypted with age. A member becomes a file, a
folder or a link to something in the archive, below the new folder. Owners, times and permissions are not taken over,
but for a file's permission to be executed. Whatever else an archive has is refused, and then nothing of it stays.
"""

from __future__ import annotations

import lzma
import os
import shutil
import struct
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from submitter.archive import encryption
from submitter.archive.entry import Entry, Kind
from submitter.archive.limits import LINK_LIMIT, Limits
from submitter.archive.refusal import Refusal, of_member, quoted
from submitter.archive.streams import ZIP, BoundedStream, format_of
from submitter.archive.tar_entries import tar_entries
from submitter.archive.zip_entries import zip_entries
from submitter.errors import InputError, RunError, from_os_error

_CHUNK_BYTES = 1 << 20
# What tarfile, zipfile and the decompressors raise about an archive that is not as they wrote it.
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    ArithmeticError,
    RecursionError,
    NotImplementedError,
)


@dataclass(kw_only=True)
class Extracted:
    """What was unpacked."""

    files: int = 0
    folders: int = 0
    links: int = 0
    size_bytes: int = 0


def is_archive(path: Path) -> bool:
    """Whether a path is a file that `extract` would unpack, or refuse for another reason than not being an archive."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return bool(format_of(file)) or encryption.is_encrypted(path)
    except Refusal:
        return True
    except OSError as error:
        raise from_os_error(error, path) from None


def extract(path: Path, target: Path, limits: Limits | None = None, identity: Path | None = None) -> Extracted:
    """Unpack the archive at `path` into the folder `target`, which must not exist yet.

    `identity` is the file of the secret key of an encrypted archive. InputError, and no folder, if the archive is
    damaged or has in it what is not accepted. A process that is killed at work leaves `.<target>.<random>.partial`.
    """
    if not path.is_file():
        raise InputError(f"{path} {'is not a file' if path.exists() else 'does not exist'}", "give an archive")
    if os.path.lexists(target):
        raise InputError(f"{target} exists already", "move it away, or give another folder")
    if not target.absolute().parent.is_dir():
        raise InputError(f"there is no folder {target.absolute().parent} to unpack to", "create it first")
    try:
        with _partial(target) as folder, _plain(path, identity, folder.parent) as file:
            extracted = _extract(file, folder, limits or Limits())
            folder.rename(target)
    except Refusal as refusal:
        raise InputError(f"{path} was not unpacked: {refusal.reason}", refusal.hint) from None
    except _DAMAGED:
        raise InputError(f"{path} was not unpacked: it is damaged", "get it again") from None
    except OSError as error:
        raise _refused_by_system(error, path, target) from None
    return extracted


@contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """A new folder beside `target`, in one that only this user can enter. All that is left of them goes in the end."""
    private = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.absolute().parent))
    try:
        folder = private / "tree"
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(private, ignore_errors=True)


@contextmanager
def _plain(path: Path, identity: Path | None, folder: Path) -> Iterator[IO[bytes]]:
    """The archive, opened; decrypted into a file without a name, of which nothing stays even if this is killed."""
    if not encryption.is_encrypted(path):
        if identity is not None:
            raise InputError(f"{path} is not encrypted with age", "leave out --identity")
        with path.open("rb") as file:
            yield file
        return
    if identity is None:
        raise encryption.missing_identity(path)
    with tempfile.TemporaryFile(dir=folder) as file:
        encryption.decrypt(path, file, identity)
        file.seek(0)
        yield file


def _extract(file: IO[bytes], folder: Path, limits: Limits) -> Extracted:
    archive_format = format_of(file)
    if not archive_format:
        raise Refusal("it is not an archive", "tar, also compressed by gzip, bzip2 or xz, and zip are read")
    size = os.fstat(file.fileno()).st_size
    if archive_format == ZIP:
        entries = zip_entries(file, limits, size)
    else:
        entries = tar_entries(BoundedStream(file, archive_format, limits, size), folder)
    writer = _Writer(folder, limits)
    try:
        for entry in entries:
            writer.add(entry)
    except OSError as error:
        if error.errno is None:  # bz2 says so that a stream is damaged
            raise EOFError from error
        raise
    writer.make_links()
    if not (writer.extracted.files or writer.extracted.links):
        raise Refusal("there is no file in it")
    return writer.extracted


class _Writer:
    """Writes the members below a folder. No path is used twice, and none leads through a link: links are made last."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.extracted = Extracted()
        self._folder, self._limits = folder, limits
        self._added = 0
        self._kinds: dict[str, tuple[str, Kind]] = {}  # by path, as a file system would take it that ignores case
        self._links: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Refusal if the place of a member is taken; OSError if it cannot be written."""
        self._added += 1
        self._limits.require_count(self._added)
        for depth in range(1, len(entry.parts)):
            self._make_folder(entry, entry.parts[:depth])
        if entry.kind is Kind.FOLDER:
            if entry.parts:
                self._make_folder(entry, entry.parts)
        elif not self._claim(entry, entry.parts, entry.kind):
            raise of_member(entry.name, "is there twice")
        elif entry.kind is Kind.LINK:
            self._links.append(entry)
            if len(self._links) > LINK_LIMIT:
                raise Refusal(f"it has more than {LINK_LIMIT} links", "pack the files themselves: tar --dereference")
        else:
            self._write(entry)

    def make_links(self) -> None:
        """Make all links, and look where each leads. Refusal if that is not below the folder."""
        for entry in self._links:
            self._folder.joinpath(*entry.parts).symlink_to(entry.link_target)
        root = os.path.realpath(self._folder)
        for entry in self._links:
            link = self._folder.joinpath(*entry.parts)
            try:
                link.stat()  # unlike realpath, the system follows few links only
                real = os.path.realpath(link, strict=True)
            except OSError:
                raise of_member(entry.name, "is a link that leads nowhere or in a circle") from None
            if not f"{real}/".startswith(f"{root}/"):
                raise of_member(entry.name, "is a link that leads out of the archive over another link")
            if f"{os.path.realpath(link.parent)}/".startswith(f"{real}/"):
                raise of_member(entry.name, "is a link to a folder that it is in")
        self.extracted.links = len(self._links)

    def _claim(self, entry: Entry, parts: tuple[str, ...], kind: Kind) -> bool:
        """Whether a path is new. Refusal if something else has it."""
        path = "/".join(parts)
        key = unicodedata.normalize("NFC", path).casefold()
        if key not in self._kinds:
            self._kinds[key] = path, kind
            self._limits.require_count(len(self._kinds))
            return True
        known_path, known_kind = self._kinds[key]
        if known_path != path:
            raise of_member(entry.name, f"has the path of {quoted(known_path)} where upper and lower case are the same")
        if known_kind is not kind:
            where = "has the path of" if parts == entry.parts else "is in"
            raise of_member(entry.name, f"{where} {quoted(path)}, which is {known_kind.value} in this archive")
        return False

    def _make_folder(self, entry: Entry, parts: tuple[str, ...]) -> None:
        """Make a folder if it is not there yet: `entry` itself, or one above it."""
        if self._claim(entry, parts, Kind.FOLDER):
            self._folder.joinpath(*parts).mkdir()
            self.extracted.folders += 1

    def _write(self, entry: Entry) -> None:
        mode = 0o777 if entry.is_executable else 0o666  # less what this user's umask takes away
        path = self._folder.joinpath(*entry.parts)
        written = 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with open(descriptor, "wb") as file, entry.opened() as content:
            while chunk := content.read(_CHUNK_BYTES):
                written += len(chunk)
                if written > entry.size_bytes:
                    break
                file.write(chunk)
        if written != entry.size_bytes:
            raise of_member(entry.name, "has another size than the archive says")
        self.extracted.files += 1
        self.extracted.size_bytes += written


def _refused_by_system(error: OSError, path: Path, target: Path) -> Exception:
    """The line for an OSError: about the archive if it could not be read, else about the folder."""
    if error.filename != str(path):  # the user knows neither the members' paths nor that of the partial folder
        error.filename, error.filename2 = str(target), None
    refused = from_os_error(error)
    if isinstance(refused, RunError):
        refused.hint = "free some space, or use another file system: --output, or TMPDIR for a check"
    return refused
