"""The tree before any run: which files it will have, and what the check would say of what is there already."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from submitter import assembly, checker, harness
from submitter.campaign.plan import CampaignPlan
from submitter.checker import Finding, Severity
from submitter.manifest import ManifestFullRun


@dataclass(frozen=True)
class Draft:
    """`files` are all paths of the tree to come, relative to it; `of_runs` those of them that runs leave.

    `findings` are errors and warnings of the check about what does not depend on runs.
    """

    files: tuple[str, ...]
    of_runs: frozenset[str]
    findings: tuple[Finding, ...]


def assembly_plan(
    plan: CampaignPlan, description: dict[str, object], full_run: ManifestFullRun | None = None
) -> assembly.AssemblyPlan:
    """What the campaign's tree is made of."""
    campaign = plan.campaign
    return assembly.AssemblyPlan(
        round=plan.book.name,
        division=campaign.division,
        submitter=campaign.submitter,
        system=campaign.system.id,
        system_description=description,
        benchmarks=tuple(
            assembly.TreeBenchmark(
                name=b.table.name,
                official_name=b.official,
                scenarios=b.table.scenarios,
                measurements=b.table.measurements,
                accuracy_target=b.accuracy_target,
            )
            for b in plan.benchmarks
        ),
        smoke=campaign.smoke,
        full_run=full_run,
        command=plan.command,
        documentation=campaign.documentation,
        # The code between LoadGen and the engine is what `src` is for (submission_rules.adoc).
        source=Path(harness.__file__).parent,
    )


def make_draft(plan: CampaignPlan, description: dict[str, object]) -> Draft:
    """Lay the tree out without its runs, in a folder that is gone afterwards, and check it.

    InputError for what assembly would refuse.
    """
    with tempfile.TemporaryDirectory(prefix="submitter-draft-") as scratch:
        root = Path(scratch, "tree")
        # A manifest would mark a smoke tree as one; without it, a short run's shortness is no question yet.
        of_runs = assembly.draft(root, plan=replace(assembly_plan(plan, description), smoke=False))
        there = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        for path in of_runs:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
        report = checker.check(root, plan.book, jobs=1)
    to_come = frozenset(map(str, of_runs))
    # What is said of a run's file, or of a folder that holds nothing but a run's, waits for the run.
    waits = to_come | {str(path.parent) for path in of_runs} - {str(Path(path).parent) for path in there}
    findings = tuple(f for f in report.findings if f.severity is not Severity.NOTE and f.path not in waits)
    return Draft(tuple(sorted(there | to_come)), to_come, findings)
