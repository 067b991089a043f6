"""What several families of rules use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import PurePosixPath

from submitter.checker.finding import Problem
from submitter.logs import DetailLog, LogEntry
from submitter.rulebook import Rulebook
from submitter.submission.files import Files, Unavailable, Unreadable
from submitter.submission.runs import Run

# Of these the official `files_diff` never complains.
_INDIFFERENT = frozenset({"mlperf_log_trace.json", "results.json", ".gitkeep"})


def differences(
    files: Files, folder: PurePosixPath, listed: Collection[str], optional: Collection[str] = ()
) -> Iterator[Problem]:
    """What is missing in a folder, and what is too much: files only, folders do not count."""
    there = set(files.names(folder))
    for name in sorted(set(listed) - there - _INDIFFERENT):
        yield Problem("a listed file is missing", required=name, path=str(folder / name))
    for name in sorted(there - set(listed) - set(optional) - _INDIFFERENT):
        yield Problem("the file is not on the round's list", found=name, path=str(folder / name))


def counted_errors(log: DetailLog, book: Rulebook) -> Iterable[LogEntry]:
    """The errors of a detail log, as the round's official checker counts them.

    These are the entries that LoadGen flags; where that checker goes by the log's own count, that count.
    """
    key = book.checker.error_count_key
    if key is None or key not in log:
        return log.errors
    return () if log[key] == 0 else (LogEntry(key, log[key], log.line(key) or 0, True, False),)


def entry(run: Run, key: str, message: str, found: str, required: str, hint: str = "") -> Problem:
    """A problem with one entry of the detail log, at its line."""
    return Problem(message, found=found, required=required, path=str(run.detail_path), line=run.line(key), hint=hint)


def unreadable(read: Callable[[], object]) -> Iterator[Problem]:
    """What makes a file unreadable, if it is there."""
    try:
        read()
    except Unreadable as problem:
        yield Problem(problem.reason, path=problem.path)
    except Unavailable:
        return
