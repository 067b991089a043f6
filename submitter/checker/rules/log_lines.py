"""PRF: the lines of a detail log as such, of every run: all are LoadGen's, and they do not contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import LOG_COMPLETE, log_problem
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.latencies import KINDS, number
from submitter.submission.runs import PerformanceRun, Run

_COPY_AGAIN = "copy the run's log again, as LoadGen wrote it"
_JUDGED_SHARES = ("50.00", "90.00", "99.00", "99.90")


def _has_log(run: Run) -> bool:
    """Whether there is a log to judge; of an endpoints result, and of some compliance tests, there is none."""
    return run.files.kind(run.detail_path) is not None


@rule(
    "PRF032",
    requires=["STR002", "CMP012", "PRF022"],
    origin="integrity",
    source="LoadGen logging.cc: each line begins with :::MLLOG",
    hint=_COPY_AGAIN,
)
def all_lines_are_loadgens(run: Run, book: Rulebook) -> Iterator[Problem]:
    """Every line of a detail log is LoadGen's.

    The official checker ignores all others, so an entry whose mark is damaged counts as absent.
    """
    if _has_log(run) and run.log.foreign_line:
        message, required = "the line is not LoadGen's", ":::MLLOG and a JSON object"
        yield Problem(message, required=required, path=str(run.detail_path), line=run.log.foreign_line)


@rule(
    "PRF033",
    requires=["STR002", "CMP012"],
    origin="integrity",
    source="LoadGen results.cc, test_settings_internal.cc: each setting and each result once",
    hint=_COPY_AGAIN,
)
def settings_and_results_once(run: Run, book: Rulebook) -> Iterator[Problem]:
    """A detail log has each setting and each result once.

    It is the log of one run. The official checker reads the first entry of a key only.
    """
    if _has_log(run) and run.log.repeated:
        key, line = run.log.repeated
        message, found = f"the log has {key} a second time", f"first in line {run.line(key)}"
        yield Problem(message, found=found, required="once", path=str(run.detail_path), line=line)


@rule(
    "PRF034",
    requires=["STR002", "CMP012", "PRF015", "ACC009"],
    origin="integrity",
    source="LoadGen loadgen.cc: num_errors is the number of errors that it logged",
    hint="fix the cause and run it again; if the log lost the lines of its errors, copy it again",
)
def counted_errors_are_logged(run: Run, book: Rulebook) -> Iterator[Problem]:
    """The error count of a detail log is a number, and not above 0 where the log has no error.

    PRF026, ACC015 and CMP006 are about errors that a log has.
    """
    key = "num_errors"
    if not _has_log(run) or key not in run.log:
        return
    count = run.log[key]
    if type(count) is not int or count < 0:
        yield log_problem(run, key, "the error count is not a number", found=shown(count), required="0")
    elif count and not run.log.errors:
        message, found = "the log counts errors, and has no line of one", f"{key} {count}"
        yield log_problem(run, key, message, found=found, required="0")


@rule(
    "PRF035",
    requires=LOG_COMPLETE,
    origin="integrity",
    source="LoadGen results.cc: a latency is the time from a query's schedule to its answer",
    hint=_COPY_AGAIN,
)
def latencies_are_positive(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Means and percentiles of latencies are above 0.

    Clocks that jump make single latencies negative, as in some published logs, but no percentile.
    """
    keys = (key for kind in KINDS for key in (kind.mean, *map(kind.key, _JUDGED_SHARES)))
    for key in keys:
        value = number(run.log, key)
        if value is not None and value <= 0:
            yield log_problem(run, key, f"{key} is not above 0", found=shown(run.log[key]), required="above 0")


@rule(
    "PRF036",
    requires=LOG_COMPLETE,
    origin="integrity",
    source="LoadGen system_under_test.h: Name",
    hint="give the SUT a name and run it again",
)
def sut_is_named(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The SUT has a name."""
    if not run.text("sut_name").strip():
        yield log_problem(run, "sut_name", "the SUT has no name", found="blanks", required="a name")
