"""The parent's side of a session: starts the child, follows its events, limits its time, and verifies its runs.

A run's logs are written to `<folder>.partial`. When the run has ended and its log shows that it is the requested run,
`on_finished` gets it, writes the record and gives the folder its name. A run that fails has no record, so no verdict.
"""

from __future__ import annotations

import datetime
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submitter import compliance, layout
from submitter.errors import InputError, NotInstalledError, RunError, SeveralErrors, SubmitterError, from_os_error
from submitter.harness.engine_log import log_hint
from submitter.harness.events import TICK, Deadline, EnginePhase, Watcher, read_events
from submitter.harness.kept_settings import keep_settings
from submitter.harness.network import NetworkSampler
from submitter.harness.plan import EngineSettings, RunPlan, SessionPlan
from submitter.harness.process_group import process_group
from submitter.logs import DetailLog, LogFormatError, read_detail
from submitter.model import Mode
from submitter.record import NetworkTraffic

PARTIAL = ".partial"
ENGINE_LOG = "engine.log"
_CHILD = "submitter.harness.child"
_NODES_HINT = "on each other machine start: submitter node CAMPAIGN.toml"
_DISK_HINT = "check whether the disk is full"


@dataclass(frozen=True)
class Limits:
    """How long the parent waits, in s: for the engine to load and warm up, and for a run's next finished sample."""

    start_s: float = 1800.0
    stall_s: float = 300.0


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run that has ended: its folder, which still has its `.partial` name, and what the child counted.

    `duration_s` is the time from LoadGen's start to its return; `token_count` counts the answers' tokens only.
    `engine_facts` is what the loaded engine says of itself; `answers` counts the samples of each rank or server.
    `network` is None if the host's counters could not be read in time.
    """

    run: RunPlan
    folder: Path
    log: DetailLog
    started_utc: str
    duration_s: float
    sample_count: int
    token_count: int
    engine_facts: dict[str, str]
    answers: dict[str, int]
    network: NetworkTraffic | None


def run_session(
    plan: SessionPlan,
    work: Path,
    limits: Limits,
    watcher: Watcher,
    on_finished: Callable[[Finished], None],
    next_run: Callable[[], RunPlan | None] | None = None,
) -> None:
    """Make all runs of the plan; `on_finished` gets each as it ends. RunError if a run fails; finished runs are kept.

    With `next_run` the session goes on with the runs that it returns, on the same loaded engine, until it returns None.
    """
    runs: list[RunPlan] = []
    try:
        inner = plan.model_copy(
            update={
                "runs": tuple(_prepared(run, plan.engine, runs) for run in plan.runs),
                "goes_on": next_run is not None,
            }
        )
        work.mkdir(parents=True, exist_ok=True)
        with (
            process_group(_CHILD, inner, work / ENGINE_LOG, inner.engine) as (process, events),
            NetworkSampler() as network,
        ):
            _follow(
                process,
                events,
                network,
                runs=runs,
                limits=limits,
                watcher=watcher,
                on_finished=on_finished,
                engine=EnginePhase(plan.engine.engine, work / ENGINE_LOG),
                next_run=next_run,
                settings=plan.engine,
            )
    finally:
        for run in runs:
            shutil.rmtree(partial_folder(run.folder), ignore_errors=True)


def _prepared(run: RunPlan, engine: EngineSettings, runs: list[RunPlan]) -> RunPlan:
    """Create the folder for a run's logs and append the run to `runs`; returns the run as the child gets it."""
    runs.append(run)
    partial = partial_folder(run.folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return run.model_copy(update={"folder": partial, "user_conf": keep_settings(run.user_conf, engine, partial)})


def partial_folder(folder: Path) -> Path:
    return folder.with_name(folder.name + PARTIAL)


def _follow(
    process: subprocess.Popen[bytes],
    events: int,
    network: NetworkSampler,
    *,
    runs: list[RunPlan],
    limits: Limits,
    watcher: Watcher,
    on_finished: Callable[[Finished], None],
    engine: EnginePhase,
    next_run: Callable[[], RunPlan | None] | None,
    settings: EngineSettings,
) -> None:
    """Act on the child's events, read from the descriptor `events`, until it ends. RunError if it ends too early."""
    deadline = Deadline(limits.start_s)
    waiting_for = f"the engine to load (limit {limits.start_s:.0f} s)"
    done_before = -1
    started_utc = ""
    engine_facts: dict[str, str] = {}
    done = 0
    engine.tell(watcher)
    for facts in read_events(events, deadline):
        kind = facts.pop("event")
        run = runs[facts.pop("number")] if "number" in facts else None
        if kind == TICK:
            if not deadline.remaining_s():
                hint = _NODES_HINT if engine.kind == "nodes" else log_hint(engine.log)
                raise RunError(f"timed out waiting for {waiting_for}", hint)
            engine.tell(watcher)
            continue
        if kind == "error":
            raise _error(facts, engine.log)
        if kind == "nodes":
            missing = facts["ranks"]
            if missing:
                engine.begin(kind, **facts)
                waiting_for = f"nodes with {missing} more of the engine's ranks (limit {limits.start_s:.0f} s)"
            else:
                engine.begin("loading", engine=engine.name)
                waiting_for = f"the engine to load (limit {limits.start_s:.0f} s)"
            engine.tell(watcher)
            continue
        if kind == "warm_up":  # it is a part of loading, so it has no time of its own
            engine.begin(kind, **facts)
            engine.tell(watcher)
            continue
        if kind == "ready":
            engine_facts = facts.pop("engine_facts")
        if kind == "run" and run is not None:
            started_utc = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            network.begin(partial_folder(run.folder))
        if kind != "progress" or facts["done"] > done_before:
            done_before = facts["done"] if kind == "progress" else -1
            deadline.set(limits.stall_s)
            waiting_for = f"the next finished sample (limit {limits.stall_s:.0f} s)"
        engine.begin("")
        watcher.event(kind, run, facts)
        if kind == "finished" and run is not None:
            done += 1
            traffic = network.end()
            finished = _checked(run, facts, started_utc, engine_facts, traffic)
            on_finished(finished)
            valid = None if run.mode is Mode.ACCURACY else finished.log["result_validity"] == "VALID"
            watcher.event("judged", run, {"valid": valid})
            if traffic and traffic.warnings:
                watcher.event("network", run, {"warnings": traffic.warnings})
            if done == len(runs):
                engine.begin("stopping")
                waiting_for = f"the engine to end (limit {limits.stall_s:.0f} s)"
        if next_run is not None and done == len(runs) and kind in ("ready", "finished"):
            _send_next_run(process, next_run(), settings, runs)
    if done < len(runs):
        code = process.wait()
        raise RunError(
            f"the engine's process ended before all runs were finished (status {code})", log_hint(engine.log)
        )


def _send_next_run(
    process: subprocess.Popen[bytes], run: RunPlan | None, settings: EngineSettings, runs: list[RunPlan]
) -> None:
    """Write the next run as a line to the child's standard input; an empty line ends the session."""
    line = b"" if run is None else _prepared(run, settings, runs).model_dump_json().encode()
    if process.stdin:
        process.stdin.write(line + b"\n")
        process.stdin.flush()


def _error(facts: dict[str, Any], engine_log: Path) -> SubmitterError:
    """The error that the child reported. For a failure the hint also quotes the engine's log, which has the cause."""
    kinds: dict[int, type[SubmitterError]] = {2: InputError, 3: NotInstalledError}
    kind = kinds.get(facts["exit_code"], RunError)
    errors = [kind(each["message"], each["hint"]) for each in facts["problems"]]
    for error in errors:
        if kind is RunError or not error.hint:
            error.hint = "\n  ".join(filter(None, (error.hint, log_hint(engine_log))))
    return errors[0] if len(errors) == 1 else SeveralErrors(errors)


def _is_complete(accuracy_log: Path) -> bool:
    """Whether the log ends with LoadGen's closing bracket: LoadGen itself does not report a full disk."""
    try:
        with accuracy_log.open("rb") as file:
            file.seek(max(0, accuracy_log.stat().st_size - 8))
            return file.read().rstrip().endswith(b"]")
    except OSError:
        return False


def _checked(
    run: RunPlan,
    facts: dict[str, Any],
    started_utc: str,
    engine_facts: dict[str, str],
    traffic: NetworkTraffic | None,
) -> Finished:
    """Accept a run only if its own log shows that it is the requested run and that it ended; else RunError."""
    folder = partial_folder(run.folder)
    path = folder / layout.DETAIL_LOG
    try:
        log = read_detail(path)
    except (OSError, LogFormatError) as error:
        why = from_os_error(error, path).message if isinstance(error, OSError) else error
        raise RunError(f"{run.label}: LoadGen left no readable log: {why}", _DISK_HINT) from None
    if not mode_is(log, run.mode):
        raise RunError(
            f"{run.label}: the log is of another mode: {log['effective_test_mode']}",
            "this is a bug in submitter: report it",
        )
    audited = compliance.was_audited(log) if run.audit is None else not compliance.not_in_force(log, run.audit)
    if audited != run.mode.is_compliance:
        raise RunError(
            f"{run.label}: audit settings were {'not ' if run.mode.is_compliance else ''}in force",
            f"remove any {layout.AUDIT_CONFIG} that is not part of this run",
        )
    if run.mode is not Mode.ACCURACY and "result_validity" not in log:
        raise RunError(f"{run.label}: the log ends before its result", _DISK_HINT)
    if not _is_complete(folder / layout.ACCURACY_LOG):
        raise RunError(f"{run.label}: {layout.ACCURACY_LOG} is cut off", _DISK_HINT)
    return Finished(
        run=run,
        folder=folder,
        log=log,
        started_utc=started_utc,
        duration_s=facts["seconds"],
        sample_count=facts["done"],
        token_count=facts["tokens"],
        engine_facts=engine_facts,
        answers=facts["answers"],
        network=traffic,
    )


def mode_is(log: DetailLog, mode: Mode) -> bool:
    """Whether LoadGen's log is of a run of this mode."""
    expected = "AccuracyOnly" if mode is Mode.ACCURACY else "PerformanceOnly"
    return bool(log["effective_test_mode"] == expected)
