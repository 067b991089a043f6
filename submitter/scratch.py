"""Temporary folders and files of a process of ours. What a process leaves that was killed, the next one removes."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A new temporary folder, whose name begins with `prefix`; it goes with the block.

    It is locked for as long as its process lives, and the operating system ends a lock whatever ends the process. So
    those with this prefix that are not locked are left over, and are removed first.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        _remove_if_left(left)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        try:
            descriptor = _locked(folder)
            if descriptor is None:  # another process has taken it for one that is left
                continue
            try:
                yield folder
                return
            finally:
                os.close(descriptor)
        finally:
            _remove(folder)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except KeyboardInterrupt:  # in the middle; the command line ignores further signals for as long as it cleans up
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None if another process holds it, or has removed the folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(folder)):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _remove_if_left(folder: Path) -> None:
    with suppress(OSError):
        if folder.lstat().st_uid != os.geteuid():
            return
        if (descriptor := _locked(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)


def temporary_beside(path: Path) -> Path:
    """Where this process writes a file before it takes the place of `path`, in the same folder.

    Those that killed processes left of the same file are removed. Their names have the process's id.
    """
    for left in path.parent.glob(f".{escape(path.name)}.*.tmp"):
        if not Path("/proc", left.name.split(".")[-2]).exists():
            with suppress(OSError):
                left.unlink()
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")
