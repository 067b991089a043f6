"""What the rules of several files share: prerequisites, sources, and helpers that build problems."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import wraps
from pathlib import PurePosixPath

from submitter.checker.finding import Problem, Severity
from submitter.logs import DetailLog, LogEntry
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.rulebook_tables import EndpointsRules
from submitter.submission.endpoints_runs import EndpointsAccuracy, EndpointsRun
from submitter.submission.files import TEXT_LIMIT_BYTES, EntryKind, Files, Unavailable, Unreadable
from submitter.submission.power_run import PowerRun
from submitter.submission.ptdaemon import Malformed
from submitter.submission.runs import AccuracyRun, Run

# A performance log can be judged: it can be read, and the round knows its scenario and its benchmark.
LOG_READABLE = ["STR001", "STR002", "STR005", "STR007"]
# It also has all the entries that LoadGen writes.
LOG_COMPLETE = [*LOG_READABLE, "PRF001"]

# An endpoints result has all its files, and they can be read.
ENDPOINTS_FILES = ["EPT001", "STR002"]
# The round also knows its scenario and its benchmark.
ENDPOINTS_JUDGED = [*ENDPOINTS_FILES, "STR005", "STR007"]
# client.json and server.json can be read, and have all their fields.
SESSION_READABLE = ["STR002", "PWR010"]

SUBMISSION_RULES = "policies submission_rules.adoc, section Inference"
SCENARIO_RULES = "inference_policies inference_rules.adoc, section Scenarios"
CHECK_RESULTS_DIR = "official: submission_checker.py, check_results_dir"
PERFORMANCE_CHECK = "official: check_performance_dir; checks/performance_check.py "
POWER_CHECKER = "official: tools/submission/power/power_checker.py "
MEASURE_POWER_AGAIN = "measure power again: the logs of a session cannot be corrected"

# The official `files_diff` ignores these names.
_IGNORED_NAMES = frozenset({"mlperf_log_trace.json", "results.json", ".gitkeep"})
_CLOCK_FORMAT = "%m-%d-%Y %H:%M:%S.%f"

PowerCheck = Callable[[PowerRun, Rulebook], Iterator[Problem]]


def differences(
    files: Files, folder: PurePosixPath, listed: Collection[str], optional: Collection[str] = ()
) -> Iterator[Problem]:
    """The listed files that a folder lacks, and its other files. Folders do not count."""
    names = set(files.names(folder))
    for name in sorted(set(listed) - names - _IGNORED_NAMES):
        yield Problem("a required file is missing", required=name, path=str(folder / name))
    for name in sorted(names - set(listed) - set(optional) - _IGNORED_NAMES):
        yield Problem("the file is not on the list of allowed files", found=name, path=str(folder / name))


def missing_sample_files(run: AccuracyRun | EndpointsAccuracy, severity: Severity | None = None) -> Iterator[Problem]:
    """The generated pictures or videos that the benchmark requires for review and the run lacks."""
    for folder, stems in run.result.benchmark.accuracy_files.items():
        present = {name.partition(".")[0] for name in run.files.names(run.path / folder)}
        missing = [stem for stem in stems if stem not in present]
        if missing:
            yield Problem(
                f"files are missing in {folder}/",
                found=f"{len(stems) - len(missing)} of {len(stems)}",
                required=", ".join(missing),
                path=str(run.path / folder),
                severity=severity,
            )


def log_problem(
    run: Run,
    key: str,
    message: str,
    *,
    found: str = "",
    required: str = "",
    hint: str = "",
    severity: Severity | None = None,
) -> Problem:
    """A problem with the entry `key` of the detail log, at the line of that entry."""
    path, line = str(run.detail_path), run.line(key)
    return Problem(message, found=found, required=required, path=path, line=line, hint=hint, severity=severity)


def logged_error(run: Run, error: LogEntry, *, hint: str = "", severity: Severity | None = None) -> Problem:
    """An error that LoadGen logged, as a problem at its line."""
    path, line = str(run.detail_path), error.line
    return Problem(
        "LoadGen logged an error", found=shown(error.value), path=path, line=line, hint=hint, severity=severity
    )


def endpoints_problem(run: EndpointsRun, message: str, *, found: str, required: str, hint: str = "") -> Problem:
    """A problem with the JSON file of an endpoints run: result_summary.json or accuracy_results.json."""
    return Problem(message, found=found, required=required, path=str(run.document_path), hint=hint)


def endpoints_rules(book: Rulebook) -> EndpointsRules:
    """The round's rules for endpoints results."""
    assert book.endpoints is not None, "a result is an endpoints result only where the book has rules for them"
    return book.endpoints


def counted_errors(log: DetailLog, book: Rulebook) -> Iterable[LogEntry]:
    """The errors of a detail log, as the round's official checker counts them.

    These are the entries that LoadGen marks as errors. Where that checker reads the log's own error count instead,
    it is one entry with that count, or none if the count is 0.
    """
    key = book.checker.error_count_key
    if key is None or key not in log:
        return log.errors
    if log[key] == 0:
        return ()
    return (LogEntry(key=key, value=log[key], line=log.line(key) or 0, is_error=True, is_warning=False),)


def clock_s(run: Run) -> float | None:
    """Seconds from power_begin to power_end, by the wall clock; None where the log has no such times."""
    begin, end = (str(run.log[key]) for key in ("power_begin", "power_end"))
    try:
        return (datetime.strptime(end, _CLOCK_FORMAT) - datetime.strptime(begin, _CLOCK_FORMAT)).total_seconds()
    except ValueError:
        return None  # other LoadGen builds log no time, or write it in another format


def severity_in_open(run: AccuracyRun, book: Rulebook, rule_id: str) -> Severity | None:
    """A warning for an open result that the round's official checker accepts nevertheless, else None."""
    forgiven = not run.result.is_closed and rule_id in book.checker.forgiven_in_open
    return Severity.WARNING if forgiven else None


def is_networked(description: Mapping[str, object]) -> bool:
    """Whether a system description says that the system is networked, as text."""
    value = description.get("is_network")
    return isinstance(value, str) and value.lower() == "true"


def bounded_content(files: Files, path: PurePosixPath) -> bytes | None:
    """The bytes of a text file; None where there is no such file, or it is larger than a text may be."""
    if files.kind(path) is not EntryKind.FILE or files.size(path) > TEXT_LIMIT_BYTES:
        return None
    return files.read(path, TEXT_LIMIT_BYTES)


def first_names(names: Sequence[str], count: int) -> str:
    """The first `count` names, and an ellipsis where there are more."""
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")


def unreadable(read: Callable[[], object]) -> Iterator[Problem]:
    """Why a file cannot be read; nothing where it is absent."""
    try:
        read()
    except Unreadable as problem:
        yield Problem(problem.reason, path=problem.path)
    except Unavailable:
        return


def in_server_json(check: PowerCheck) -> PowerCheck:
    """Make server.json the path of all that a rule finds, and report what the rule finds Malformed in it."""

    @wraps(check)
    def checked(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
        path = str(power.server.path)
        try:
            for problem in check(power, book):
                yield replace(problem, path=path)
        except Malformed as error:
            yield Problem(str(error), path=path)

    return checked
