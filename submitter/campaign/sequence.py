"""`run_all`: a whole campaign, from its file to a checked submission tree."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from submitter import checker
from submitter.campaign.file import CampaignSource, as_campaign
from submitter.campaign.journal import ending_noted, write_journal
from submitter.campaign.lock import locked
from submitter.campaign.outline import outline_campaign
from submitter.campaign.plan import CampaignPlan, make_plan
from submitter.campaign.preflight import require_preflight
from submitter.campaign.run import make_runs
from submitter.campaign.scores import ScenarioScore, score_runs
from submitter.campaign.tree import lay_out
from submitter.campaign.watcher import SILENT, CampaignWatcher, Stage
from submitter.checker import Report
from submitter.model import Keep
from submitter.record import RunRecord, read_record


@dataclass(frozen=True, kw_only=True)
class CampaignOutcome:
    """The results of a campaign."""

    plan: CampaignPlan
    runs: tuple[RunRecord, ...]
    """The record of each run, in the order of `plan.runs`."""
    scores: tuple[ScenarioScore, ...]
    """The scores of each benchmark and scenario, with their limits."""
    tree: Path
    """The folder of the submission, or of a smoke campaign's preview."""
    report: Report
    """The check's report on the tree."""


def run_all(
    campaign: CampaignSource, *, rerun: bool = False, keep: Collection[Keep] = (), watcher: CampaignWatcher = SILENT
) -> CampaignOutcome:
    """Plan, preflight, run, score, assemble and check a campaign.

    `campaign` is a campaign, or the path of its file. Finished runs with the same settings, data set, model and system
    are kept, unless `rerun` is true; `changes_since` says so beforehand, and `keep` names what of the system may have
    changed. `watcher` is called with each progress event. The call takes about as long as the
    plan's `expected_s`: minutes for a rehearsal, hours for a submission. When it ends, also by an exception, finished
    runs stay and nothing is left of an unfinished one.

    Errors in the tree raise nothing: `report` lists them. InputError if the campaign, its files and the round
    contradict each other, if a file of a kept run was edited, or if another process uses the campaign. PreflightError
    if problems are found before the first run, such as a missing LoadGen or engine; its `problems` list all of them.
    NotInstalledError if a package for scoring is missing. RunError if a run or a scoring process fails, or if the disk
    is full.

    Runs and scoring start other processes, so a script that calls this needs the usual `if __name__ == "__main__":`.
    """
    outline = outline_campaign(as_campaign(campaign))
    watcher.stage(Stage.PREFLIGHT, outline)
    require_preflight(outline, watcher.preflight_checked)
    with locked(outline.campaign.output):
        watcher.stage(Stage.INPUTS, outline)
        plan = make_plan(outline)
        watcher.stage(Stage.RUNS, plan)
        make_runs(plan, watcher, rerun=rerun, keep=keep, on_changes=watcher.changes)
        watcher.stage(Stage.SCORES, plan)
        scores = score_runs(plan, watcher.scored, watcher.scoring)
        watcher.stage(Stage.ASSEMBLY, plan)
        tree = lay_out(plan)
        watcher.stage(Stage.CHECK, plan)
        with ending_noted(plan.campaign.output):
            report = checker.check(tree, plan.book)
        write_journal(plan.campaign.output, "checked", verdict=report.verdict)
        runs = tuple(read_record(run.folder) for _, _, run in plan.runs)
    return CampaignOutcome(plan=plan, runs=runs, scores=scores, tree=tree, report=report)
