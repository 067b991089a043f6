"""STR: the files of runs and results. Absence and unreadable files are reported here, and other rules are skipped."""

from __future__ import annotations

from collections.abc import Iterator

from submitter import layout
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import differences, unreadable
from submitter.rulebook import Rulebook
from submitter.submission.node import Node
from submitter.submission.runs import AccuracyRun, PerformanceRun
from submitter.submission.tree import Result, SubmitterDir

_RULES = "policies submission_rules.adoc, section Inference"
_OLD_CHECK = "official: submission_checker.py, check_results_dir"


@rule(
    "STR001",
    step="files",
    absence=True,
    source="official: constants.py REQUIRED_PERF_FILES; " + _RULES,
    hint="copy LoadGen's log of this run here; if it was lost, the run must be repeated",
)
def performance_log_present(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The performance run's detail log is there.

    Without it there is no result; the official checker from v6.0 on ends in a traceback.
    """
    if run.files.kind(run.detail_path) is None:
        yield Problem("the detail log is missing", required=layout.DETAIL_LOG, path=str(run.detail_path))


@rule(
    "STR002",
    step="performance",
    source="official: loader.py load_single_log, parsers/loadgen_parser.py, log_parser.py",
    hint="restore the file from the run that wrote it",
)
def files_readable(node: Node, book: Rulebook) -> Iterator[Problem]:
    """Files are what their names say.

    A log, a JSON file or a text that cannot be read is reported here, once, and the rules that need it are skipped.
    The official checker ends in a traceback.
    """
    for read in node.readers():
        yield from unreadable(read)


@rule(
    "STR035",
    origin="integrity",
    source="submitter: what cannot be read cannot be reviewed",
    hint="restore the file from the run that wrote it",
)
def other_files_readable(node: Node, book: Rulebook) -> Iterator[Problem]:
    """Files that only this checker reads are what their names say: user.conf and the manifest."""
    for read in node.own_readers():
        yield from unreadable(read)


@rule("STR003", step="files", absence=True, source="official: constants.py REQUIRED_ACC_FILES; " + _RULES)
def accuracy_files_present(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy run's log, answers and score are there.

    The detail log proves that the data set was covered, the answers are the evidence, accuracy.txt is the score.
    """
    hints = {
        layout.DETAIL_LOG: "copy LoadGen's log of the accuracy run here",
        layout.ACCURACY_LOG: "copy the truncated log here",
        layout.ACCURACY_TEXT: "score the accuracy run: submitter score",
    }
    for name, hint in hints.items():
        if run.files.kind(run.path / name) is None:
            yield Problem("a required file is missing", required=name, path=str(run.path / name), hint=hint)


@rule(
    "STR004",
    absence=True,
    origin="policy",
    source=_RULES + ", list of mandatory files",
    hint="copy LoadGen's summary of the run here",
)
def summary_logs_present(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The summary logs are there.

    The rules list them among the mandatory files; the official checker from v6.0 on does not look for them.
    """
    for run in (result.performance, result.accuracy):
        path = run.path / layout.SUMMARY_LOG
        if run.files.kind(run.detail_path) is not None and run.files.kind(path) is None:
            yield Problem("the summary log is missing", required=layout.SUMMARY_LOG, path=str(path))


@rule(
    "STR036",
    step="files",
    requires=["STR001"],
    source=_OLD_CHECK + ", files_diff; REQUIRED_PERF_FILES, OPTIONAL_PERF_FILES",
    hint="keep the logs of the performance run here, and nothing else",
)
def performance_files_listed(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The folder of the performance run holds LoadGen's logs, and nothing else.

    Where power was measured the analyzer's samples are among them, and PWR001 asks.
    """
    if not run.result.has_power:
        yield from differences(run.files, run.path, (layout.SUMMARY_LOG, layout.DETAIL_LOG), (layout.ACCURACY_LOG,))


@rule(
    "STR009",
    absence=True,
    source="official: checks/measurements_checks.py directory_exist_check; " + _RULES,
    hint="put the code that was run, or a README that says where it is, there",
)
def source_present(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The folder of the source code is there."""
    path = submitter.layout.code(submitter.division, submitter.name)
    if submitter.systems and not submitter.files.exists(path):
        yield Problem("the source folder is missing", required=path.name + "/", path=str(path))


@rule(
    "STR010",
    absence=True,
    origin="policy",
    requires=["STR009"],
    source=_RULES + ", list of mandatory files",
    hint="put the code that was run, or a README that says where it is, there",
)
def source_not_empty(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The source folder holds something.

    The code that talks to LoadGen is mandatory; the official checker is content with an empty folder.
    """
    path = submitter.layout.code(submitter.division, submitter.name)
    if submitter.systems and path.name not in submitter.survey.filled:
        yield Problem("the source folder holds no file", path=str(path))
