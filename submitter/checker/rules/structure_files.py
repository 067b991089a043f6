"""STR: the files of runs and results. These rules report absent and unreadable files; the rules that need them are
then skipped."""

from __future__ import annotations

from collections.abc import Iterator

from submitter import layout
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import CHECK_RESULTS_DIR, SUBMISSION_RULES, differences, unreadable
from submitter.rulebook import Rulebook
from submitter.submission.files import EntryKind
from submitter.submission.node import Node
from submitter.submission.runs import AccuracyRun, PerformanceRun
from submitter.submission.tree import Result, SubmitterDir

# Enough to find a file in a linked folder of code, and few enough to list in a moment.
_WALK_LIMIT = 10_000


@rule(
    "STR001",
    step="files",
    absence=True,
    source="official: constants.py REQUIRED_PERF_FILES; " + SUBMISSION_RULES,
    hint="copy LoadGen's log of this run here; if it is lost, run it again",
)
def performance_log_present(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The performance run's detail log is present.

    Without it there is no result, and from v6.0 on the official checker ends in a traceback.
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
    """Files have the format that their names say.

    A log, JSON file or text that cannot be read is reported once, by this rule. The rules that need the file are
    skipped. The official checker ends in a traceback.
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
    """user.conf and the manifest, which only this checker reads, have the format that their names say."""
    for read in node.own_readers():
        yield from unreadable(read)


@rule("STR003", step="files", absence=True, source="official: constants.py REQUIRED_ACC_FILES; " + SUBMISSION_RULES)
def accuracy_files_present(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy run's detail log, answers and score are present.

    The detail log shows that the run covered the data set, the answers are the evidence, accuracy.txt is the score.
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
    source=SUBMISSION_RULES + ", list of mandatory files",
    hint="copy LoadGen's summary of the run here",
)
def summary_logs_present(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The summary logs are present.

    The rules list them among the mandatory files. From v6.0 on, the official checker does not look for them.
    """
    for run in (result.performance, result.accuracy):
        path = run.path / layout.SUMMARY_LOG
        if run.files.kind(run.detail_path) is not None and run.files.kind(path) is None:
            yield Problem("the summary log is missing", required=layout.SUMMARY_LOG, path=str(path))


@rule(
    "STR036",
    step="files",
    requires=["STR001"],
    source=CHECK_RESULTS_DIR + ", files_diff; REQUIRED_PERF_FILES, OPTIONAL_PERF_FILES",
    hint="keep only the logs of the performance run here",
)
def only_performance_logs(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The folder of the performance run contains LoadGen's logs, and no other file.

    Where power was measured, the folder also has the analyzer's samples, and PWR001 applies instead.
    """
    if not run.result.has_power:
        yield from differences(run.files, run.path, (layout.SUMMARY_LOG, layout.DETAIL_LOG), (layout.ACCURACY_LOG,))


@rule(
    "STR009",
    absence=True,
    source="official: checks/measurements_checks.py directory_exist_check; " + SUBMISSION_RULES,
    hint="put the code that was run there, or a README that says where it is",
)
def source_present(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The folder of the source code is present."""
    path = submitter.layout.code(submitter.division, submitter.name)
    if submitter.systems and not submitter.files.exists(path):
        yield Problem("the source folder is missing", required=path.name + "/", path=str(path))


@rule(
    "STR010",
    absence=True,
    origin="policy",
    requires=["STR009"],
    source=SUBMISSION_RULES + ", list of mandatory files",
    hint="put the code that was run there, or a README that says where it is",
)
def source_not_empty(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The source folder contains a file.

    The code that talks to LoadGen is mandatory, but the official checker accepts an empty folder. The folder, or one in
    it, may be a link to another folder of the tree, as in two submissions of v6.0 where `src` leads to `code`.
    """
    path = submitter.layout.code(submitter.division, submitter.name)
    if not submitter.systems or path.name in submitter.survey.folders_with_files:
        return
    inside = submitter.files.walk(path, _WALK_LIMIT)
    linked = (entry for folder, kind in inside if kind is EntryKind.FOLDER for entry in submitter.files.names(folder))
    if not any(kind is EntryKind.FILE for _, kind in inside) and not any(linked):
        yield Problem("the source folder contains no file", path=str(path))
