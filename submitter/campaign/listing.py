"""What there is of a campaign: its stage, its runs and their figures, and the disk that each part uses.

The campaign file may be gone or wrong: then the records, the journal and the tree in the output folder say it. Nothing
is judged again, and no log is hashed, so a look at a hundred campaigns takes about a second.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from submitter import compliance, input_file
from submitter.campaign.disk_use import used_bytes
from submitter.campaign.file import EMBEDDED, ENGINE, FAILED, PREVIEW, RUNS, SUBMISSION, Campaign
from submitter.campaign.journal import JOURNAL, read_journal
from submitter.campaign.listed_run import ListedRun, RunState, read_run
from submitter.campaign.lock import is_locked
from submitter.campaign.outline import run_folder
from submitter.campaign.run import DAMAGED
from submitter.campaign.settled import REPLACED, finished_folder
from submitter.embedded.benchmark import load_benchmark
from submitter.errors import SubmitterError
from submitter.harness.failed_run import FAILURE
from submitter.harness.plan import PARTIAL
from submitter.layout import layout_of
from submitter.model import Mode, Scenario
from submitter.rulebook import load_rulebook

_TREES = (SUBMISSION, PREVIEW)
_UNNAMED = re.compile(rf"({re.escape(PARTIAL)}|{re.escape(REPLACED)})$")


class CampaignStage(StrEnum):
    """How far a campaign is."""

    PLANNED = "planned"
    STARTED = "started"
    RUN = "all runs finished"
    SCORED = "scored"
    ASSEMBLED = "assembled"


@dataclass(frozen=True, kw_only=True)
class FailedRun:
    """What a failed run left for diagnosis. A text is empty if it is not known."""

    folder: Path
    run: str
    """Scenario and mode."""
    why: str
    time_utc: str
    used_bytes: int


@dataclass(frozen=True, kw_only=True)
class ListedCampaign:
    """A campaign as its output folder shows it. A text is empty, and a value None, if it is not known."""

    output: Path
    file: Path | None = None
    problem: str = ""
    """Why the campaign file cannot be used."""
    round: str = ""
    division: str = ""
    submitter: str = ""
    system: str = ""
    smoke: bool | None = None
    is_running: bool = False
    """Whether a process works in the output folder now."""
    stage: CampaignStage = CampaignStage.PLANNED
    runs: tuple[ListedRun, ...] = ()
    """Those of the campaign file in its order, then others."""
    failed: tuple[FailedRun, ...] = ()
    tree: Path | None = None
    """The tree, if one was assembled."""
    is_assembled: bool = False
    """Whether the tree is of the runs that are there now."""
    last_check: dict[str, Any] | None = None
    """The journal's event for the check of the newest tree: `verdict` and `time_utc`."""
    last_end: dict[str, Any] | None = None
    """Why the last session ended, if it did not end well: `why` and `time_utc`."""
    used_bytes: dict[str, int]
    """What each part uses of the disk: `runs`, `failed`, `engine`, `tree`, `other`."""

    @property
    def own_runs(self) -> list[ListedRun]:
        """Without those that the campaign file does not have."""
        return [run for run in self.runs if run.in_campaign]

    @property
    def finished_count(self) -> int:
        return sum(run.state.is_finished for run in self.own_runs)


def list_campaign(
    output: Path, campaign: Campaign | None = None, file: Path | None = None, problem: str = ""
) -> ListedCampaign:
    """Look at a campaign's output folder. `campaign` is None if its `file` has this `problem`, or is not known."""
    try:
        is_running = is_locked(output)
    except OSError:
        is_running = False
    runs = tuple(_runs(output, campaign, is_running))
    journal = [event for event in _journal(output) if event["event"] != "cleaned"]
    manifest, content = _tree(output)
    record = next((run.record for run in runs if run.record), None)
    found = ListedCampaign(
        output=output,
        file=file,
        problem=problem,
        round=record.round if record else "",
        system=record.system if record else "",
        smoke=record.smoke if record else None,
        is_running=is_running,
        runs=runs,
        failed=tuple(_failed_run(folder) for folder in sorted(_folders(output / FAILED))),
        is_assembled=_is_of(content, [run for run in runs if run.in_campaign]),
        last_end=journal[-1] if journal and journal[-1]["event"] == "ended" else None,
        used_bytes=_used(output),
    )
    if manifest:
        tree = manifest.parents[3]
        division, submitter = manifest.relative_to(tree).parts[:2]
        check = _last_check(journal, tree.name)
        found = replace(found, tree=tree, division=division, submitter=submitter, last_check=check)
    if campaign:
        found = replace(
            found,
            round=campaign.round,
            division=campaign.division,
            submitter=campaign.submitter,
            system=campaign.system.id,
            smoke=campaign.smoke,
        )
    return replace(found, stage=_stage(found))


def holds_runs(folder: Path) -> bool:
    """Whether this is the output folder of a campaign: it has a run's record, whatever is in it."""
    return any(finished_folder(run) for run in run_folders(folder))


