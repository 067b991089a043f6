"""Carries a plan out: runs, scores, verifies, assembles. Each stage works alone on what the earlier ones left."""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from submitter import assembly, scoring
from submitter.campaign.draft import assembly_plan
from submitter.campaign.file import load_campaign
from submitter.campaign.plan import BenchmarkPlan, CampaignPlan, make_plan, run_folder
from submitter.campaign.preflight import system_description
from submitter.campaign.rounds import for_round
from submitter.errors import InputError, RunError
from submitter.harness import engines, environment, loadgen
from submitter.harness.audits import verify_test06
from submitter.harness.checkpoint import tokenizer_sha256
from submitter.harness.plan import RunPlan, SessionPlan
from submitter.harness.supervisor import Finished, Limits, Watcher, run_session
from submitter.layout import ACCURACY_LOG, ACCURACY_TEXT, VERIFY_ACCURACY
from submitter.logs import LogFormatError, parse_accuracy_text, read_accuracy
from submitter.manifest import ManifestFullRun
from submitter.model import Mode, Scenario
from submitter.record import (
    RECORD,
    Provenance,
    RecordedMetric,
    RunRecord,
    read_record,
    sha256_of,
    write_atomically,
    write_json_atomically,
)
from submitter.system import identity

JOURNAL = "journal.jsonl"


@contextmanager
def locked(plan: CampaignPlan) -> Iterator[None]:
    """Hold the campaign's output folder for this process alone."""
    output = plan.campaign.output
    output.mkdir(parents=True, exist_ok=True)
    with (output / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"another submitter is at work in {output}", "wait for it, or end it") from None
        yield


def kept_record(plan: CampaignPlan, benchmark: BenchmarkPlan, session: SessionPlan, run: RunPlan) -> RunRecord | None:
    """The record of a finished run that measured just what this one would."""
    if not (run.folder / RECORD).is_file():
        return None
    record = read_record(run.folder)
    return record if record.plan_sha256 == _fingerprint(benchmark, session, run) else None


def _fingerprint(benchmark: BenchmarkPlan, session: SessionPlan, run: RunPlan) -> str:
    return session.fingerprint(run, benchmark.dataset.sha256, benchmark.model.sha256)


def do_runs(
    plan: CampaignPlan,
    watcher: Watcher,
    *,
    rerun: bool = False,
    only: tuple[Scenario | None, Mode | None] = (None, None),
) -> None:
    """Make every run that has no record yet, or all with `rerun`; `only` limits them to a scenario and a mode."""
    limits = Limits(plan.campaign.limits.start_s, plan.campaign.limits.stall_s)
    for benchmark in plan.benchmarks:
        for session in benchmark.sessions:
            wanted = [r for r in session.runs if only[0] in (None, r.scenario) and only[1] in (None, r.mode)]
            todo = []
            for run in wanted:
                if not rerun and kept_record(plan, benchmark, session, run):
                    watcher.event("kept", run, {})
                else:
                    todo.append(run)
            if not todo:
                continue
            part = session.model_copy(update={"runs": tuple(todo)})
            _journal(plan, "session", runs=[run.label for run in todo])
            try:
                run_session(
                    part,
                    plan.campaign.output / "engine" / benchmark.table.name,
                    limits,
                    watcher,
                    lambda done, b=benchmark, s=session: _keep(plan, b, s, done),  # type: ignore[misc]
                )
            except BaseException as error:
                _journal(plan, "ended", why=f"{type(error).__name__}: {error}")
                raise


def _keep(plan: CampaignPlan, benchmark: BenchmarkPlan, session: SessionPlan, done: Finished) -> None:
    """Write the record, the last file of the run, and give the folder its name."""
    run = done.run
    if run.mode is Mode.ACCURACY and done.sample_count != len(benchmark.dataset):
        raise RunError(f"{run.label}: {done.sample_count} of {len(benchmark.dataset)} samples answered", "report this")
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
        plan_sha256=_fingerprint(benchmark, session, run),
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
        valid=None if run.mode is Mode.ACCURACY else done.log["result_validity"] == "VALID",
        metric=metric,
        files={file.name: sha256_of(file) for file in sorted(done.folder.iterdir()) if file.is_file()},
    )
    write_json_atomically(done.folder / RECORD, record.model_dump(mode="json"))
    shutil.rmtree(run.folder, ignore_errors=True)
    done.folder.replace(run.folder)
    _journal(plan, "finished", run=run.label, valid=record.valid, metric=metric and metric.model_dump())


def _journal(plan: CampaignPlan, event: str, **facts: Any) -> None:
    line = {"time_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "event": event, **facts}
    with (plan.campaign.output / JOURNAL).open("a") as journal:
        journal.write(json.dumps(line) + "\n")


def do_scores(plan: CampaignPlan) -> Iterator[tuple[BenchmarkPlan, Scenario, dict[str, float]]]:
    """Score every accuracy run and verify every compliance run; yields each scenario's scores."""
    for benchmark in plan.benchmarks:
        for scenario in benchmark.table.scenarios:
            yield benchmark, scenario, _score(plan, benchmark, scenario)
            for test in plan.book.benchmark(benchmark.official).compliance:
                _verify(plan, benchmark, scenario, Mode(test))


def _score(plan: CampaignPlan, benchmark: BenchmarkPlan, scenario: Scenario) -> dict[str, float]:
    folder = run_folder(plan.campaign, benchmark.table.name, scenario, Mode.ACCURACY)
    record = read_record(folder)
    text = folder / ACCURACY_TEXT
    if text.is_file():
        there = parse_accuracy_text(text.read_text("utf-8"))
        if there.metrics and there.sha256 == record.files.get(ACCURACY_LOG):
            return there.metrics
    accuracy = scoring.score(folder / ACCURACY_LOG, benchmark.dataset.references(), benchmark.model_folder)
    if accuracy.log_sha256 != record.files.get(ACCURACY_LOG):
        raise InputError(f"{folder / ACCURACY_LOG} is not the log its record tells of", "run it again")
    scoring.write_accuracy_text(accuracy, text)
    return {name: float(value) for name, value in accuracy.metrics.items()}


def _verify(plan: CampaignPlan, benchmark: BenchmarkPlan, scenario: Scenario, test: Mode) -> None:
    folder = run_folder(plan.campaign, benchmark.table.name, scenario, test)
    read_record(folder)
    try:
        verdict = verify_test06(read_accuracy(folder / ACCURACY_LOG), scenario, benchmark.eos_token_id)
    except (OSError, LogFormatError) as error:
        raise InputError(f"{test} of {scenario}: {error}", "run it again") from None
    write_atomically(folder / VERIFY_ACCURACY, verdict.text().encode())


def do_assembly(plan: CampaignPlan, round_name: str | None = None) -> Path:
    """Lay the submission tree out of the finished runs; returns its folder.

    For another round than the campaign's where `round_name` says so: InputError with all reasons where the runs' logs
    do not allow it.
    """
    campaign = plan.campaign
    full_run = None
    if campaign.smoke and campaign.full_run is not None:
        full = make_plan(load_campaign(campaign.full_run))
        full_run = ManifestFullRun(command=full.command, expected_s=round(full.expected_s))
    target = campaign.tree
    runs_round = plan.book.name
    if round_name is not None and round_name != plan.book.name:
        plan = for_round(plan, round_name)
        target = target.with_name(f"{target.name}-{round_name}")
    tree = assembly_plan(plan, system_description(plan), full_run)
    return assembly.assemble(campaign.runs_folder, target, plan=replace(tree, runs_round=runs_round))
