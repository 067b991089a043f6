"""Keeps what a failed run leaves for its diagnosis: its logs so far, the engine's log, the settings, why it ended."""

from __future__ import annotations

import datetime
import itertools
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from submitter.errors import InputError, NotInstalledError, RunError, SeveralErrors, SubmitterError, os_reason
from submitter.harness.engine_log import log_hint
from submitter.record import write_json_atomically

FAILURE = "failure.json"
MAX_KEPT = 10


class Journal(Protocol):
    """Notes what happened in a session, as the journal of a campaign does."""

    def __call__(self, event: str, /, **facts: Any) -> None: ...


def no_journal(event: str, /, **facts: Any) -> None:
    """Notes nothing."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a session ended.

    `phase` is what it did: `nodes`, `loading`, `warm_up`, `run` or `stopping`; `unknown` if its parent was
    killed. `run` is the label of the run under way, or of the next one; empty if there is none. `status` is the exit
    status of the engine's process, negative for a signal; None if submitter ended it.
    """

    why: str
    phase: str
    run: str
    status: int | None = None


class FailedRuns:
    """The failed runs in `folder`, of which the newest `MAX_KEPT` stay. Without a folder nothing is kept."""

    def __init__(self, folder: Path | None, engine_log: Path, journal: Journal) -> None:
        self._folder, self._engine_log, self._journal = folder, engine_log, journal

    def note(self, event: str, /, **facts: Any) -> None:
        """Note an event in the journal. That this fails must not hide what it is about."""
        with suppress(OSError):
            self._journal(event, **facts)

    def keep(self, failure: Failure, logs: Path | None, error: SubmitterError | None = None) -> None:
        """Move the run's `logs` and the engine's log to a new folder, and name it in the journal and in the error."""
        try:
            kept = self._kept(failure, logs)
        except OSError as problem:
            _add_hint(error, f"the run's logs could not be kept: {os_reason(problem)}")
            kept = None
        self.note("failed", **asdict(failure), folder=kept and str(kept))
        if kept is None or error is None:
            return
        for each in error.problems if isinstance(error, SeveralErrors) else (error,):
            each.hint = each.hint.replace(str(self._engine_log), str(kept / self._engine_log.name))
        if str(kept) not in error.hint:
            _add_hint(error, f"the logs are kept in {kept}")

    def _kept(self, failure: Failure, logs: Path | None) -> Path | None:
        """None if there is nothing to keep, as after the output folder was removed."""
        sources = [path for path in (logs, self._engine_log) if path and path.exists()]
        if self._folder is None or not sources:
            return None
        now = datetime.datetime.now(datetime.UTC)
        label = failure.run.replace(" ", "-") or "engine"
        kept = _new_folder(self._folder, f"{now:%Y%m%dT%H%M%SZ}-{label}")
        for source in sources:
            for file in source.iterdir() if source.is_dir() else (source,):
                shutil.move(file, kept / file.name)  # the same file system: a full disk is no obstacle
        with suppress(OSError):
            time_utc = now.isoformat(timespec="seconds")
            write_json_atomically(kept / FAILURE, {"time_utc": time_utc, **asdict(failure)})
        for older in sorted(path for path in self._folder.iterdir() if path.is_dir())[:-MAX_KEPT]:
            shutil.rmtree(older, ignore_errors=True)
        return kept


def reported_error(facts: dict[str, Any], engine_log: Path) -> SubmitterError:
    """The error that the child reported. For a failure the hint also quotes the engine's log, which has the cause."""
    kinds: dict[int, type[SubmitterError]] = {2: InputError, 3: NotInstalledError}
    kind = kinds.get(facts["exit_code"], RunError)
    errors = [kind(each["message"], each["hint"]) for each in facts["problems"]]
    for error in errors:
        if kind is RunError or not error.hint:
            error.hint = "\n  ".join(filter(None, (error.hint, log_hint(engine_log))))
    return errors[0] if len(errors) == 1 else SeveralErrors(errors)


def _add_hint(error: SubmitterError | None, text: str) -> None:
    if error is not None:
        error.hint = "\n  ".join(filter(None, (error.hint, text)))


def _new_folder(parent: Path, name: str) -> Path:
    """A new folder. A second failure within the second gets a number; the names sort by time."""
    parent.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError  # the numbers do not end
