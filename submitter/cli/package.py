"""`submitter package`: one submission as one archive, checked and searched for secrets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.cli import complete
from submitter.errors import InputError
from submitter.units import BYTES_PER_KB, BYTES_PER_MB

if TYPE_CHECKING:
    from submitter.console import Working
    from submitter.package import Package
    from submitter.package.manifest import LeftOut
    from submitter.submission import OpenSubmission

_SHOWN = 20


def package(
    path: Annotated[
        Path, typer.Argument(metavar="TREE|CAMPAIGN.toml", help="A submission, or the campaign that made it.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.tar.gz",
            help="The archive; by default SUBMITTER-ROUND.tar.gz in this folder.",
        ),
    ] = None,
    submitter: Annotated[str, typer.Option(metavar="NAME", help="Whose submission, if the tree has several.")] = "",
    only_valid: Annotated[
        bool, typer.Option("--only-valid", help="Leave out what is invalid, and what makes no sense without it.")
    ] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="What was found in this file of the tree is not a secret; repeatable."),
    ] = None,
    encrypt: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RECIPIENT", help="Encrypt for this public key of age or SSH, or for those in a file; repeatable."
        ),
    ] = None,
    round_name: Annotated[
        str | None,
        typer.Option(
            "--round",
            autocompletion=complete.rounds,
            help="The round whose rules apply; by default detected by the seeds.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be packed.")] = False,
) -> None:
    """Check a submission, search it for secrets, and write it as one archive: the same bytes each time."""
    from submitter.console import Working
    from submitter.package import pack, prepare

    recipients = encrypt or []
    if recipients:
        from submitter.archive.encryption import require_recipients

        require_recipients(recipients)
    opened = _opened(path, round_name)
    if output is not None:
        _require_writable(output, opened)
    with closing(Working(sys.stderr)) as work:
        show = partial(_show, work)
        prepared = prepare(opened, submitter, only_valid=only_valid, accepted=accept or (), on_progress=show)
        work.end()
        for line in _summary(prepared):
            print(line)
        if not prepared.is_ready:
            for line in _against(prepared, path):
                print(line)
            raise typer.Exit(prepared.report.exit_code or 1)
        target = output or _default_output(prepared, is_encrypted=bool(recipients))
        _require_writable(target, opened)
        if dry_run:
            print(f"{target} would be written")
            return
        sha256 = pack(prepared, target, recipients, show)
    for line in _outcome(prepared, target, sha256, is_encrypted=bool(recipients)):
        print(line)


def _show(work: Working, what: str, done_bytes: int, total_bytes: int) -> None:
    """Show what goes on; it begins with nothing done."""
    if not done_bytes:
        work.begin(what, "MB")
    elif total_bytes >= BYTES_PER_MB:
        work.advance(done_bytes // BYTES_PER_MB, total_bytes // BYTES_PER_MB)


def _opened(path: Path, round_name: str | None) -> OpenSubmission:
    """The tree, or the one that a campaign has made."""
    from submitter.rulebook import load_rulebook
    from submitter.submission import open_submission

    book = load_rulebook(round_name) if round_name else None
    if path.suffix != ".toml" or path.is_dir():
        return open_submission(path, book)
    from submitter.campaign import load_campaign

    campaign = load_campaign(path)
    if campaign.smoke:
        raise InputError(
            f"{path} is a smoke campaign: its tree is a preview, not a submission", "package a full campaign"
        )
    if not campaign.tree.is_dir():
        raise InputError(f"{campaign.tree} does not exist", f"submitter run-all {path} makes it")
    return open_submission(campaign.tree, book or load_rulebook(campaign.round))


def _default_output(prepared: Package, *, is_encrypted: bool) -> Path:
    name = f"{prepared.manifest.submitter}-{prepared.manifest.round}.tar.gz".replace(" ", "_")
    return Path(f"{name}.age" if is_encrypted else name)


def _require_writable(target: Path, opened: OpenSubmission) -> None:
    """InputError if the archive cannot be written there, which is better known before the work than after it."""
    folder = target.absolute().parent
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder} to write {target.name} to", "create it first")
    if target.is_dir():
        raise InputError(f"{target} is a folder", "give the path of a file")
    if folder.resolve().is_relative_to(opened.files.root.resolve()):
        raise InputError(f"{target} is in the tree itself", "write the archive elsewhere: --output")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder} cannot be written to", "write the archive elsewhere: --output")


def _summary(prepared: Package) -> Iterator[str]:
    """What would be packed: the results, what is left out and why, what may be unwanted."""
    from submitter.quoting import printable

    manifest = prepared.manifest
    size = _size(prepared.size_bytes)
    yield f"{printable(manifest.submitter)}, round {manifest.round}: {len(manifest.files)} files, {size}"
    for result in manifest.results:
        figure = "" if result.value is None else f"  {result.value:.10g} {result.unit}"
        yield f"  {printable(result.path)}{figure}  {result.verdict}"
    yield from _left_out(manifest.left_out)
    yield from (f"note: {note}" for note in prepared.notes)


def _left_out(parts: Sequence[LeftOut]) -> Iterator[str]:
    """Each reason with the last of its paths, which for a result is the one in `results`."""
    from submitter.quoting import printable

    by_reason: dict[str, list[str]] = {}
    for part in parts:
        by_reason.setdefault(part.reason, []).append(part.path)
    if by_reason:
        yield "left out, as the manifest lists in full:"
    for reason, paths in by_reason.items():
        more = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
        yield f"  {printable(paths[-1])}{more}: {printable(reason)}"


def _against(prepared: Package, path: Path) -> Iterator[str]:
    """What is against the package, and what to do."""
    from submitter.checker import Severity

    errors = [finding for finding in prepared.report.findings if finding.severity is Severity.ERROR]
    if errors:
        yield f"the check finds {len(errors)} error{'s' if len(errors) > 1 else ''}:"
        yield from _shortened([f"  {error.rule} {error.path}: {error.message}" for error in errors])
        yield f"  submitter check {path} says how to fix them; --only-valid leaves out invalid results"
    if prepared.blocks:
        yield "this must not be sent:"
        yield from _shortened([f"  {block}\n    {block.remedy}" for block in prepared.blocks])
    yield "nothing was packed"


def _shortened(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:_SHOWN]
    if len(lines) > _SHOWN:
        yield f"  and {len(lines) - _SHOWN} more"


def _outcome(prepared: Package, target: Path, sha256: str, *, is_encrypted: bool) -> Iterator[str]:
    from submitter.package.checklist import checklist

    summary = prepared.report.summary
    yield f"{target}: {_size(target.stat().st_size)}, {len(prepared.members)} files with the manifest"
    yield f"sha256 {sha256}"
    yield f"check: {prepared.report.verdict}, {summary['warnings']} warnings, {summary['notes']} notes"
    yield "to do:"
    has_power = any(result.power for result in prepared.report.results)
    yield from (f"  - {line}" for line in checklist(target.name, has_power=has_power, is_encrypted=is_encrypted))


def _size(size_bytes: int) -> str:
    if size_bytes < BYTES_PER_MB:
        return f"{size_bytes / BYTES_PER_KB:.1f} kB"
    return f"{size_bytes / BYTES_PER_MB:.1f} MB"
