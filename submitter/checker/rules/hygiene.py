"""HYG: what does not belong in a submission, and marks of failure that tools left in it."""

from __future__ import annotations

from collections.abc import Iterator

from submitter import layout
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import SUBMISSION_RULES, first_names
from submitter.rulebook import Rulebook
from submitter.submission.files import EntryKind
from submitter.submission.tree import Result, SubmitterDir

# Documents about the whole submission may be in any folder.
_DOCUMENTS = ("readme", "license", "notice", "calibration", layout.MODEL_MAPPING)
_SHOWN_NAMES = 6


@rule(
    "HYG001",
    origin="policy",
    severity="note",
    source=SUBMISSION_RULES + ": content should not reside outside of the submitter's folders",
    hint="move code into the source folder and documents into documentation/, and remove the rest",
)
def content_in_its_folders(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """A submitter's folder contains only the folders that the rules name.

    Most published submissions have others, such as a Makefile at the top, so it is a note.
    """
    if not submitter.systems:
        return
    grammar, owner = submitter.layout, (submitter.division, submitter.name)
    folders = {
        folder.name
        for folder in (
            grammar.systems(*owner),
            grammar.code(*owner),
            grammar.documentation(*owner),
            grammar.results(*owner),
            grammar.top_folder(*owner, "measurements"),
            grammar.top_folder(*owner, "compliance"),
        )
        if folder is not None
    }
    others = [
        name + ("/" if kind is EntryKind.FOLDER else "")
        for name, kind in submitter.files.listing(submitter.path).items()
        if name not in folders and not name.lower().startswith(_DOCUMENTS)
    ]
    if others:
        count = f"{len(others)} entries are" if len(others) > 1 else "an entry is"
        yield Problem(
            f"{count} outside the folders that the rules name",
            found=first_names(sorted(others), _SHOWN_NAMES),
            required=", ".join(sorted(folders)),
            path=str(submitter.path),
        )


@rule(
    "HYG002",
    origin="integrity",
    severity="warning",
    source="submitter: harnesses leave such a file where a model's or data set's checksum was wrong",
    hint="fix the cause that it names and run it again; remove the file if that cause does not apply",
)
def no_mark_of_failure(result: Result, book: Rulebook) -> Iterator[Problem]:
    """No file next to the logs is named INVALID."""
    folders = [result.path, result.performance.path, result.accuracy.path]
    folders += [run.folder for run in result.compliance.values()]
    for folder in folders:
        for name in result.files.names(folder):
            if name.partition(".")[0].upper() == "INVALID":
                yield Problem("the file's name says that the run was invalid", found=name, path=str(folder / name))


@rule(
    "HYG003",
    origin="policy",
    severity="warning",
    source=SUBMISSION_RULES + ": run_x, 1 run for all scenarios",
    hint="keep only run_1, which is the run that counts",
)
def one_performance_run(result: Result, book: Rulebook) -> Iterator[Problem]:
    """A result has one performance run."""
    folder = result.layout.performance_runs(result.key)
    others = [name for name in result.files.folders(folder) if name.startswith("run_") and name != layout.RUN_1]
    if others:
        message, found = "there are other runs next to the one that counts", ", ".join(sorted(others))
        yield Problem(message, found=found, required=layout.RUN_1, path=str(folder))
