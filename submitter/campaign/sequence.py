"""The whole of a campaign, from its file to a checked submission tree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from submitter import checker
from submitter.campaign.file import CampaignSource, as_campaign
from submitter.campaign.lock import locked
from submitter.campaign.plan import CampaignPlan, make_plan
from submitter.campaign.preflight import require_preflight
from submitter.campaign.run import make_runs
from submitter.campaign.scores import ScenarioScore, score_runs
from submitter.campaign.tree import lay_out
from submitter.campaign.watcher import SILENT, CampaignWatcher, Stage
from submitter.checker import Report
from submitter.record import RunRecord, read_record


@dataclass(frozen=True, kw_only=True)
class CampaignOutcome:
    """What became of a campaign."""

    plan: CampaignPlan
    runs: tuple[RunRecord, ...]
    """What each run measured, in the order of `plan.runs`."""
    scores: tuple[ScenarioScore, ...]
    """Of each benchmark's scenarios, with the limits they must keep."""
    tree: Path
    """The folder of the submission, or of a smoke campaign's preview."""
    report: Report
    """What the check says of the tree."""


def run_all(campaign: CampaignSource, *, rerun: bool = False, watcher: CampaignWatcher = SILENT) -> CampaignOutcome:
    """Plan, preflight, run, score, assemble and check a campaign.

    `campaign` is a campaign, or the path of its file. Runs that have finished before with the same settings, data set,
    model and engine are kept, unless `rerun`. `watcher` is called as things happen. It takes as long as the plan's
    `expected_s`: minutes for a rehearsal, hours for a submission. Whatever ends it, an exception included, finished
    runs stay, and of an unfinished one nothing does.

    A tree that is not right raises nothing: `report` says what is wrong with it. InputError if the campaign, its files
    or the round do not fit together, or another process is at work on the campaign; PreflightError, whose `problems`
    are all that can be known to be wrong before the first run, a missing LoadGen or engine included; NotInstalledError
    if what scoring needs is not installed; RunError if a run or a scoring process fails, or the tree cannot be written.

    Processes are started for runs, and spawned for scoring: a script that calls this needs the usual
    `if __name__ == "__main__":`.
    """
    plan = make_plan(as_campaign(campaign))
    with locked(plan.campaign.output):
        watcher.stage(Stage.PREFLIGHT, plan)
        require_preflight(plan, watcher.asked)
        watcher.stage(Stage.RUNS, plan)
        make_runs(plan, watcher, rerun=rerun)
        watcher.stage(Stage.SCORES, plan)
        scores = score_runs(plan, watcher.scored)
        watcher.stage(Stage.ASSEMBLY, plan)
        tree = lay_out(plan)
        watcher.stage(Stage.CHECK, plan)
        report = checker.check(tree, plan.book)
        runs = tuple(read_record(run.folder) for _, _, run in plan.runs)
    return CampaignOutcome(plan=plan, runs=runs, scores=scores, tree=tree, report=report)
