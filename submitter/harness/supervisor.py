"""The parent's side of a session: starts the child, follows its events, limits its time, and verifies its runs.

A run's logs are written to `<folder>.partial`. When the run has ended and its log shows that it is the requested run,
`on_finished` gets it, writes the record and gives the folder its name. A run that fails has no record, so no verdict.
"""

from __future__ import annotations

import datetime
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from submitter import compliance, layout
from submitter.errors import InputError, NotInstalledError, RunError, SubmitterError, from_os_error
from submitter.harness.plan import RunPlan, SessionPlan
from submitter.logs import DetailLog, LogFormatError, read_detail
from submitter.model import Mode

PARTIAL = ".partial"
ENGINE_LOG = "engine.log"
_DISK_HINT = "check whether the disk is full"


@dataclass(frozen=True)
class Limits:
    """How long the parent waits, in s: for the engine to load, and for the next finished sample of a run."""

    start_s: float = 1800.0
    stall_s: float = 300.0


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run that has ended: its folder, which still has its `.partial` name, and what the child counted.

    `duration_s` is the time from LoadGen's start to its return; `token_count` counts the answers' tokens only.
    """

    run: RunPlan
    folder: Path
    log: DetailLog
    started_utc: str
    duration_s: float
    sample_count: int
    token_count: int


class Watcher(Protocol):
    """Receives the events of a session, for example to display them."""

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None: ...


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
    inner = plan.model_copy(
        update={"runs": tuple(_prepared(run, runs) for run in plan.runs), "goes_on": next_run is not None}
    )
    work.mkdir(parents=True, exist_ok=True)
    try:
        with _child(inner, work) as (process, events):
            _follow(
                process,
                events,
                runs=runs,
                limits=limits,
                watcher=watcher,
                on_finished=on_finished,
                engine_log=work / ENGINE_LOG,
                next_run=next_run,
            )
    finally:
        for run in runs:
            shutil.rmtree(partial_folder(run.folder), ignore_errors=True)


def _prepared(run: RunPlan, runs: list[RunPlan]) -> RunPlan:
    """Create the folder for a run's logs and append the run to `runs`; returns the run as the child gets it."""
    partial = partial_folder(run.folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    shutil.copyfile(run.user_conf, partial / layout.USER_CONF)
    runs.append(run)
    return run.model_copy(update={"folder": partial})


def partial_folder(folder: Path) -> Path:
    return folder.with_name(folder.name + PARTIAL)


@contextmanager
def _child(plan: SessionPlan, work: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A child in its own process group, which is killed when the block ends, however it ends."""
    with tempfile.TemporaryDirectory(prefix="submitter-") as scratch:
        plan_file = Path(scratch, "plan.json")
        plan_file.write_text(plan.model_dump_json())
        empty = Path(scratch, "cwd")
        empty.mkdir()
        read_end, write_end = os.pipe()
        with (work / ENGINE_LOG).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "submitter.harness.child", str(plan_file), str(write_end)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(write_end,),
                start_new_session=True,
                cwd=empty,
                env=_environment(plan),
            )
        os.close(write_end)
        try:
            yield process, read_end
        finally:
            _end_group(process)
            os.close(read_end)
            if process.stdin:
                process.stdin.close()


def _environment(plan: SessionPlan) -> dict[str, str]:
    """Our environment and the engine's variables, with a PYTHONPATH that finds this package even if not installed."""
    package_root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, **plan.engine.env}


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the child's whole process group: an engine's workers would otherwise outlive it, and they ignore SIGTERM."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _follow(
    process: subprocess.Popen[bytes],
    events: int,
    *,
    runs: list[RunPlan],
    limits: Limits,
    watcher: Watcher,
    on_finished: Callable[[Finished], None],
    engine_log: Path,
    next_run: Callable[[], RunPlan | None] | None,
) -> None:
    """Act on the child's events, read from the descriptor `events`, until it ends. RunError if it ends too early."""
    deadline = _Deadline(limits.start_s)
    waiting_for = f"the engine to load (limit {limits.start_s:.0f} s)"
    done_before = -1
    started_utc = ""
    done = 0
    for facts in _events(events, deadline):
        if facts is None:
            raise RunError(f"timed out waiting for {waiting_for}", _log_hint(engine_log))
        kind = facts.pop("event")
        run = runs[facts.pop("number")] if "number" in facts else None
        if kind == "error":
            raise _error(facts, engine_log)
        if kind == "run":
            started_utc = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        if kind != "progress" or facts["done"] > done_before:
            done_before = facts["done"] if kind == "progress" else -1
            deadline.set(limits.stall_s)
            waiting_for = f"the next finished sample (limit {limits.stall_s:.0f} s)"
        watcher.event(kind, run, facts)
        if kind == "finished" and run is not None:
            done += 1
            on_finished(_checked(run, facts, started_utc))
        if next_run is not None and done == len(runs) and kind in ("ready", "finished"):
            _send_next_run(process, next_run(), runs)
    if done < len(runs):
        code = process.wait()
        raise RunError(
            f"the engine's process ended before all runs were finished (status {code})", _log_hint(engine_log)
        )


def _send_next_run(process: subprocess.Popen[bytes], run: RunPlan | None, runs: list[RunPlan]) -> None:
    """Write the next run as a line to the child's standard input; an empty line ends the session."""
    line = b"" if run is None else _prepared(run, runs).model_dump_json().encode()
    if process.stdin:
        process.stdin.write(line + b"\n")
        process.stdin.flush()


class _Deadline:
    """A deadline that can be moved."""

    def __init__(self, seconds: float) -> None:
        self.set(seconds)

    def set(self, seconds: float) -> None:
        self._at_s = time.monotonic() + seconds

    def remaining_s(self) -> float:
        return max(0.0, self._at_s - time.monotonic())


def _events(descriptor: int, deadline: _Deadline) -> Iterator[dict[str, Any] | None]:
    """The child's events until it closes its end of the pipe; None when the deadline has passed."""
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if not selector.select(deadline.remaining_s()):
                yield None
                return
            chunk = os.read(descriptor, 65536)
            if not chunk:
                return
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                yield json.loads(line)


def _error(facts: dict[str, Any], engine_log: Path) -> SubmitterError:
    kinds: dict[int, type[SubmitterError]] = {2: InputError, 3: NotInstalledError}
    return kinds.get(facts["exit_code"], RunError)(facts["message"], facts["hint"] or _log_hint(engine_log))


def _log_hint(engine_log: Path) -> str:
    """A hint that names the engine's log and quotes its last line."""
    try:
        lines = [line for line in engine_log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        lines = []
    last = f"; its last line: {lines[-1][:200]}" if lines else ""
    return f"the engine's log is {engine_log}{last}"


def _is_complete(accuracy_log: Path) -> bool:
    """Whether the log ends with LoadGen's closing bracket: LoadGen itself does not report a full disk."""
    try:
        with accuracy_log.open("rb") as file:
            file.seek(max(0, accuracy_log.stat().st_size - 8))
            return file.read().rstrip().endswith(b"]")
    except OSError:
        return False


def _checked(run: RunPlan, facts: dict[str, Any], started_utc: str) -> Finished:
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
    )


def mode_is(log: DetailLog, mode: Mode) -> bool:
    """Whether LoadGen's log is of a run of this mode."""
    expected = "AccuracyOnly" if mode is Mode.ACCURACY else "PerformanceOnly"
    return bool(log["effective_test_mode"] == expected)
