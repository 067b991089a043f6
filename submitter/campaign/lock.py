"""One process at a time in a campaign's output folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from submitter.errors import InputError


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Hold a campaign's output folder, made if need be, for this process alone; InputError if another one holds it.

    The system drops the lock when the process ends, however it ends.
    """
    output.mkdir(parents=True, exist_ok=True)
    lock = FileLock(output / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError(f"another submitter is at work in {output}", "wait for it, or end it") from None
    try:
        yield
    finally:
        lock.release()
