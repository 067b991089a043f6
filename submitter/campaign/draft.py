"""The tree before any run: which files it will have, and what the check would say of what is there already."""

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
    """The tree to come."""

    files: tuple[str, ...]
    """All its paths, relative to it."""
    of_runs: frozenset[str]
    """Those of them that runs leave."""
    findings: tuple[Finding, ...]
    """Errors and warnings of the check about what does not depend on runs."""


def make_draft(plan: CampaignPlan) -> Draft:
    """Lay the tree out without its runs, in a folder that is gone afterwards, and check it.

    InputError for what assembly would refuse.
    """
    with tempfile.TemporaryDirectory(prefix="submitter-draft-") as scratch:
        root = Path(scratch, "tree")
        # A manifest would mark a smoke tree as one; without it, a short run's shortness is no question yet.
        of_runs = assembly.draft(root, plan=replace(assembly_plan(plan), smoke=False))
        there = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        for path in of_runs:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
        report = checker.check(root, plan.book, jobs=1)
    to_come = frozenset(map(str, of_runs))
    # What is said of a run's file, or of a folder that holds nothing but a run's, waits for the run.
    waits = to_come | {str(path.parent) for path in of_runs} - {str(Path(path).parent) for path in there}
    findings = tuple(f for f in report.findings if f.severity is not Severity.NOTE and f.path not in waits)
    return Draft(files=tuple(sorted(there | to_come)), of_runs=to_come, findings=findings)
