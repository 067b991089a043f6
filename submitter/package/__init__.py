"""A submission tree as one file that is safe to send: what goes into it, what must not, and the manifest of both.

`prepare` decides and touches nothing, `pack` writes the file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from submitter.archive.writing import Member, errors_at, write_archive, write_into
from submitter.checker import Report, check
from submitter.errors import InputError
from submitter.package.hygiene import HygieneFinding, Inspector, name_notes
from submitter.package.manifest import MANIFEST, LeftOut, PackagedResult, PackageManifest
from submitter.package.selection import Selection, select
from submitter.plugins import require
from submitter.quoting import printable
from submitter.record import json_text
from submitter.submission.manifest import manifest_of
from submitter.submission.opened import OpenSubmission
from submitter.version import VERSION

__all__ = ["MANIFEST", "HygieneFinding", "Package", "pack", "prepare"]

_NO_OTHER_FILES = "STR020"
Progress = Callable[[str, int, int], None]
"""Called with what goes on, and how many bytes of how many are done; 0 of 0 where that is not known."""


def _unseen(what: str, done_bytes: int, total_bytes: int) -> None:
    """For callers who want no progress."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """What would be packed, and what is against it."""

    manifest: PackageManifest
    members: tuple[Member, ...]
    """The files of the archive in its order, the manifest first."""
    report: Report
    """The check of what would be packed."""
    blocks: tuple[HygieneFinding, ...]
    notes: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        """Whether nothing is against it."""
        return self.report.verdict == "pass" and not self.report.crashed and not self.blocks

    @property
    def size_bytes(self) -> int:
        return sum(member.size_bytes for member in self.members)


def prepare(
    opened: OpenSubmission,
    submitter: str = "",
    *,
    only_valid: bool = False,
    accepted: Collection[str] = (),
    on_progress: Progress = _unseen,
) -> Package:
    """Check and search what would be packed of one submitter, who must be named if the tree has several.

    `only_valid` leaves out results with errors. `accepted` are paths of files, relative to the folder that holds the
    divisions, whose secrets are none. InputError if the tree is not a whole submission, is a preview, or has no valid
    result; NotInstalledError without detect-secrets. Nothing of the tree is changed.
    """
    name = _submitter(opened, submitter)
    _require_no_preview(opened, name)
    inspector = Inspector(accepted)
    on_progress("checking the submission", 0, 0)
    selection = select(opened, name, lambda view: check(view, submitters=[name]), only_valid=only_valid)
    _require_known(selection, accepted)
    members = _members(selection, inspector, opened.files.root, on_progress)
    manifest = _manifest(selection, name, members)
    first = Member.of_bytes(MANIFEST, json_text(manifest.model_dump(mode="json")).encode())
    return Package(
        manifest=manifest,
        members=(first, *members),
        report=selection.report,
        blocks=(*selection.contents.blocks, *inspector.found.blocks),
        notes=(*_about_round(selection), *name_notes(manifest.files), *inspector.found.notes),
    )


def pack(package: Package, target: Path, recipients: Sequence[str] = (), on_progress: Progress = _unseen) -> str:
    """Write a package that is ready, encrypted if there are recipients, and return the SHA-256 of the file.

    The file is whole or does not exist, and no unencrypted copy of an encrypted one remains. InputError if it cannot be
    written or a file of the tree has changed since `prepare`; RunError if the disk is full.
    """
    done, total = 0, package.size_bytes
    on_progress("packing", done, total)

    def advance(size_bytes: int) -> None:
        nonlocal done
        done += size_bytes
        on_progress("packing", done, total)

    if not recipients:
        return write_archive(target, package.members, advance)
    from submitter.archive.encryption import encrypt
    from submitter.record import sha256_of

    # The unencrypted archive has no name, so that nothing of it stays, not even if this process is killed.
    with errors_at(target), tempfile.TemporaryFile(dir=target.absolute().parent) as plain:
        write_into(plain, package.members, advance)
        on_progress("encrypting", 0, 0)
        encrypt(Path(f"/proc/self/fd/{plain.fileno()}"), target, recipients)
    return sha256_of(target)


def _submitter(opened: OpenSubmission, name: str) -> str:
    """The submitter to package: the only one, or the one that was named."""
    if str(opened.selected) != ".":
        raise InputError(
            f"{opened.path} is a part of a submission", f"give the folder that holds the divisions: {opened.files.root}"
        )
    names = sorted({submitter.name for submitter in opened.submitters})
    if name:
        require(name, names, "submitter")
        return name
    if len(names) > 1:
        listed = ", ".join(map(printable, names))
        raise InputError(
            f"{opened.path} has {len(names)} submitters: {listed}", "name the one to package with --submitter"
        )
    if not names:
        opened.require_listed()
        raise InputError(f"{opened.path} has no submitter", "a submission has <division>/<submitter>/results/")
    return names[0]


def _require_no_preview(opened: OpenSubmission, name: str) -> None:
    for submitter in opened.submitters:
        manifest = manifest_of(submitter) if submitter.name == name else None
        if manifest is not None and manifest.smoke:
            full = manifest.full_run
            raise InputError(
                f"{opened.files.root} is the preview of a smoke campaign, not a submission",
                f"make the full runs: {full.command}" if full else "make the runs of a campaign without smoke = true",
            )


def _require_known(selection: Selection, accepted: Collection[str]) -> None:
    """Every accepted path is a file that would be packed."""
    known = {file.path for file in selection.contents.files}
    for path in accepted:
        require(path, known, "file of the package")


def _about_round(selection: Selection) -> Iterator[str]:
    """A note if the round's official checker refuses a tree with our manifest in it."""
    book = selection.opened.book
    if _NO_OTHER_FILES not in book.checker.absent:
        yield f"move {MANIFEST} away after unpacking: {book.name}'s official checker wants no file beside the divisions"


def _members(selection: Selection, inspector: Inspector, root: Path, on_progress: Progress) -> tuple[Member, ...]:
    """The files of the tree, each read for its hash and for secrets."""
    files = selection.contents.files
    done, total = 0, sum(file.size_bytes for file in files)
    on_progress("searching for secrets", done, total)
    members = []
    for file in files:
        with (root / file.path).open("rb") as content:
            inspector.inspect(file.path, content)
        if file.path in selection.replaced:
            members.append(Member.of_bytes(file.path, selection.replaced[file.path]))
        else:
            members.append(
                Member(
                    name=file.path,
                    content=root / file.path,
                    size_bytes=file.size_bytes,
                    sha256=inspector.found.sha256[file.path],
                    is_executable=file.is_executable,
                )
            )
        done += file.size_bytes
        on_progress("searching for secrets", done, total)
    return tuple(members)


def _manifest(selection: Selection, name: str, members: Sequence[Member]) -> PackageManifest:
    report = selection.report
    return PackageManifest(
        submitter_version=VERSION,
        round=report.round,
        submitter=name,
        verdict=report.verdict,
        findings={severity: report.summary[f"{severity}s"] for severity in ("error", "warning", "note")},
        results=tuple(
            PackagedResult(
                path=result.path,
                verdict=result.verdict,
                value=result.metric.value if result.metric else None,
                unit=result.metric.unit if result.metric else "",
            )
            for result in sorted(report.results, key=lambda result: result.path)
        ),
        left_out=tuple(LeftOut(path=path, reason=reason) for path, reason in sorted(selection.left_out.items())),
        files={member.name: member.sha256 for member in members},
    )
