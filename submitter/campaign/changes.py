"""What changed since the runs of a campaign: which of them stay, which are made again, and why.

A run is made again if its model, its data set or its settings are other ones now. It is also made again on another
system: the rules require the same system and framework for results that are reported together, and a system is there
the hardware and the software that influences the running time, such as libraries and drivers (inference_policies,
inference_rules.adoc, "System and framework must be consistent" and "Definitions"). Who knows better keeps such runs:
`Keep`. Machines of the same kind, as the nodes of a cluster are, count as one system.

A file of a run that was edited makes nothing again: it is an error, and a person decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from submitter.campaign.differences import Cause, Change, plan_changes
from submitter.campaign.file import CampaignSource, as_campaign
from submitter.campaign.journal import read_journal
from submitter.campaign.logged import contradictions, is_valid, metric_of, read_log
from submitter.campaign.outline import CampaignOutline, outline_campaign
from submitter.campaign.plan import BenchmarkPlan, CampaignPlan, make_plan
from submitter.campaign.settled import finished_folder
from submitter.campaign.system_changes import here, notes, system_changes
from submitter.errors import InputError, raise_all
from submitter.harness.plan import RunPlan, SessionPlan
from submitter.layout import DETAIL_LOG
from submitter.model import Keep, Mode, Scenario
from submitter.record import RECORD, DamagedRecordError, RunRecord, read_record, sha256_of, sha256_once
from submitter.scratch import scratch_folder

_RunName = tuple[str, str, str]  # system, benchmark and label
FINISHED = "finished"  # the event of the journal, which has the record's SHA-256 in `record_sha256`


@dataclass(frozen=True, kw_only=True)
class RunChanges:
    """What happens to one run of a campaign, and why."""

    benchmark: str
    run: RunPlan
    folder: Path | None
    """Where the finished run is; None if there is none."""
    record: RunRecord | None = None
    """None also if it is damaged."""
    changes: tuple[Change, ...] = ()
    """Why it is made again."""
    despite: tuple[Change, ...] = ()
    """What else would make it again, but the user keeps it."""
    notes: tuple[str, ...] = ()
    """What is different, too, and makes no run again."""
    is_valid: bool | None = None
    """LoadGen's verdict on a performance run that stays, from its log."""
    edits: tuple[InputError, ...] = ()
    """Each file of a run that stays which is not what it was at the run's end."""

    @property
    def stays(self) -> bool:
        return self.folder is not None and not self.changes


def changes_since(
    campaign: CampaignSource,
    *,
    scenario: Scenario | None = None,
    mode: Mode | None = None,
    keep: Collection[Keep] = (),
    rerun: bool = False,
) -> tuple[RunChanges, ...]:
    """What `run_all` would do with each run of a campaign, or with those of `scenario` and `mode`.

    Nothing is changed on the disk. `campaign` is a campaign, or the path of its file. If any run is finished, model and
    data set are read whole. InputError if the campaign, its files and the round contradict each other.
    """
    outline = outline_campaign(as_campaign(campaign))
    raise_all(outline.problems)
    chosen = [(b, run) for b, run in outline.all_runs if _is_chosen(run, scenario, mode)]
    if not any(finished_folder(run.folder) for _, run in chosen):
        return tuple(RunChanges(benchmark=b.table.name, run=run, folder=None) for b, run in chosen)
    with scratch_folder("submitter-plan-") as scratch:
        return run_changes(make_plan(outline, scratch), scenario=scenario, mode=mode, keep=keep, rerun=rerun)


def run_changes(
    plan: CampaignPlan,
    *,
    scenario: Scenario | None = None,
    mode: Mode | None = None,
    keep: Collection[Keep] = (),
    rerun: bool = False,
) -> tuple[RunChanges, ...]:
    """Like `changes_since`, for a plan: one for each run, in the order of `plan.runs`."""
    hashes = _recorded_hashes(plan)
    causes = {Cause(each.value) for each in keep}
    chosen = (each for each in plan.runs if _is_chosen(each[2], scenario, mode))
    return tuple(_of_run(plan, *each, hashes, causes, rerun=rerun) for each in chosen)


