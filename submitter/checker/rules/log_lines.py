"""PRF: the lines of a detail log as such, of every run: all are LoadGen's, and they do not contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules._shared import LOG_COMPLETE, log_problem
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.latencies import KINDS, number
from submitter.submission.runs import ComplianceRun, PerformanceRun, Run

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
    """The error count of a detail log is not above 0 where the log has no error.

    PRF026, ACC015 and CMP006 are about errors that a log has.
    """
    key = "num_errors"
    if not _has_log(run) or key not in run.log:
        return
    count = run.log[key]
    if isinstance(count, int) and count > 0 and not run.log.errors:
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


_NUMBER, _FLAG, _TEXT = ("a number of at least 0", b"0123456789"), ("true or false", b"tf"), ("text", b'"')
_COUNTED = ("requested_", "effective_", "result_", "generated_", "qsl_reported_", "num_", "early_stopping_latency_")
_TEXTS = ("_scenario", "_test_mode", "_validity", "_reason", "_name", "_version", "_begin", "_end")
_FLAGS = (
    "_met",
    "_issue_same",
    "_issue_unique",
    "_print_timestamps",
    "_permutation",
    "_use_token_latencies",
    "_coalesce_queries",
)
# A clock that jumped makes these negative in two published logs.
_SHORTEST = frozenset({"result_min_latency_ns", "result_min_query_latency_ns"})


@cache
def _kind(key: str) -> tuple[str, bytes] | None:
    """What the value of a key is, and the first characters that its JSON has; None if it is not known."""
    if key.endswith(_FLAGS):
        return _FLAG
    if key.endswith(_TEXTS):
        return _TEXT
    return _NUMBER if key.startswith(_COUNTED) and key not in _SHORTEST else None


@rule(
    "PRF037",
    requires=["STR002", "CMP012", "PRF001"],
    origin="integrity",
    source="LoadGen results.cc, test_settings_internal.cc, loadgen.cc",
    hint=_COPY_AGAIN,
)
def values_are_of_their_kind(run: Run, book: Rulebook) -> Iterator[Problem]:
    """The values in a detail log are of the kind that LoadGen writes: numbers from 0 on, flags, text.

    The official checker converts some, compares others, and ignores most.
    """
    if not _has_log(run):
        return
    for key, text in run.log.texts():
        kind = _kind(key)
        if kind is not None and text[:1] not in kind[1]:
            yield log_problem(run, key, f"{key} is not {kind[0]}", found=shown(run.log[key]), required=kind[0])


_SETTINGS = (
    "sut_name",
    "effective_scenario",
    "effective_test_mode",
    "effective_samples_per_query",
    "effective_min_duration_ms",
    "effective_min_query_count",
    "effective_qsl_rng_seed",
    "effective_sample_index_rng_seed",
    "effective_schedule_rng_seed",
    "effective_performance_sample_count",
)


@rule(
    "PRF038",
    requires=["STR002", "CMP012"],
    origin="integrity",
    source="LoadGen test_settings_internal.cc: LogAllSettings",
    hint="the log was cut off or edited: copy it again, or run it again",
)
def settings_are_logged(run: Run, book: Rulebook) -> Iterator[Problem]:
    """The detail logs of accuracy and compliance runs have LoadGen's settings, as PRF001 requires of performance runs.

    The official checkers read few of them.
    """
    if isinstance(run, PerformanceRun) or not _has_log(run) or not run.log.begins_at:
        return
    needed = (*_SETTINGS, "result_validity") if isinstance(run, ComplianceRun) else _SETTINGS
    missing = [key for key in needed if key not in run.log]
    if missing:
        message = "the log lacks entries that LoadGen writes in every run"
        yield Problem(message, found="none of these", required=", ".join(missing), path=str(run.detail_path))


@rule(
    "CMP015",
    requires=["STR005", "CMP012", "STR001", "STR002"],
    origin="policy",
    source="policies submission_rules.adoc, section Compliance Testing: a test for each scenario of a benchmark",
    hint="copy the log of this scenario's test here, or run the test in it",
)
def scenario_of_a_test_is_its_results(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """A compliance test was run in the scenario of its result.

    Where a result is inferred from another scenario's run, the test may be of that one.
    """
    key = "effective_scenario"
    if not _has_log(run) or key not in run.log:
        return
    ran, allowed = run.log[key], {run.result.scenario.loadgen_name, run.result.performance.log[key]}
    if ran not in allowed:
        severity = None if run.result.is_closed else Severity.WARNING
        message, required = "the test was run in another scenario", run.result.scenario.loadgen_name
        yield log_problem(run, key, message, found=shown(ran), required=required, severity=severity)
