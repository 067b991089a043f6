"""The parent's side: makes sessions of runs, each in a process group of its own.

A run's logs are written to `<folder>.partial`. When the run has ended and its log shows that it is the requested run,
`on_finished` gets it, writes the record and gives the folder its name. A run that fails has no record, so no verdict;
what it leaves is kept for its diagnosis.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from submitter import layout
from submitter.errors import SubmitterError, from_os_error
from submitter.harness.events import EnginePhase, Watcher
from submitter.harness.failed_run import FailedRuns, Failure, Journal, no_journal
from submitter.harness.kept_settings import require_planned
from submitter.harness.network import NetworkSampler
from submitter.harness.plan import RunPlan, SessionPlan
from submitter.harness.process_group import end_earlier_session, process_group
from submitter.harness.run_log import require_folder
from submitter.harness.session import Finished, Limits, Session
from submitter.harness.unfinished import is_unfinished, prepared

__all__ = ["Finished", "Limits", "recover_session", "run_session"]

ENGINE_LOG = "engine.log"
_CHILD = "submitter.harness.child"


def run_session(
    plan: SessionPlan,
    work: Path,
    limits: Limits,
    watcher: Watcher,
    on_finished: Callable[[Finished], None],
    next_run: Callable[[], RunPlan | None] | None = None,
    *,
    failed_folder: Path | None = None,
    journal: Journal = no_journal,
) -> None:
    """Make all runs of the plan; `on_finished` gets each as it ends. RunError if a run fails; finished runs are kept.

    With `next_run` the session goes on with the runs that it returns, on the same loaded engine, until it returns None.
    What a failed run leaves is kept in `failed_folder`, which the error names and the journal notes. So is what an
    earlier session left whose parent was killed.
    """
    runs: list[RunPlan] = []
    log = work / ENGINE_LOG
    work.mkdir(parents=True, exist_ok=True)
    recover_session(work, failed_folder, journal)
    failed = FailedRuns(failed_folder, log, journal)
    session = None
    try:
        inner = plan.model_copy(
            update={"runs": tuple(prepared(run, runs) for run in plan.runs), "goes_on": next_run is not None}
        )
        for run in runs:
            require_planned(run, plan.engine)
        unfinished = {run.label: str(run.partial_folder) for run in runs}
        with process_group(_CHILD, inner, log, inner.engine, unfinished) as group, NetworkSampler() as network:
            session = Session(
                group,
                network,
                runs=runs,
                limits=limits,
                watcher=watcher,
                on_finished=on_finished,
                engine=EnginePhase(plan.engine.engine, log),
                next_run=next_run,
                journal=failed.note,
            )
            session.follow()
    except (SubmitterError, OSError) as caught:
        error = _reported(caught, session.next_run if session else None)
        if session is not None:  # else the engine's process was not started, and has left nothing
            failed.keep(session.failure(error), _logs(session.next_run), error)
        raise error from None
    finally:
        for partial in filter(None, map(_logs, runs)):
            shutil.rmtree(partial, ignore_errors=True)


def _reported(caught: SubmitterError | OSError, run: RunPlan | None) -> SubmitterError:
    """What a user reads of an error. A missing file is one of a folder that somebody has removed, if that is gone."""
    if not isinstance(caught, OSError):
        return caught
    try:
        if run is not None and isinstance(caught, FileNotFoundError):
            require_folder(run, run.partial_folder)
    except SubmitterError as removed:
        return removed
    return from_os_error(caught)


def _logs(run: RunPlan | None) -> Path | None:
    """The logs of a run that has not ended, if there are any."""
    partial = run.partial_folder if run else None
    return partial if partial and is_unfinished(partial) else None


def recover_session(work: Path, failed_folder: Path | None, journal: Journal = no_journal) -> None:
    """End what is left of a session in `work` whose parent was killed, and keep what its run left.

    RunError if its processes do not end.
    """
    unfinished = end_earlier_session(work / ENGINE_LOG)
    if unfinished is None:
        return
    left = {label: Path(path) for label, path in unfinished.items() if is_unfinished(Path(path))}
    label = next((label for label, path in left.items() if (path / layout.DETAIL_LOG).is_file()), "")
    failure = Failure(why="the process of submitter was killed", phase="unknown", run=label)
    FailedRuns(failed_folder, work / ENGINE_LOG, journal).keep(failure, left.get(label))
    for partial in left.values():
        shutil.rmtree(partial, ignore_errors=True)
