"""Finds the run that a path names: a folder with LoadGen's logs, a run of the harness, or a submission's result."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from submitter import layout
from submitter.errors import InputError
from submitter.insight.explain import RoundRequirements
from submitter.logs import DetailLog, LogFormatError, parse_detail
from submitter.model import Scenario
from submitter.record import RECORD, read_record
from submitter.rulebook import load_rulebook
from submitter.submission.files import LOG_LIMIT_BYTES, Files, Unavailable
from submitter.submission.opened import open_submission
from submitter.submission.tree import Result

_RESULTS_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class FoundRun:
    """A run and what is known of it."""

    folder: Path
    """The folder with its logs."""
    log: DetailLog
    about: str
    """Its result or benchmark, and its round, as text; empty if nothing is known."""
    requirements: RoundRequirements | None
    """What its round requires; None if the round or the benchmark is not known."""


def find_run(path: Path, round_name: str | None = None) -> FoundRun:
    """The run at `path`. InputError where there is none, or more than one, or its log cannot be read."""
    if path.name == layout.DETAIL_LOG:
        path = path.parent
    if not path.is_dir():
        reason = "is not a folder" if path.exists() else "does not exist"
        raise InputError(f"{path} {reason}", "give the folder of a run or a result")
    result = _result_at(path, round_name)
    if (path / layout.DETAIL_LOG).exists():
        folder = path
    elif result is not None:
        folder = result.files.root / result.performance.path
    else:
        raise InputError(f"{path} holds no {layout.DETAIL_LOG}", _runs_below(path))
    about, requirements = _facts(folder, result, round_name)
    return FoundRun(folder=folder, log=_read(folder), about=about, requirements=requirements)


def _runs_below(path: Path) -> str:
    """The hint for a folder that is above those of the runs, or elsewhere."""
    below = [log.parent for log in islice(path.rglob(layout.DETAIL_LOG), _RESULTS_NAMED)]
    some = ", ".join(shlex.quote(str(folder)) for folder in below)
    return f"give the folder of one run, such as {some}" if below else "give a folder with LoadGen's logs, or a result"


def _read(folder: Path) -> DetailLog:
    name = PurePosixPath(layout.DETAIL_LOG)
    try:
        return parse_detail(Files(folder).read(name, LOG_LIMIT_BYTES))
    except Unavailable as reason:
        raise InputError(f"{folder / name} {reason.reason}") from None
    except LogFormatError as error:
        raise InputError(f"{folder / name} is not a LoadGen log: {error}") from None


def _result_at(path: Path, round_name: str | None) -> Result | None:
    """The result that `path` is, contains or is in; None if it is not part of a submission."""
    book = load_rulebook(round_name) if round_name else None
    try:
        opened = open_submission(path, book)
    except InputError:
        return None
    results = list(opened.results)
    if not results:
        opened.require_listed()
    if len(results) > 1:
        folders = [str(result.files.root / result.path) for result in results]
        more = ", and more" if len(folders) > _RESULTS_NAMED else ""
        some = ", ".join(shlex.quote(folder) for folder in folders[:_RESULTS_NAMED])
        raise InputError(f"{path} holds {len(folders)} results", f"give one: {some}{more}")
    return results[0] if results else None


def _facts(folder: Path, result: Result | None, round_name: str | None) -> tuple[str, RoundRequirements | None]:
    """What is known of a run, for `FoundRun`: from its record, else from the result that it belongs to."""
    if (folder / RECORD).is_file():
        record = read_record(folder)
        name = round_name or record.round
        about = f"{record.benchmark}, {record.scenario}, {record.mode} run, round {name}"
        return about, _requirements(name, record.official_benchmark, record.scenario)
    if result is None:
        return "", None
    about, book = f"{result.key}, round {result.book.name}", result.book
    try:
        return about, _requirements(book.name, result.official_name, result.scenario)
    except Unavailable:
        return about, None


def _requirements(round_name: str, benchmark: str, scenario: Scenario) -> RoundRequirements | None:
    book = load_rulebook(round_name)
    known = book.benchmarks.get(benchmark)
    return RoundRequirements(book.min_duration_ms(benchmark), known.token_latency.get(scenario)) if known else None
