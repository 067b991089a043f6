"""A session as its parent follows it: acts on the child's events, limits each wait, and verifies each run."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submitter.errors import RunError, SubmitterError
from submitter.harness.clock import ClockSteps
from submitter.harness.engine_log import log_hint
from submitter.harness.events import TICK, Deadline, EnginePhase, Watcher, read_events
from submitter.harness.failed_run import Failure, Journal, reported_error
from submitter.harness.network import NetworkSampler
from submitter.harness.plan import RunPlan
from submitter.harness.process_group import ProcessGroup
from submitter.harness.run_log import accepted_log, require_folder
from submitter.harness.unfinished import prepared
from submitter.logs import DetailLog
from submitter.model import Mode
from submitter.record import NetworkTraffic

_NODES_HINT = "on each other machine start: submitter node CAMPAIGN.toml"
_STOP_LIMIT_S = 60.0  # everything is recorded then, so nothing is lost if the engine is killed
_EXIT_LIMIT_S = 5.0  # between the end of the child's events and its own end


@dataclass(frozen=True)
class Limits:
    """How long the parent waits, in s: for the engine to load and warm up, and for a run's next finished sample.

    After the last run an engine has `stall_s` to end, and no more than 60 s.
    """

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


class Session:
    """A session under way. Every wait has a limit, which is looked at with each event and after each silent second."""

    def __init__(
        self,
        group: ProcessGroup,
        network: NetworkSampler,
        *,
        runs: list[RunPlan],
        limits: Limits,
        watcher: Watcher,
        on_finished: Callable[[Finished], None],
        engine: EnginePhase,
        next_run: Callable[[], RunPlan | None] | None,
        journal: Journal,
    ) -> None:
        self._group, self._network = group, network
        self._runs, self._limits, self._watcher = runs, limits, watcher
        self._on_finished, self._following_run, self._journal = on_finished, next_run, journal
        self._engine = engine
        self._engine_facts: dict[str, str] = {}
        self._run: RunPlan | None = None
        self._started_utc = ""
        self._done = 0
        self._last_progress = -1
        self._status: int | None = None
        self._clock = ClockSteps()
        self._deadline = Deadline(limits.start_s)
        self._wait_for("the engine to load", limits.start_s)

    def follow(self) -> None:
        """Act on the child's events until it ends. RunError if it ends too early, or not in time."""
        self._engine.tell(self._watcher)
        for facts in read_events(self._group.reports, self._deadline):
            kind = facts.pop("event")
            if kind == "error":
                if self._run:
                    require_folder(self._run, self._run.partial_folder)
                raise reported_error(facts, self._engine.log)
            if kind == TICK:
                self._engine.tell(self._watcher)
                if self._group.has_ended():  # a process that it left may hold the pipe of the events open
                    break
            else:
                self._take(kind, facts)
            self._require_clock()
            if not self._deadline.remaining_s():
                if self._engine.kind == "stopping":
                    self._journal("engine_killed", why=f"it did not end in {self._limit_s:.0f} s after its last run")
                    return
                hint = _NODES_HINT if self._engine.kind == "nodes" else log_hint(self._engine.log)
                raise RunError(f"timed out waiting for {self._waiting_for} (limit {self._limit_s:.0f} s)", hint)
        if self._engine.kind != "stopping":
            raise self._too_early()

    def failure(self, error: SubmitterError) -> Failure:
        """What the session did when the error ended it."""
        label = self.next_run.label if self.next_run else ""
        return Failure(why=error.message, phase=self._engine.kind or "run", run=label, status=self._status)

    @property
    def next_run(self) -> RunPlan | None:
        """The run under way, or the next one."""
        return self._run or next(iter(self._runs[self._done :]), None)

    def _wait_for(self, what: str, limit_s: float) -> None:
        self._waiting_for, self._limit_s = what, limit_s
        self._deadline.set(limit_s)

    def _take(self, kind: str, facts: dict[str, Any]) -> None:
        """Act on an event of the child that is neither an error nor silence."""
        run = self._runs[facts.pop("number")] if "number" in facts else None
        if kind == "nodes":
            missing = facts["ranks"]
            if missing:
                self._engine.begin(kind, **facts)
                self._waiting_for = f"nodes with {missing} more of the engine's ranks"
            else:
                self._engine.begin("loading", engine=self._engine.name)
                self._waiting_for = "the engine to load"
            self._engine.tell(self._watcher)
            return
        if kind == "warm_up":  # it is a part of loading, so it has no time of its own
            self._group.note_shared_memory()
            self._engine.begin(kind, **facts)
            self._engine.tell(self._watcher)
            return
        if kind == "ready":
            self._engine_facts = facts.pop("engine_facts")
        if kind == "run" and run is not None:
            self._started_utc = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            self._run = run
            self._clock.begin()
            self._network.begin(run.partial_folder)
        if kind != "progress" or facts["done"] > self._last_progress:
            self._last_progress = facts["done"] if kind == "progress" else -1
            self._wait_for("the next finished sample", self._limits.stall_s)
        self._engine.begin("")
        self._watcher.event(kind, run, facts)
        if kind == "finished" and run is not None:
            self._finish(run, facts)
        if kind in ("ready", "finished") and self._done == len(self._runs):
            self._go_on()

    def _finish(self, run: RunPlan, facts: dict[str, Any]) -> None:
        traffic = self._network.end()
        finished = Finished(
            run=run,
            folder=run.partial_folder,
            log=accepted_log(run, run.partial_folder),
            started_utc=self._started_utc,
            duration_s=facts["seconds"],
            sample_count=facts["done"],
            token_count=facts["tokens"],
            engine_facts=self._engine_facts,
            answers=facts["answers"],
            network=traffic,
        )
        self._require_clock()
        self._on_finished(finished)
        self._run = None
        self._done += 1
        valid = None if run.mode is Mode.ACCURACY else finished.log["result_validity"] == "VALID"
        self._watcher.event("judged", run, {"valid": valid})
        if traffic and traffic.warnings:
            self._watcher.event("network", run, {"warnings": traffic.warnings})
        self._wait_for("the next run to begin", self._limits.stall_s)  # what `on_finished` took does not count

    def _go_on(self) -> None:
        """Send the child the next run, as a line to its standard input; without one, an empty line ends the session."""
        run = self._following_run() if self._following_run is not None else None
        if self._following_run is not None and self._group.process.stdin:
            line = b"" if run is None else prepared(run, self._runs).model_dump_json().encode()
            with suppress(BrokenPipeError):  # it has ended, as its events will show
                self._group.process.stdin.write(line + b"\n")
                self._group.process.stdin.flush()
        if run is None:
            self._engine.begin("stopping")
            self._wait_for("the engine to end", min(self._limits.stall_s, _STOP_LIMIT_S))
        else:
            self._wait_for("the next run to begin", self._limits.stall_s)

    def _require_clock(self) -> None:
        """RunError if the clock was set during a run: LoadGen's times are wrong then. An accuracy run has no times."""
        if self._run is None or not (step_s := self._clock.step_s()):
            return
        self._journal("clock_set", run=self._run.label, seconds=round(step_s, 3))
        self._clock.begin()
        if self._run.mode is not Mode.ACCURACY:
            raise RunError(
                f"{self._run.label}: the system's clock, with which LoadGen measures, was set by {step_s:+.1f} s",
                "make the run again; let the time service slew the clock while a run is under way, and not set it",
            )

    def _too_early(self) -> RunError:
        self._status = self._group.status(_EXIT_LIMIT_S)
        how = self._group.how_it_ended(self._status)
        when = f"in the run {self._run.label}" if self._run else "before its runs were finished"
        return RunError(f"the engine's process {how} {when}", log_hint(self._engine.log))
