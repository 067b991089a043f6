"""The campaign's submission tree: what it is made of, and its assembly from the finished runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from submitter import assembly, harness
from submitter.campaign.description import system_description
from submitter.campaign.file import CampaignSource, as_campaign
from submitter.campaign.lock import locked
from submitter.campaign.other_round import for_round
from submitter.campaign.outline import expected_full_run
from submitter.campaign.plan import CampaignPlan, make_plan


def assemble(campaign: CampaignSource, round_name: str | None = None) -> Path:
    """Lay out the submission tree from a campaign's finished and scored runs; returns its folder.

    `campaign` is a campaign, or the path of its file. With `round_name`, such as `v6.0`, the same runs are laid out for
    that round, in a folder of its own beside the campaign's tree.

    InputError if the campaign, its files or the round do not fit together, a run is missing, changed or not scored, the
    runs' logs do not allow the other round (with all reasons), the tree's place holds anything that was not assembled,
    or another process is at work on the campaign. RunError if the tree cannot be written. Whatever tree was there
    before is there still, then.
    """
    plan = make_plan(as_campaign(campaign))
    with locked(plan.campaign.output):
        return lay_out(plan, round_name)


def lay_out(plan: CampaignPlan, round_name: str | None = None) -> Path:
    """As `assemble`, of a plan, by whoever holds the campaign's lock."""
    campaign = plan.campaign
    target = campaign.tree
    runs_round = plan.book.name
    if round_name is not None and round_name != plan.book.name:
        plan = for_round(plan, round_name)
        target = target.with_name(f"{target.name}-{round_name}")
    return assembly.assemble(campaign.runs_folder, target, plan=replace(assembly_plan(plan), runs_round=runs_round))


def assembly_plan(plan: CampaignPlan) -> assembly.AssemblyPlan:
    """What the campaign's tree is made of. InputError if the system's description or the full run is wrong."""
    campaign = plan.campaign
    return assembly.AssemblyPlan(
        round=plan.book.name,
        division=campaign.division,
        submitter=campaign.submitter,
        system=campaign.system.id,
        system_description=system_description(campaign),
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
        full_run=expected_full_run(campaign),
        command=campaign.command,
        documentation=campaign.documentation,
        # The code between LoadGen and the engine is what `src` is for (submission_rules.adoc).
        source=Path(harness.__file__).parent,
    )
