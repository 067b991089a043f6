"""A submission that comes as an archive: unpacked for as long as it is read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from submitter.rulebook import Rulebook
from submitter.submission.opened import OpenSubmission, open_submission


@contextmanager
def opened_until_done(path: Path, book: Rulebook | None = None) -> Iterator[OpenSubmission]:
    """`open_submission`, also of an archive, which is unpacked into a temporary folder. That goes in the end."""
    if path.is_dir():
        yield open_submission(path, book)
        return
    from submitter.archive.extraction import extract, is_archive

    if not is_archive(path):
        yield open_submission(path, book)
        return
    with tempfile.TemporaryDirectory(prefix="submitter-archive-") as temporary:
        folder = Path(temporary) / "tree"
        extract(path, folder)
        yield open_submission(folder, book, named=path)
