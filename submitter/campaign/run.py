"""Makes the runs of a plan and writes the record of each finished run."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from submitter import layout
from submitter.campaign.changes import FINISHED, RunChanges, require_unedited, run_changes
from submitter.campaign.description import keep_host_facts
from submitter.campaign.differences import Cause, campaign_settings, fingerprint
from submitter.campaign.file import Campaign
from submitter.campaign.journal import ending_noted, write_journal
from submitter.campaign.logged import is_valid, metric_of
from submitter.campaign.plan import BenchmarkPlan, CampaignPlan
from submitter.campaign.preflight_servers import caching_problem
from submitter.campaign.selection import require_run
from submitter.campaign.settled import finished_folder, settle
from submitter.cluster.slurm_job import job_facts
from submitter.errors import RunError
from submitter.harness import engines, environment, loadgen
from submitter.harness.checkpoint import tokenizer_sha256
from submitter.harness.events import Watcher
from submitter.harness.plan import RunPlan, SessionPlan
from submitter.harness.remote import PREFIX_CACHING
from submitter.harness.supervisor import Finished, Limits, recover_session, run_session
from submitter.model import Division, Keep, Mode, Scenario
from submitter.record import (
    RECORD,
    Provenance,
    RunRecord,
    read_record,
    sha256_of,
    sha256_once,
    write_json_atomically,
)
from submitter.system import identity

DAMAGED = ".damaged-"  # and a number: the end of the name of a folder whose record is damaged


def _set_aside(run: RunPlan) -> Path:
    """Rename the folder of a run whose record is damaged, so that the run can be made again; returns its new path."""
    for number in itertools.count(1):
        aside = run.folder.with_name(f"{run.folder.name}{DAMAGED}{number}")
        if not aside.exists():
            break
    return run.folder.rename(aside)


def make_runs(
    plan: CampaignPlan,
    watcher: Watcher,
    *,
    rerun: bool = False,
    scenario: Scenario | None = None,
    mode: Mode | None = None,
    keep: Collection[Keep] = (),
    on_changes: Callable[[Sequence[RunChanges]], None] = lambda _: None,
) -> None:
    """Make every run that is not finished yet, or all with `rerun`; only those of `scenario` and `mode`, if given.

    `changes` says which finished runs stay and which are made again; `on_changes` gets that before the first run. The
    caller holds the campaign's lock (`locked`). Runs that are finished stay, also when a later one fails, and a run
    that is made again stays until the new one is whole. A run whose record is damaged is made again; its folder is
    renamed, and not removed.

    NotInstalledError if LoadGen or the engine is not installed, InputError if the campaign has no such run, a file of a
    run that stays was edited, or the engine refuses its settings, RunError if a run fails.
    """
    require_run(plan.campaign, scenario, mode)
    if job := job_facts(os.environ):
        write_journal(plan.campaign.output, "slurm", **job)
    journal = partial(write_journal, plan.campaign.output)
    for benchmark in plan.benchmarks:
        recover_session(_work(plan, benchmark), plan.campaign.failed_folder, journal)
    for benchmark, _, run in plan.runs:
        # An earlier process may have been killed at any step.
        if finished_folder(run.folder) == run.partial_folder:
            _take_over(plan, benchmark, run)
        else:
            settle(run.folder)
    found = run_changes(plan, scenario=scenario, mode=mode, keep=keep, rerun=rerun)
    on_changes(found)
    require_unedited(found)
    fates = {each.run.folder: each for each in found}
    for benchmark in plan.benchmarks:
        for session in benchmark.sessions:
            pending = []
            for run in session.runs:
                fate = fates.get(run.folder)
                if fate is None:  # it is not chosen
                    continue
                if fate.stays:
                    _keep(plan, fate, keep, watcher)
                    continue
                for change in fate.changes:
                    if change.cause is Cause.DAMAGED:
                        why = f"{run.folder / RECORD} is damaged: {change.detail}"
                        watcher.event("damaged", run, {"why": why, "aside": str(_set_aside(run))})
                pending.append(run)
            if not pending:
                continue
            write_journal(plan.campaign.output, "session", runs=[run.label for run in pending])
            with ending_noted(plan.campaign.output):
                run_session(
                    session.model_copy(update={"runs": tuple(pending)}),
                    _work(plan, benchmark),
                    waiting_limits(plan.campaign),
                    watcher,
                    partial(_write_record, plan, benchmark, session),
                    failed_folder=plan.campaign.failed_folder,
                    journal=journal,
                )


def _work(plan: CampaignPlan, benchmark: BenchmarkPlan) -> Path:
    """Where the engine's log of the benchmark's sessions is."""
    return plan.campaign.engine_folder / benchmark.table.name


def _keep(plan: CampaignPlan, fate: RunChanges, keep: Collection[Keep], watcher: Watcher) -> None:
    watcher.event("kept", fate.run, {"valid": fate.is_valid})
    if fate.despite:
        write_journal(
            plan.campaign.output,
            "kept",
            benchmark=fate.benchmark,
            run=fate.run.label,
            despite=[str(each) for each in fate.despite],
            keep=sorted(keep),
        )


def waiting_limits(campaign: Campaign) -> Limits:
    """How long a session of the campaign waits, as the harness takes it."""
    return Limits(campaign.limits.start_s, campaign.limits.stall_s)


def _write_record(plan: CampaignPlan, benchmark: BenchmarkPlan, session: SessionPlan, done: Finished) -> None:
    """Write the record, which is the last file of a run, and give the folder its final name."""
    run = done.run
    if run.mode is Mode.ACCURACY and done.sample_count != len(benchmark.dataset):
        raise RunError(f"{run.label}: {done.sample_count} of {len(benchmark.dataset)} samples answered", "report this")
    _require_no_caching(plan.campaign.division, done.engine_facts)
    keep_host_facts(done.folder)
    record = RunRecord(
        smoke=plan.campaign.smoke,
        round=plan.book.name,
        system=plan.campaign.system.id,
        benchmark=benchmark.table.name,
        official_benchmark=benchmark.official,
        scenario=run.scenario,
        mode=run.mode,
        # Of the settings that the run kept: the campaign's own files may have changed meanwhile.
        plan_sha256=fingerprint(
            benchmark, session, run.model_copy(update={"user_conf": done.folder / layout.USER_CONF})
        ),
        engine=session.engine.engine,
        engine_settings=session.engine.model_dump(exclude={"engine"}),
        campaign_settings=campaign_settings(session, run),
        dataset=benchmark.dataset_facts,
        model=benchmark.model,
        loadgen_version=str(done.log["loadgen_version"]),
        packages={loadgen.DISTRIBUTION: loadgen.version(), **engines.versions(session.engine.engine)},
        environment=environment.captured({**os.environ, **session.engine.env}),
        provenance=Provenance(
            tokenizer_sha256=tokenizer_sha256(benchmark.model_folder),
            campaign_sha256=sha256_of(plan.campaign.path),
            loadgen_sha256=loadgen.build_sha256(),
            host=identity(),
        ),
        started_utc=done.started_utc,
        duration_s=round(done.duration_s, 3),
        sample_count=done.sample_count,
        token_count=done.token_count,
        engine_facts=done.engine_facts,
        answers=done.answers,
        network=done.network,
        valid=is_valid(done.log, run.mode),
        metric=metric_of(done.log, plan.book, benchmark.official, run.scenario, run.mode),
        files={file.name: sha256_once(file) for file in sorted(done.folder.iterdir()) if file.is_file()},
    )
    write_json_atomically(done.folder / RECORD, record.model_dump(mode="json"))
    _take_over(plan, benchmark, run)


def _take_over(plan: CampaignPlan, benchmark: BenchmarkPlan, run: RunPlan) -> None:
    """Give the finished run in the `.partial` folder its name. Every step may be the last one of this process."""
    folder = run.partial_folder
    record = read_record(folder)
    # First the journal: a record that it does not know counts as edited.
    write_journal(
        plan.campaign.output,
        FINISHED,
        system=record.system,
        benchmark=benchmark.table.name,
        run=run.label,
        valid=record.valid,
        metric=record.metric and record.metric.model_dump(),
        record_sha256=sha256_of(folder / RECORD),
    )
    settle(run.folder)


def _require_no_caching(division: Division, engine_facts: dict[str, str]) -> None:
    """RunError if a server cached prefixes and may not: it may be another one than preflight saw."""
    for name, value in engine_facts.items():
        is_on = name.endswith(PREFIX_CACHING) and value.startswith("on")
        if is_on and (problem := caching_problem(division, name.removesuffix(PREFIX_CACHING))):
            raise RunError(problem.message, problem.hint)
