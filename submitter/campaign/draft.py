"""A draft of the submission tree: the files it will have, and what the check reports on those that exist already."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from submitter import assembly, checker
from submitter.campaign.plan import CampaignPlan
from submitter.campaign.tree import assembly_plan
from submitter.checker import Finding, Severity


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The tree as it will be once the runs are finished."""

    files: tuple[str, ...]
    """The paths of all its files, relative to the tree."""
    run_files: frozenset[str]
    """Those of them that are written only after the runs: LoadGen's logs, scores, verifications and the manifest."""
    findings: tuple[Finding, ...]
    """The check's errors and warnings on everything that does not depend on runs."""


def make_draft(plan: CampaignPlan) -> Draft:
    """Lay out the tree without its runs in a temporary folder, and check it.

    InputError for anything that assembly would refuse.
    """
    with tempfile.TemporaryDirectory(prefix="submitter-draft-") as scratch:
        root = Path(scratch, "tree")
        # A smoke tree is recognised by its manifest, which a draft does not have: so it is checked as a full one.
        run_files = assembly.draft(root, plan=replace(assembly_plan(plan), smoke=False))
        present = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        for path in run_files:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
        report = checker.check(root, plan.book, jobs=1)
    later = frozenset(map(str, run_files))
    # Findings on a run's file, or on a folder that holds nothing but a run's files, are due after the run.
    not_yet = later | {str(path.parent) for path in run_files} - {str(Path(path).parent) for path in present}
    findings = tuple(f for f in report.findings if f.severity is not Severity.NOTE and f.path not in not_yet)
    return Draft(files=tuple(sorted(present | later)), run_files=later, findings=findings)
