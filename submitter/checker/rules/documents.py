"""DOC: what a person has to write, and what is still to be written of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from submitter import documents, layout
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.rulebook import Rulebook
from submitter.submission.files import TEXT_LIMIT_BYTES, EntryKind
from submitter.submission.tree import Result, SubmitterDir, System

_SOURCE = "submitter: the templates of submitter/documents"
_DOCUMENTS = (".md", ".adoc", ".txt", ".rst")


@rule("DOC001", absence=True, origin="integrity", source=_SOURCE, hint=documents.HINT, spares_results=True)
def documents_written(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No document holds a part that a person has still to write.

    Our templates mark such a part, so that a document that only looks complete is told from one that is.
    """
    folder = submitter.layout.documentation(submitter.division, submitter.name)
    for name in submitter.files.names(folder):
        path = folder / name
        if name.lower().endswith(_DOCUMENTS) and submitter.files.size(path) <= TEXT_LIMIT_BYTES:
            yield from _unfilled(submitter.files.read(path, TEXT_LIMIT_BYTES), path)


@rule("DOC002", absence=True, origin="integrity", requires=["MEA002"], source=_SOURCE, hint=documents.HINT)
def measurement_written(result: Result, book: Rulebook) -> Iterator[Problem]:
    """What stands beside a result holds no part that a person has still to write."""
    path = result.layout.measurements(result.key) / layout.README
    if result.files.kind(path) is EntryKind.FILE and result.files.size(path) <= TEXT_LIMIT_BYTES:
        yield from _unfilled(result.files.read(path, TEXT_LIMIT_BYTES), path)
    yield from _unfilled_fields(result.measurements, result.measurements_path)


@rule("DOC003", absence=True, origin="integrity", requires=["SYS001"], source=_SOURCE, hint=documents.HINT)
def description_written(system: System, book: Rulebook) -> Iterator[Problem]:
    """The system description holds no field that a person has still to write."""
    yield from _unfilled_fields(system.description, system.description_path)


def _unfilled(content: bytes, path: PurePosixPath) -> Iterator[Problem]:
    # A document of another encoding than UTF-8 can be read all the same.
    for number, wanted in documents.unfilled(content.decode("utf-8", "replace")):
        yield Problem("a person's part is empty", required=wanted, path=str(path), line=number)


def _unfilled_fields(fields: dict[str, object], path: PurePosixPath) -> Iterator[Problem]:
    for field, value in fields.items():
        if isinstance(value, str):
            for _, wanted in documents.unfilled(value):
                yield Problem(f"{field}: a person's part is empty", required=wanted, path=str(path))