def _is_chosen(run: RunPlan, scenario: Scenario | None, mode: Mode | None) -> bool:
    return scenario in (None, run.scenario) and mode in (None, run.mode)


def require_unedited(found: Iterable[RunChanges]) -> None:
    """Raise every edit of the runs that stay: an InputError, or SeveralErrors."""
    raise_all([edit for each in found for edit in each.edits])


def edits_of(plan: CampaignPlan) -> list[InputError]:
    """Every damaged record, and every file of a finished run that is not what it was at the run's end."""
    hashes = _recorded_hashes(plan)
    found: list[InputError] = []
    for benchmark, _, run in plan.runs:
        if (run.folder / RECORD).is_file():
            try:
                record = read_record(run.folder, plan.campaign.makes_runs)
            except InputError as error:
                found.append(error)
            else:
                found += _edits(plan, benchmark, run, record, run.folder, hashes)
    return found


def _of_run(
    plan: CampaignPlan,
    benchmark: BenchmarkPlan,
    session: SessionPlan,
    run: RunPlan,
    hashes: Mapping[_RunName, set[str]],
    keep: Collection[Cause],
    *,
    rerun: bool,
) -> RunChanges:
    folder = finished_folder(run.folder)
    found = RunChanges(benchmark=benchmark.table.name, run=run, folder=folder)
    if folder is None:
        return found
    if rerun:
        return replace(found, changes=(Change(cause=Cause.REQUESTED, what="--rerun"),))
    try:
        record = read_record(folder)
    except DamagedRecordError as error:
        return replace(found, changes=(Change(cause=Cause.DAMAGED, what=f"{RECORD} is damaged", detail=error.why),))
    now = here(session.engine)
    changes = plan_changes(plan.campaign, benchmark, session, run, record, folder)
    of_system = list(system_changes(record, now))
    changes += [each for each in of_system if each.cause not in keep]
    found = replace(found, record=record, changes=tuple(changes))
    if not found.stays:
        return found
    edits = tuple(_edits(plan, benchmark, run, record, folder, hashes))
    is_readable = not edits and run.mode is Mode.PERFORMANCE
    return replace(
        found,
        despite=tuple(of_system),
        notes=tuple(notes(record, now)),
        is_valid=is_valid(read_log(folder, ""), run.mode) if is_readable else None,
        edits=edits,
    )


def _edits(
    plan: CampaignPlan,
    benchmark: BenchmarkPlan,
    run: RunPlan,
    record: RunRecord,
    folder: Path,
    hashes: Mapping[_RunName, set[str]],
) -> Iterator[InputError]:
    """What of a run's folder is not what it was at the run's end."""
    repeat = plan.campaign.repeats(run.scenario, run.mode)
    restore = f"restore it, or {repeat}"
    is_log_edited = False
    for name, sha256 in record.files.items():
        path = folder / name
        if not path.is_file():
            yield InputError(f"{path} is missing, and its run's record lists it", restore)
        elif sha256_once(path) != sha256:
            yield InputError(f"{path} was changed after its run", restore)
        else:
            continue
        is_log_edited |= name == DETAIL_LOG
    if is_log_edited:  # then it says nothing of the record
        return
    try:
        log = read_log(folder, restore)
    except InputError as error:
        yield error
        return
    metric = metric_of(log, plan.book, benchmark.official, run.scenario, run.mode)
    found = list(contradictions(record, log, metric, folder, repeat))
    known = hashes.get((record.system, record.benchmark, run.label))
    if not found and known and sha256_of(folder / RECORD) not in known:
        found.append(InputError(f"{folder / RECORD} was changed after its run", restore))
    yield from found


def _recorded_hashes(plan: CampaignOutline) -> dict[_RunName, set[str]]:
    """The SHA-256 of every record that was written for a run, as the journal has them."""
    hashes: dict[_RunName, set[str]] = {}
    for event in read_journal(plan.campaign.output):
        if event["event"] == FINISHED and isinstance(sha256 := event.get("record_sha256"), str):
            system, benchmark, label = (str(event.get(key)) for key in ("system", "benchmark", "run"))
            hashes.setdefault((system, benchmark, label), set()).add(sha256)
    return hashes
