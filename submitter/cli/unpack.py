"""`submitter unpack`: an archive from anybody into a new folder, and what its manifest says of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.cli.say import say
from submitter.units import BYTES_PER_GB, BYTES_PER_MB

if TYPE_CHECKING:
    from submitter.archive.limits import Limits
    from submitter.package.manifest import PackageManifest

_SUFFIXES = (".age", ".gz", ".bz2", ".xz", ".tar", ".tgz", ".tbz2", ".txz", ".zip")
_SHOWN_DIFFERENCES = 20


def unpack(
    archive: Annotated[
        Path, typer.Argument(metavar="ARCHIVE", help="tar, also with gzip, bzip2 or xz; zip; each also with age.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="The folder to create; by default the archive's name without suffix.",
        ),
    ] = None,
    identity: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The secret key of an encrypted archive: of age, or of SSH.")
    ] = None,
    max_gb: Annotated[
        float | None,
        typer.Option(min=0, help="Unpack up to so many GB, however small the archive is; by default 20."),
    ] = None,
    max_files: Annotated[
        int | None, typer.Option(min=1, help="Unpack up to so many members; by default 500,000.")
    ] = None,
) -> int:
    """Unpack an archive from anybody, safely, and verify what its manifest says."""
    from submitter.archive.extraction import extract
    from submitter.console import working
    from submitter.package.verification import differences, read_manifest

    folder = output or Path(_stem(archive.name))
    with working(f"unpacking {archive.name}", sys.stderr):
        extracted = extract(archive, folder, _limits(max_gb, max_files), identity)
    size = f"{extracted.size_bytes / BYTES_PER_MB:,.1f} MB"
    links = f" and {extracted.links} links" if extracted.links else ""
    print(f"{folder}: {extracted.files:,} files{links}, {size}")
    manifest = read_manifest(folder)
    if manifest is None:
        say("there is no manifest of submitter package in it: nothing else was verified")
        return 0
    with working("verifying the manifest", sys.stderr):
        wrong = differences(folder, manifest)
    if wrong:
        print("\n".join(f"  ✗ {line}" for line in wrong[:_SHOWN_DIFFERENCES]))
        print(f"FAIL  {len(wrong)} differences from the manifest: get the archive again")
        return 1
    print("\n".join(_about(manifest)))
    return 0


def _limits(max_gb: float | None, max_files: int | None) -> Limits:
    """The limits that the user wants. Who gives a size means it, for a small archive too."""
    from submitter.archive.limits import Limits

    usual = Limits()
    return Limits(
        total_bytes=usual.total_bytes if max_gb is None else round(max_gb * BYTES_PER_GB),
        members=max_files or usual.members,
        ratio=usual.ratio if max_gb is None else None,
    )


def _stem(name: str) -> str:
    """An archive's name without its suffixes, and with another end if it has none."""
    stem = name
    while stem.lower().endswith(_SUFFIXES) and Path(stem).suffix:
        stem = Path(stem).stem
    return f"{name}-unpacked" if stem == name else stem


def _about(manifest: PackageManifest) -> list[str]:
    """What was verified, and what the manifest states: that is its packer's word."""
    from submitter.quoting import printable

    counts = [f"{count} {printable(kind)}" for kind, count in manifest.findings.items() if count]
    verdicts = [result.verdict for result in manifest.results]
    results = [f"{verdicts.count(verdict)} {printable(verdict)}" for verdict in dict.fromkeys(verdicts)]
    outcome = f"findings: {', '.join(counts) or 'none'}; results: {', '.join(results) or 'none'}"
    return [
        f"  ✓ all {len(manifest.files):,} files are those of the manifest, and there is no other",
        f"  {printable(manifest.submitter)}, round {printable(manifest.round)}; when it was packed, submitter"
        f" {printable(manifest.submitter_version)} checked it: {printable(manifest.verdict)}; {outcome}",
        *(f"  left out: {printable(left.path)}: {printable(left.reason)}" for left in manifest.left_out),
    ]
