"""The campaign's submission tree: its assembly plan, and its assembly from the finished runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from submitter import assembly, harness
from submitter.campaign.changes import edits_of
from submitter.campaign.description import drafted, system_description
from submitter.campaign.differences import Change, plan_changes
from submitter.campaign.file import CampaignSource, as_campaign
from submitter.campaign.full_run import expected_full_run
from submitter.campaign.journal import ending_noted, write_journal
from submitter.campaign.lock import locked
from submitter.campaign.other_round import for_round
from submitter.campaign.outline import CampaignOutline
from submitter.campaign.paperwork import paperwork_problems
from submitter.campaign.plan import CampaignPlan, make_plan
from submitter.errors import InputError, SubmitterError, raise_all
from submitter.record import RECORD, read_record
from submitter.rulebook import load_rulebook


def assemble(campaign: CampaignSource, round_name: str | None = None) -> Path:
    """Write the submission tree from a campaign's finished and scored runs; returns the tree's folder.

    `campaign` is a campaign, or the path of its file. With `round_name`, such as `v6.0`, the same runs are used for
    that round, and the tree is written to a folder beside the campaign's own tree.

    InputError if the campaign, its files and the round contradict each other, if a run is missing, changed or not
    scored, if settings, data set or model were changed after it, if the runs' logs do not fit the other round (with all
    reasons), if a person changed the earlier tree, or if another process uses the campaign.
    RunError if the disk is full. After an error the earlier tree is still there.
    """
    if round_name is not None:
        load_rulebook(round_name)  # an unknown round is reported before what the runs lack
    plan = make_plan(as_campaign(campaign))
    with locked(plan.campaign.output):
        return lay_out(plan, round_name)


def lay_out(plan: CampaignPlan, round_name: str | None = None) -> Path:
    """Like `assemble`, for a plan. The caller holds the campaign's lock."""
    raise_all([*_missing_runs(plan), *_outdated_runs(plan), *edits_of(plan), *paperwork_problems(plan)])
    campaign = plan.campaign
    target = campaign.tree
    runs_round = plan.book.name
    if round_name is not None and round_name != plan.book.name:
        plan = for_round(plan, round_name)
        target = target.with_name(f"{target.name}-{round_name}")
    with ending_noted(campaign.output):
        tree = assembly.assemble(campaign.runs_folder, target, plan=replace(assembly_plan(plan), runs_round=runs_round))
    write_journal(campaign.output, "assembled", tree=tree.name)
    return tree


def _missing_runs(plan: CampaignPlan) -> list[SubmitterError]:
    missing = [run.label for _, _, run in plan.runs if not (run.folder / RECORD).is_file()]
    if not missing:
        return []
    return [InputError(f"not finished: {', '.join(missing)}", f"make the runs: {plan.campaign.command}")]


def _outdated_runs(plan: CampaignPlan) -> list[SubmitterError]:
    """What was changed after the runs: the tree would state settings that they were not made with."""
    changed: dict[Change, list[str]] = {}
    for benchmark, session, run in plan.runs:
        if not (run.folder / RECORD).is_file():
            continue
        record = read_record(run.folder, plan.campaign.makes_runs)
        if record.smoke and not plan.campaign.smoke:
            continue  # assembly itself says that it is a rehearsal's
        for change in plan_changes(plan.campaign, benchmark, session, run, record, run.folder):
            changed.setdefault(change, []).append(run.label)
    return [
        InputError(
            f"{change.path or change.what} changed after these runs: {', '.join(labels)}"
            + (f" ({change.detail})" if change.detail else ""),
            f"restore it, or make the runs again: {plan.campaign.command}",
        )
        for change, labels in changed.items()
    ]


def assembly_plan(plan: CampaignOutline, *, is_draft: bool = False) -> assembly.AssemblyPlan:
    """The plan of the campaign's tree. InputError if the system's description or the full campaign is wrong.

    For a draft, the description may be incomplete, and the full campaign does not matter.
    """
    campaign = plan.campaign
    return assembly.AssemblyPlan(
        round=plan.book.name,
        division=campaign.division,
        submitter=campaign.submitter,
        system=campaign.system.id,
        system_description=drafted(campaign) if is_draft else system_description(campaign),
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
        full_run=None if is_draft else expected_full_run(campaign),
        command=campaign.published_command,
        documentation=campaign.documentation,
        # `src` is for the code between LoadGen and the engine (submission_rules.adoc).
        source=Path(harness.__file__).parent,
    )
