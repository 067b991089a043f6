"""Folders that hold just the files that a round lists."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from submitter.checker.files import Files
from submitter.checker.finding import Problem

# Of these the official `files_diff` never complains.
_INDIFFERENT = frozenset({"mlperf_log_trace.json", "results.json", ".gitkeep"})


def differences(
    files: Files, folder: PurePosixPath, listed: Collection[str], optional: Collection[str] = ()
) -> Iterator[Problem]:
    """What is missing in a folder, and what is too much: files only, folders do not count."""
    there = set(files.names(folder))
    for name in sorted(set(listed) - there - _INDIFFERENT):
        yield Problem("a listed file is missing", required=name, path=str(folder / name))
    for name in sorted(there - set(listed) - set(optional) - _INDIFFERENT):
        yield Problem("the file is not on the round's list", found=name, path=str(folder / name))
