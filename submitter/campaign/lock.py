"""The lock on a campaign's output folder: only one process at a time works in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from submitter.errors import InputError


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Lock a campaign's output folder, and create it if it is missing. InputError if another process holds the lock.

    The operating system releases the lock when the process ends, even if it crashes.
    """
    output.mkdir(parents=True, exist_ok=True)
    lock = FileLock(output / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError(f"another submitter process is using {output}", "wait until it ends, or stop it") from None
    try:
        yield
    finally:
        lock.release()
