"""HYG: what lies in a submission that is not part of one, and what tools left to say that a run was wrong."""

from __future__ import annotations

from collections.abc import Iterator

from submitter import layout
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.rulebook import Rulebook
from submitter.submission.files import EntryKind
from submitter.submission.tree import Result, SubmitterDir

_RULES = "policies submission_rules.adoc, section Inference"
# Documents about the whole, wherever they stand.
_DOCUMENTS = ("readme", "license", "notice", "calibration", layout.MODEL_MAPPING)
_SHOWN = 6


@rule(
    "HYG001",
    origin="policy",
    severity="warning",
    source=_RULES + ": content should not reside outside of the submitter's folders",
    hint="move code into the source folder, documents into documentation/, and remove the rest",
)
def content_in_its_folders(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """A submitter's folder holds the folders that the rules name, and nothing else."""
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
        found = ", ".join(sorted(others)[:_SHOWN]) + (", ..." if len(others) > _SHOWN else "")
        message = f"{len(others)} of its entries are" if len(others) > 1 else "an entry is"
        required = ", ".join(sorted(folders))
        yield Problem(
            f"{message} outside of the folders that the rules name",
            found=found,
            required=required,
            path=str(submitter.path),
        )


@rule(
    "HYG002",
    origin="integrity",
    severity="warning",
    source="submitter: harnesses leave such a file where a model's or data set's checksum was wrong",
    hint="read it; if its reason is mended, run again, and remove it where it was no reason",
)
def no_mark_of_failure(result: Result, book: Rulebook) -> Iterator[Problem]:
    """No file beside the logs says INVALID."""
    folders = [result.path, result.performance.path, result.accuracy.path]
    folders += [run.folder for run in result.compliance.values()]
    for folder in folders:
        for name in result.files.names(folder):
            if name.partition(".")[0].upper() == "INVALID":
                yield Problem("a file says that the run was invalid", found=name, path=str(folder / name))


@rule(
    "HYG003",
    origin="policy",
    severity="warning",
    source=_RULES + ": run_x, 1 run for all scenarios",
    hint="keep run_1, which is the one that counts",
)
def one_run(result: Result, book: Rulebook) -> Iterator[Problem]:
    """A result has one performance run."""
    folder = result.layout.performance_runs(result.key)
    others = [name for name in result.files.folders(folder) if name.startswith("run_") and name != layout.RUN_1]
    if others:
        yield Problem(
            "other runs lie beside the one that counts",
            found=", ".join(sorted(others)),
            required=layout.RUN_1,
            path=str(folder),
        )
