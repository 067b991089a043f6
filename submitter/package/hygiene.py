"""What must not leave the house, or does not arrive: secrets, links, leftovers, names that other systems refuse."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO

from submitter import layout
from submitter.errors import from_os_error
from submitter.package.secrets import SecretScan
from submitter.quoting import printable
from submitter.submission.files import EntryKind
from submitter.submission.opened import OpenSubmission
from submitter.submission.tree import SubmitterDir

_REFUSED_BY_WINDOWS = re.compile(r'[<>:"|?*\\]|[ .]$|^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$', re.IGNORECASE)
_LONGEST_PATH_OF_WINDOWS = 259
_HOME = re.compile(rb"/(?:home|Users)/[A-Za-z0-9._-]+")
_COMPRESSED = (".gz", ".tgz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".tar")
_CHUNK_BYTES = 1 << 20
_SECRET_REMEDY = (
    "withdraw it where it is valid, then remove it; if it is in a log, make the run again without it. If it is not a"
    " secret, --accept the file"
)


@dataclass(frozen=True, kw_only=True)
class HygieneFinding:
    """Something that blocks the package."""

    path: str
    line: int | None = None
    kind: str
    """What it is. Never the secret itself."""
    remedy: str

    def __str__(self) -> str:
        return f"{printable(self.path)}{f':{self.line}' if self.line else ''}: {self.kind}"


@dataclass(frozen=True, kw_only=True)
class PackedFile:
    """A file that would be packed."""

    path: str
    size_bytes: int
    is_executable: bool


@dataclass(kw_only=True)
class Contents:
    """What is in the folders of one submitter."""

    files: list[PackedFile] = field(default_factory=list)
    leftovers: dict[str, str] = field(default_factory=dict)
    """What may stay behind without loss, with the reason, by path: what tools left there, and empty folders."""
    blocks: list[HygieneFinding] = field(default_factory=list)


def contents_of(opened: OpenSubmission, submitters: Iterable[SubmitterDir]) -> Contents:
    """Everything in the submitters' folders, sorted by path."""
    found = Contents()
    for submitter in submitters:
        for path, kind in submitter.survey.strays:
            if kind != "secret":
                found.leftovers[path] = f"a {kind.replace('_', ' ')}, which no submission needs"
        if not _gather(opened, str(submitter.path), found):
            found.leftovers[str(submitter.path)] = "an empty folder"
        found.blocks += _audit_files(submitter)
        remedy = f"make it at most {opened.book.round.file_max_bytes} bytes: the repository of the results refuses it"
        for path, size in submitter.survey.large:
            found.blocks.append(HygieneFinding(path=path, kind=f"a file of {size} bytes", remedy=remedy))
    found.files.sort(key=lambda file: file.path)
    found.blocks += _refused_names(found.files)
    return found


def _gather(opened: OpenSubmission, folder: str, found: Contents) -> bool:
    """Add what is in a folder; whether anything of it would be packed."""
    is_filled = False
    for entry, kind in opened.files.scan(folder):
        path = f"{folder}/{entry.name}"
        if path in found.leftovers:
            continue
        if entry.is_symlink():
            remedy = "replace it with a copy of its target: the repository of the results has no links"
            found.blocks.append(HygieneFinding(path=path, kind="a symbolic link", remedy=remedy))
        elif kind is EntryKind.FOLDER:
            if not _gather(opened, path, found):
                found.leftovers[path] = "an empty folder"
                continue
        elif kind is EntryKind.FILE:
            status = entry.stat(follow_symlinks=False)
            found.files.append(
                PackedFile(path=path, size_bytes=status.st_size, is_executable=bool(status.st_mode & 0o100))
            )
        else:
            found.blocks.append(HygieneFinding(path=path, kind=f"this is {kind.value}", remedy="remove it"))
        is_filled = True
    return is_filled


