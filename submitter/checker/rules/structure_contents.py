"""STR: files that are there and hold nothing, names that no tool can print, and results where nobody looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from submitter import layout, plugins
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import SUBMISSION_RULES, first_names
from submitter.model import Division
from submitter.quoting import printable, shown
from submitter.rulebook import Rulebook
from submitter.submission.files import JSON_LIMIT_BYTES, TEXT_LIMIT_BYTES, EntryKind, Unavailable
from submitter.submission.runs import PerformanceRun
from submitter.submission.tree import Result, Submission, SubmitterDir

_VERDICT = "Result is : "
_WARNED = "encountered"  # "No warnings encountered during test.", or their number
_SHOWN_NAMES = 3
_MOST_OPENED = 1000


@rule(
    "STR038",
    requires=["STR001", "STR002", "STR003", "STR004"],
    origin="policy",
    source=SUBMISSION_RULES + ", list of mandatory files; LoadGen results.cc, LogSummary",
    hint="copy LoadGen's summary of this run here",
)
def summary_logs_are_of_their_runs(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The summary logs are LoadGen's, and that of the performance run has the verdict of the detail log.

    The official checkers look only whether the files are there, and from v6.0 on not even that.
    """
    for run in (result.performance, result.accuracy, *result.compliance.values()):
        path = run.path / layout.SUMMARY_LOG
        if run.files.kind(run.detail_path) is None or run.files.kind(path) is None:
            continue
        try:
            text = run.files.text(path, TEXT_LIMIT_BYTES)
        except Unavailable as problem:
            yield Problem(f"the summary log {problem.reason}", path=str(path))
            continue
        if _VERDICT not in text and _WARNED not in text:
            found = "an empty file" if not text.strip() else shown(text.strip().splitlines()[0][:60])
            yield Problem("the file is not LoadGen's summary", found=found, path=str(path))
        elif isinstance(run, PerformanceRun) and run.log["effective_test_mode"] == "PerformanceOnly":
            yield from _other_verdict(run, text, path)


def _other_verdict(run: PerformanceRun, text: str, path: PurePosixPath) -> Iterator[Problem]:
    stated = next((line.removeprefix(_VERDICT).strip() for line in text.splitlines() if line.startswith(_VERDICT)), "")
    logged = run.log["result_validity"]
    if stated != logged:
        message, found = "the summary has another verdict than the detail log", stated or "none"
        yield Problem(message, found=found, required=shown(logged), path=str(path))


@rule(
    "STR039",
    origin="policy",
    source=SUBMISSION_RULES + ": content aligns to the directory structure",
    hint="rename it",
    spares_results=True,
)
def names_are_printable(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """Every name is UTF-8 text without line breaks and other control characters."""
    for path in submitter.survey.unprintable:
        message = "the name has characters that cannot be printed"
        yield Problem(message, found=printable(path.rpartition("/")[2]), path=path)


@rule(
    "STR040",
    origin="policy",
    source=SUBMISSION_RULES,
    hint="rename the folder to the division that was meant, or move it out of the submission",
    spares_results=True,
)
def no_results_beside_the_divisions(submission: Submission, book: Rulebook) -> Iterator[Problem]:
    """Results are in the divisions, and not in other folders of the tree's root.

    The official checker does not look into those, so results in them are lost. STR018 is about names alone.
    """
    files, divisions = submission.files, {division.value for division in Division}
    others = [name for name in files.folders(PurePosixPath()) if name not in divisions]
    if len(others) > _MOST_OPENED:
        message = "there are too many folders beside the divisions to look into all"
        yield Problem(message, found=str(len(others)), required=f"at most {_MOST_OPENED}")
    for name in others[:_MOST_OPENED]:
        inside = [other for other in files.folders(PurePosixPath(name)) if _has_results(submission, name, other)]
        if inside:
            message = "the folder is not a division, so its results were not judged"
            yield Problem(message, found=f"results of {first_names(inside, _SHOWN_NAMES)}", path=name)


def _has_results(submission: Submission, folder: str, submitter: str) -> bool:
    return submission.files.kind(submission.layout.results(folder, submitter)) is EntryKind.FOLDER


@rule(
    "STR041",
    absence=True,
    origin="policy",
    source=SUBMISSION_RULES,
    hint="put the results into results/<system>/<benchmark>/<scenario>/, or remove the submitter's folder",
)
def submitters_have_results(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """A submitter has a folder of results.

    Otherwise nothing of the submitter is judged.
    """
    path = submitter.layout.results(submitter.division, submitter.name)
    if submitter.files.kind(path) is not EntryKind.FOLDER:
        yield Problem("the submitter has no folder of results", required=f"{path.name}/", path=str(path))


@rule(
    "STR042",
    requires=["STR002"],
    origin="policy",
    source=SUBMISSION_RULES + ": model_mapping.json for models of the open division",
    hint='write {"<folder name>": "<benchmark of the round>"}',
    spares_results=True,
)
def model_mapping_maps_names_to_benchmarks(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """model_mapping.json is an object that maps the names of folders to benchmarks of the round.

    The official checker opens it, and fails later, or not at all where no folder needs it.
    """
    path = submitter.model_mapping_path
    if submitter.division != Division.OPEN or submitter.files.kind(path) is not EntryKind.FILE:
        return
    mapping = submitter.files.json(path, JSON_LIMIT_BYTES)
    if not isinstance(mapping, dict):
        yield Problem("the mapping is not an object", found=shown(mapping), required="an object", path=str(path))
        return
    for name, target in mapping.items():
        if not isinstance(target, str) or target not in book.benchmarks:
            message = f"'{name}' is mapped to no benchmark of the round"
            hint = plugins.did_you_mean(target, book.benchmarks) if isinstance(target, str) else ""
            yield Problem(message, found=shown(target), required="a benchmark", path=str(path), hint=hint)
