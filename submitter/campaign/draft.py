"""A draft of the submission tree: the files it will have, and what the check reports on those that exist already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from submitter import assembly, checker
from submitter.campaign.outline import CampaignOutline
from submitter.campaign.tree import assembly_plan
from submitter.checker import Finding, Severity
from submitter.errors import from_os_error
from submitter.layout import layout_of
from submitter.scratch import scratch_folder

# A draft has empty folders where the runs' files will be.
_EMPTY_FOLDERS = "STR027"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The tree as it will be once the runs are finished. Paths are relative to the tree."""

    files: tuple[str, ...]
    """All its files."""
    run_files: frozenset[str]
    """Those of them that are written only after the runs: LoadGen's logs, scores, verifications and the manifest."""
    missing: frozenset[str]
    """Those of them that the submitter has still to write."""
    sources: Mapping[str, Path]
    """The file that each of the others is copied from; those that are made have none."""
    findings: tuple[Finding, ...]
    """The check's errors and warnings on everything that does not depend on runs and missing files."""


def make_draft(outline: CampaignOutline) -> Draft:
    """Lay out the tree without its runs in a temporary folder, and check it. Documents may be missing or unfinished.

    InputError if a document cannot be read, or is a link or a special file.
    """
    with scratch_folder("submitter-draft-") as scratch:
        root = scratch / "tree"
        # A smoke tree is recognised by its manifest, which a draft does not have: so it is checked as a full one.
        try:
            made = assembly.draft(root, plan=replace(assembly_plan(outline, is_draft=True), smoke=False))
        except OSError as error:  # one unreadable document must not keep the other problems from being reported
            raise from_os_error(error) from None
        present = {PurePosixPath(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
        later = {*made.run_files, *made.missing}
        for path in later:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
        report = checker.check(root, outline.book, jobs=1, ignore=(_EMPTY_FOLDERS,))
    # Findings on such a file, or on a folder that will hold nothing but such files, are due later.
    not_yet = later | _folders(later) - _folders(present)
    return Draft(
        files=tuple(sorted(map(str, present | later))),
        run_files=frozenset(map(str, made.run_files)),
        missing=frozenset(map(str, made.missing)),
        sources={str(path): source for path, source in made.sources.items()} | _written_from(outline, report.findings),
        findings=tuple(
            finding
            for finding in report.findings
            if finding.severity is not Severity.NOTE and PurePosixPath(finding.path) not in not_yet
        ),
    )


def _written_from(outline: CampaignOutline, findings: Iterable[Finding]) -> dict[str, Path]:
    """The submitter's files by the paths in findings that they will fix: the system's file and the documents."""
    campaign, grammar = outline.campaign, layout_of(outline.book.name)
    owner = (campaign.division, campaign.submitter)
    documentation = grammar.documentation(*owner)
    files = {str(grammar.system(*owner, campaign.system.id)): campaign.system.description}
    for finding in findings:
        path = PurePosixPath(finding.path)
        if campaign.documentation and path.is_relative_to(documentation):
            files[finding.path] = campaign.documentation / path.relative_to(documentation)
    return files


def _folders(files: set[PurePosixPath]) -> set[PurePosixPath]:
    """All folders that the files are in, at any depth."""
    return {folder for file in files for folder in file.parents}