def _runs(output: Path, campaign: Campaign | None, is_running: bool) -> Iterator[ListedRun]:
    expected = list(expected_folders(campaign)) if campaign else []
    found = run_folders(output)
    others = [folder for folder in found if folder not in expected]
    yield from (read_run(folder, is_running=is_running) for folder in expected)
    for folder in others:
        yield read_run(folder, in_campaign=campaign is None and DAMAGED not in folder.name, is_running=is_running)


def expected_folders(campaign: Campaign) -> Iterator[Path]:
    """The folder of each run of the campaign, in the order of a session."""
    for table in campaign.benchmarks:
        official = table.official
        if official is None:
            is_embedded = EMBEDDED in (table.model, table.dataset)
            official = load_benchmark().official_benchmark if is_embedded else table.name
        try:
            audits = [audit.mode for audit in compliance.runs(load_rulebook(campaign.round), official)]
        except SubmitterError:
            audits = []
        for scenario in table.scenarios:
            for mode in (Mode.PERFORMANCE, Mode.ACCURACY, *audits):
                yield run_folder(campaign, table.name, scenario, mode)


def run_folders(output: Path) -> Iterator[Path]:
    """The folder of each run that was begun: <system>/<benchmark>/<scenario>/<mode>, finished or not."""
    folders = [output / RUNS]
    for _ in range(4):
        folders = [below for folder in folders for below in _folders(folder)]
    yield from sorted({folder.with_name(_UNNAMED.sub("", folder.name)) for folder in folders}, key=_order)


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder; links are left out."""
    try:
        with os.scandir(folder) as found:
            return [Path(entry) for entry in found if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _failed_run(folder: Path) -> FailedRun:
    try:
        facts = input_file.read_json_object(folder / FAILURE)
    except SubmitterError:
        facts = {}
    run, why, time_utc = (str(facts.get(key) or "") for key in ("run", "why", "time_utc"))
    return FailedRun(folder=folder, run=run, why=why, time_utc=time_utc, used_bytes=used_bytes(folder))


def _order(folder: Path) -> tuple[str, int, int, str]:
    """By benchmark, then as a session makes its runs."""
    benchmark, scenario, mode = folder.parts[-3:]
    scenarios, modes = list(Scenario), list(Mode)
    return (
        benchmark,
        scenarios.index(Scenario(scenario)) if scenario in scenarios else len(scenarios),
        modes.index(Mode(mode)) if mode in modes else len(modes),
        mode,
    )


def _stage(found: ListedCampaign) -> CampaignStage:
    runs = found.own_runs
    if found.is_assembled:
        return CampaignStage.ASSEMBLED
    if not found.finished_count:
        is_begun = found.failed or any(run.state is not RunState.NOT_MADE for run in found.runs)
        return CampaignStage.STARTED if is_begun else CampaignStage.PLANNED
    if found.finished_count < len(runs):
        return CampaignStage.STARTED
    is_scored = not any(run.state is RunState.FINISHED for run in runs)
    return CampaignStage.SCORED if is_scored else CampaignStage.RUN


def _journal(output: Path) -> list[dict[str, Any]]:
    try:
        input_file.require_file(output / JOURNAL)
        return list(read_journal(output))
    except (OSError, SubmitterError):
        return []


def _last_check(journal: Sequence[dict[str, Any]], tree: str) -> dict[str, Any] | None:
    """The last event `checked`; None if the tree was assembled after it."""
    about = (
        e for e in reversed(journal) if e["event"] == "checked" or (e["event"], e.get("tree")) == ("assembled", tree)
    )
    last = next(about, None)
    return last if last and last["event"] == "checked" else None


def _tree(output: Path) -> tuple[Path | None, dict[str, Any]]:
    """The manifest of the assembled tree, and what it has; None if there is none."""
    pattern = str(layout_of("").manifest("*", "*"))
    for manifest in (path for name in _TREES for path in (output / name).glob(pattern)):
        try:
            return manifest, input_file.read_json_object(manifest)
        except SubmitterError:
            continue
    return None, {}


def _is_of(content: dict[str, Any], runs: Sequence[ListedRun]) -> bool:
    """Whether a tree's manifest has these runs and no other."""
    names = ("benchmark", "scenario", "mode", "started_utc")
    try:
        in_tree = {
            tuple(record[name] for name in names) for each in content["results"] for record in each["runs"].values()
        }
    except (LookupError, TypeError, AttributeError):
        return False
    return in_tree == {
        (run.benchmark, run.scenario, run.mode, run.started_utc) for run in runs if run.state.is_finished
    }


def _used(output: Path) -> dict[str, int]:
    parts = {"runs": output / RUNS, "failed": output / FAILED, "engine": output / ENGINE}
    used = {name: used_bytes(path) for name, path in parts.items()}
    used["tree"] = sum(used_bytes(output / name) for name in _TREES)
    return {**used, "other": used_bytes(output) - sum(used.values())}
