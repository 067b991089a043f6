"""DOC: the parts of our templates that a person must write, and has not written yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from submitter import documents, layout
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import bounded_content
from submitter.rulebook import Rulebook
from submitter.submission.tree import Result, SubmitterDir, System

_SOURCE = "submitter: the templates of submitter/documents"
_TEXT_SUFFIXES = (".md", ".adoc", ".txt", ".rst")


@rule("DOC001", absence=True, origin="integrity", source=_SOURCE, hint=documents.HINT, spares_results=True)
def documents_filled_in(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No document has a part that a person still has to write.

    Our templates mark such parts, so a document that only looks complete is found.
    """
    folder = submitter.layout.documentation(submitter.division, submitter.name)
    for name in submitter.files.names(folder):
        if name.lower().endswith(_TEXT_SUFFIXES):
            yield from _unfilled(bounded_content(submitter.files, folder / name), folder / name)


@rule("DOC002", absence=True, origin="integrity", requires=["MEA002"], source=_SOURCE, hint=documents.HINT)
def measurement_filled_in(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The README and the measurement description of a result have no part that a person still has to write."""
    path = result.layout.measurements(result.key) / layout.README
    yield from _unfilled(bounded_content(result.files, path), path)
    yield from _unfilled_fields(result.measurements, result.measurements_path)


@rule("DOC003", absence=True, origin="integrity", requires=["SYS001"], source=_SOURCE, hint=documents.HINT)
def description_filled_in(system: System, book: Rulebook) -> Iterator[Problem]:
    """The system description has no field that a person still has to fill in."""
    yield from _unfilled_fields(system.description, system.description_path)


def _unfilled(content: bytes | None, path: PurePosixPath) -> Iterator[Problem]:
    # The marks are ASCII, so they can be found in a document that is not UTF-8.
    for number, missing in documents.unfilled((content or b"").decode("utf-8", "replace")):
        yield Problem("a part that a person must write is missing", required=missing, path=str(path), line=number)


def _unfilled_fields(fields: Mapping[str, object], path: PurePosixPath) -> Iterator[Problem]:
    for field, value in fields.items():
        if isinstance(value, str):
            for _, missing in documents.unfilled(value):
                yield Problem(f"{field}: a part that a person must write is missing", required=missing, path=str(path))
