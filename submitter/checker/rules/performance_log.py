"""PRF: the detail log of the performance run: whole, of the right mode and LoadGen version, and without errors."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules._shared import (
    LOG_READABLE,
    PERFORMANCE_CHECK,
    counted_errors,
    log_problem,
    logged_error,
)
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.files import Unavailable
from submitter.submission.latencies import TPOT, TTFT
from submitter.submission.metric import is_early_stopped, ran_scenario
from submitter.submission.runs import ComplianceRun, PerformanceRun, Run

_NUMBERS = (
    "effective_qsl_rng_seed",
    "effective_sample_index_rng_seed",
    "effective_schedule_rng_seed",
    "effective_performance_sample_count",
    "effective_min_duration_ms",
    "effective_min_query_count",
    "effective_samples_per_query",
    "effective_target_latency_ns",
)
_TEXTS = ("loadgen_version", "effective_scenario", "effective_test_mode", "sut_name", "result_validity")
_KINDS = {"text": "a string", "number": "a number", "flag": "a Boolean"}


@rule(
    "PRF001",
    requires=LOG_READABLE,
    origin="integrity",
    source="submitter: what LoadGen writes of every run",
    hint="the log was cut off, or the run did not finish: run it again",
)
def log_complete(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The performance run's detail log has LoadGen's settings and results.

    A log that was cut off has no results. The official checker fails on only some of the missing entries.
    """
    needed: list[tuple[str, str]] = [*((key, "text") for key in _TEXTS), *((key, "number") for key in _NUMBERS)]
    result = run.result
    try:
        ran = ran_scenario(run)
        needed.append((book.metric_key(result.official_name, ran), "number"))
        if is_early_stopped(ran):
            needed.append(("early_stopping_met", "flag"))
        if result.scenario in result.benchmark.token_latency:
            needed += [(TTFT.key("99.00"), "number"), (TPOT.key("99.00"), "number")]
    except Unavailable as absence:
        if isinstance(run.log["effective_scenario"], str):
            yield log_problem(run, "effective_scenario", f"the log {absence.reason}")
    for key, kind in needed:
        try:
            {"text": run.text, "number": run.number, "flag": run.flag}[kind](key)
        except Unavailable:
            value = run.log[key]
            message = f"the log has no {key}" if key not in run.log else f"{key} is not {_KINDS[kind]}"
            found = "" if value is None else shown(value)
            yield log_problem(run, key, message, found=found, required=_KINDS[kind])


@rule(
    "PRF022",
    step="performance",
    requires=["STR002"],
    source="official: parsers/loadgen_parser.py, the first line's marker",
    hint="restore the file from the run that wrote it: text was added before its first line",
)
def log_begins_with_loadgen_line(run: Run, book: Rulebook) -> Iterator[Problem]:
    """A detail log begins with LoadGen's first line.

    The rule applies to the logs that the official checker opens. It does not open those of some compliance tests.
    """
    opened = [name for name, test in book.compliance.items() if test.performance_judged]
    if isinstance(run, ComplianceRun) and run.test not in opened:
        return
    if run.files.kind(run.detail_path) is not None and run.log.begins_at != 1:
        yield Problem(
            "the log does not begin with LoadGen's first line",
            found=f"in line {run.log.begins_at}" if run.log.begins_at else "in no line",
            required="in line 1",
            path=str(run.detail_path),
            line=1,
        )


@rule(
    "PRF003",
    requires=LOG_READABLE,
    origin="policy",
    source="inference_rules.adoc, section LoadGen Operation: a run for each mode; LoadGen's TestMode",
    hint="copy the logs of the performance run here",
)
def mode_is_performance(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The run was made in LoadGen's performance mode."""
    key, required = "effective_test_mode", "PerformanceOnly"
    mode = run.text(key)
    if mode != required:
        yield log_problem(run, key, "the run is not a performance run", found=mode, required=required)


@rule(
    "PRF005",
    requires=[*LOG_READABLE, "PRF004"],
    origin="policy",
    source="inference_policies inference_rules.adoc, section LoadGen Operation",
)
def loadgen_version_of_the_round(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The LoadGen version is one of the round's.

    Where the seeds are not the round's, PRF004 reports it, and nothing else is to be done. With the round's seeds, a
    newer build than the rule book knows is a warning, and an older one that could be given the seeds is a note.
    """
    version = run.text("loadgen_version").partition(" ")[0]
    known = book.round.loadgen_versions
    # Some packages add a third number to a version of two.
    if version in known or version.rpartition(".")[0] in known:
        return
    message, severity = "the LoadGen version is not this round's", Severity.ERROR
    if version.startswith(book.round.loadgen_versions_tolerated):
        message, severity = "LoadGen is of an older version, run with this round's seeds", Severity.NOTE
    series = version.rpartition(".")[0]
    patches = [_patch(other) for other in known if other.rpartition(".")[0] == series]
    if patches and _patch(version) > max(patches):
        message, severity = "the LoadGen version is newer than those that the rule book knows", Severity.WARNING
    yield log_problem(
        run,
        "loadgen_version",
        message,
        found=version,
        required=f"{known[0]} to {known[-1]}",
        hint=f"run it again with mlcommons-loadgen {book.round.loadgen_package}",
        severity=severity,
    )


def _patch(version: str) -> int:
    text = version.rpartition(".")[2]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


@rule(
    "PRF015",
    step="performance",
    requires=LOG_READABLE,
    source=PERFORMANCE_CHECK + "find_error_in_detail_log, loadgen_errors_check; LoadGen's is_error",
)
def no_errors(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen logged no error.

    From v6.0 on, the official check for errors never fails.
    """
    for error in counted_errors(run.log, book):
        text = shown(error.value)
        if not any(ignored in text for ignored in book.ignored_errors):
            yield logged_error(run, error, hint="fix the cause and run it again")


@rule(
    "PRF026",
    requires=["PRF015"],
    origin="integrity",
    source="LoadGen's is_error",
    hint="copy the run's log again: its error count leaves out an error that it has",
)
def no_uncounted_errors(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The log has no error that its own error count leaves out."""
    for error in run.log.errors if book.checker.error_count_key else ():
        yield logged_error(run, error)
