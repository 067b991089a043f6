"""Makes the runs of a plan and writes the record of each finished run."""

from __future__ import annotations

import itertools
import os
import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path

from submitter.campaign.file import Campaign
from submitter.campaign.journal import write_journal
from submitter.campaign.plan import BenchmarkPlan, CampaignPlan
from submitter.campaign.preflight_servers import caching_problem
from submitter.campaign.selection import require_run
from submitter.cluster.slurm_job import job_facts
from submitter.errors import RunError
from submitter.harness import engines, environment, loadgen
from submitter.harness.checkpoint import tokenizer_sha256
from submitter.harness.events import Watcher
from submitter.harness.plan import RunPlan, SessionPlan
from submitter.harness.process_group import end_earlier_session
from submitter.harness.remote import PREFIX_CACHING
from submitter.harness.supervisor import ENGINE_LOG, Finished, Limits, run_session
from submitter.model import Division, Mode, Scenario
from submitter.record import (
    RECORD,
    DamagedRecordError,
    Provenance,
    RecordedMetric,
    RunRecord,
    read_record,
    sha256_of,
    write_json_atomically,
)
from submitter.system import identity

DAMAGED = ".damaged-"  # and a number: the end of the name of a folder whose record is damaged


def _is_finished(benchmark: BenchmarkPlan, session: SessionPlan, run: RunPlan) -> bool:
    """Whether the run has been made already, with the same settings, data set, model and engine."""
    if not (run.folder / RECORD).is_file():
        return False
    return read_record(run.folder).plan_sha256 == fingerprint(benchmark, session, run)


def _set_aside(run: RunPlan) -> Path:
    """Rename the folder of a run whose record is damaged, so that the run can be made again; returns its new path."""
    for number in itertools.count(1):
        aside = run.folder.with_name(f"{run.folder.name}{DAMAGED}{number}")
        if not aside.exists():
            break
    return run.folder.rename(aside)


def fingerprint(benchmark: BenchmarkPlan, session: SessionPlan, run: RunPlan) -> str:
    """Of everything that a run measures; `SessionPlan.fingerprint` lists it."""
    return session.fingerprint(run, benchmark.dataset.sha256, benchmark.model.sha256)


def make_runs(
    plan: CampaignPlan,
    watcher: Watcher,
    *,
    rerun: bool = False,
    scenario: Scenario | None = None,
    mode: Mode | None = None,
) -> None:
    """Make every run that is not finished yet, or all with `rerun`; only those of `scenario` and `mode`, if given.

    The caller holds the campaign's lock (`locked`). Runs that are finished stay, also when a later one fails. A run
    whose record is damaged is made again; its folder is renamed, and not removed.

    NotInstalledError if LoadGen or the engine is not installed, InputError if the campaign has no such run or the
    engine refuses its settings, RunError if a run fails.
    """

    def is_chosen(run: RunPlan) -> bool:
        return scenario in (None, run.scenario) and mode in (None, run.mode)

    require_run(plan.campaign, scenario, mode)
    if job := job_facts(os.environ):
        write_journal(plan.campaign.output, "slurm", **job)
    for benchmark in plan.benchmarks:
        for session in benchmark.sessions:
            pending = []
            for run in filter(is_chosen, session.runs):
                try:
                    is_finished = not rerun and _is_finished(benchmark, session, run)
                except DamagedRecordError as error:
                    is_finished = False
                    watcher.event("damaged", run, {"why": error.message, "aside": str(_set_aside(run))})
                if is_finished:
                    watcher.event("kept", run, {})
                else:
                    pending.append(run)
            work = plan.campaign.engine_folder / benchmark.table.name
            if not pending:
                end_earlier_session(work / ENGINE_LOG)  # killed after its last run
                continue
            write_journal(plan.campaign.output, "session", runs=[run.label for run in pending])
            try:
                run_session(
                    session.model_copy(update={"runs": tuple(pending)}),
                    work,
                    waiting_limits(plan.campaign),
                    watcher,
                    partial(_write_record, plan, benchmark, session),
                    failed_folder=plan.campaign.failed_folder,
                    journal=partial(write_journal, plan.campaign.output),
                )
            except BaseException as error:
                with suppress(OSError):  # a full disk, say, which must not hide the error
                    write_journal(plan.campaign.output, "ended", why=f"{type(error).__name__}: {error}")
                raise


def waiting_limits(campaign: Campaign) -> Limits:
    """How long a session of the campaign waits, as the harness takes it."""
    return Limits(campaign.limits.start_s, campaign.limits.stall_s)


def _write_record(plan: CampaignPlan, benchmark: BenchmarkPlan, session: SessionPlan, done: Finished) -> None:
    """Write the record, which is the last file of a run, and give the folder its final name."""
    run = done.run
    if run.mode is Mode.ACCURACY and done.sample_count != len(benchmark.dataset):
        raise RunError(f"{run.label}: {done.sample_count} of {len(benchmark.dataset)} samples answered", "report this")
    _require_no_caching(plan.campaign.division, done.engine_facts)
    key = plan.book.metric_key(benchmark.official, run.scenario)
    metric = None
    if run.mode is Mode.PERFORMANCE and key in done.log:
        unit = plan.book.metric_unit(benchmark.official, run.scenario)
        metric = RecordedMetric(key=key, value=float(done.log[key]), unit=unit)
    record = RunRecord(
        smoke=plan.campaign.smoke,
        round=plan.book.name,
        system=plan.campaign.system.id,
        benchmark=benchmark.table.name,
        official_benchmark=benchmark.official,
        scenario=run.scenario,
        mode=run.mode,
        plan_sha256=fingerprint(benchmark, session, run),
        engine=session.engine.engine,
        engine_settings=session.engine.model_dump(exclude={"engine"}),
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
        valid=None if run.mode is Mode.ACCURACY else done.log["result_validity"] == "VALID",
        metric=metric,
        files={file.name: sha256_of(file) for file in sorted(done.folder.iterdir()) if file.is_file()},
    )
    write_json_atomically(done.folder / RECORD, record.model_dump(mode="json"))
    shutil.rmtree(run.folder, ignore_errors=True)
    done.folder.replace(run.folder)
    write_journal(
        plan.campaign.output, "finished", run=run.label, valid=record.valid, metric=metric and metric.model_dump()
    )


def _require_no_caching(division: Division, engine_facts: dict[str, str]) -> None:
    """RunError if a server cached prefixes and may not: it may be another one than preflight saw."""
    for name, value in engine_facts.items():
        is_on = name.endswith(PREFIX_CACHING) and value.startswith("on")
        if is_on and (problem := caching_problem(division, name.removesuffix(PREFIX_CACHING))):
            raise RunError(problem.message, problem.hint)