def _audit_files(submitter: SubmitterDir) -> Iterator[HygieneFinding]:
    """Audit settings outside of the source code and of the tests that they are for."""
    code = submitter.layout.code(submitter.division, submitter.name)
    for path in map(PurePosixPath, submitter.survey.audit_configs):
        if not path.is_relative_to(code) and not any(part.startswith("TEST") for part in path.parts):
            remedy = "remove it, and make the runs again that it may have changed: LoadGen reads it where it starts"
            yield HygieneFinding(path=str(path), kind=f"a left {layout.AUDIT_CONFIG}", remedy=remedy)


def _refused_names(files: list[PackedFile]) -> Iterator[HygieneFinding]:
    """Names under which a file is lost or cannot be written on some system."""
    by_folded: dict[str, str] = {}
    for path in (file.path for file in files):
        if not path.isprintable():
            yield HygieneFinding(path=path, kind="a name with control characters, or not in UTF-8", remedy="rename it")
        other = by_folded.setdefault(path.casefold(), path)
        if other != path:
            kind = f"the same name as {printable(other.rpartition('/')[2])} on macOS and Windows"
            yield HygieneFinding(path=path, kind=kind, remedy="rename one of them")


def name_notes(paths: Iterable[str]) -> Iterator[str]:
    """A line for each kind of name that is allowed and may give trouble, with one example."""
    kinds: dict[str, list[str]] = {}
    for path in paths:
        name = path.rpartition("/")[2]
        if " " in path:
            kinds.setdefault("paths with a space", []).append(path)
        if not path.isascii():
            kinds.setdefault("paths outside of ASCII", []).append(path)
        if _REFUSED_BY_WINDOWS.search(name):
            kinds.setdefault("names that Windows refuses", []).append(path)
        if len(path) > _LONGEST_PATH_OF_WINDOWS:
            kinds.setdefault(f"paths longer than the {_LONGEST_PATH_OF_WINDOWS} characters of Windows", []).append(path)
    for kind, examples in kinds.items():
        yield f"{kind}: {len(examples)}, such as {printable(examples[0])}"


@dataclass(kw_only=True)
class Inspected:
    """What the contents of the files are."""

    sha256: dict[str, str] = field(default_factory=dict)
    """By path."""
    blocks: list[HygieneFinding] = field(default_factory=list)
    homes: dict[str, str] = field(default_factory=dict)
    """The files that name a home folder, each with one of those."""
    compressed: list[str] = field(default_factory=list)
    """Files in which nothing was searched, because they are compressed."""

    @property
    def notes(self) -> Iterator[str]:
        """A line for each kind of thing that is allowed and may be unwanted."""
        for path, home in list(self.homes.items())[:1]:
            yield f"files that name a home folder: {len(self.homes)}, such as {printable(path)} with {home}"
        if self.compressed:
            count, first = len(self.compressed), printable(self.compressed[0])
            yield f"compressed files, which were not searched for secrets: {count}, such as {first}"


class Inspector:
    """Reads each file once: its hash, the secrets and the home folders in it. Memory does not grow with the file."""

    def __init__(self, accepted: Iterable[str] = ()) -> None:
        """`accepted` are the paths of files whose secrets are none. NotInstalledError without detect-secrets."""
        self._scan = SecretScan()
        self._accepted = frozenset(accepted)
        self.found = Inspected()

    def inspect(self, path: str, file: IO[bytes]) -> None:
        """Add what is in a file, which is read from its start. InputError if it cannot be read."""
        try:
            if path not in self._accepted:
                self.found.blocks += [
                    HygieneFinding(path=path, line=line, kind=kind, remedy=_SECRET_REMEDY)
                    for line, kind in self._scan.search(file)
                ]
            file.seek(0)
            digest, home = hashlib.sha256(), None
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                home = home or _HOME.search(chunk)
        except OSError as error:
            raise from_os_error(error) from None
        self.found.sha256[path] = digest.hexdigest()
        if home:
            self.found.homes[path] = home[0].decode()
        if path.lower().endswith(_COMPRESSED):
            self.found.compressed.append(path)
