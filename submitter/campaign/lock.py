"""The lock on a campaign's output folder: only one process at a time works in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from submitter.errors import InputError, from_os_error


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Lock a campaign's output folder, and create it if it is missing. InputError if another process holds the lock,
    or if the folder cannot be written.

    The operating system releases the lock when the process ends, even if it crashes.
    """
    lock = FileLock(output / ".lock")
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError(f"another submitter process is using {output}", "wait until it ends, or stop it") from None
    except OSError as error:
        if error.filename == lock.lock_file:
            error.filename = str(output)  # the user knows the folder, and not our lock in it
        raise from_os_error(error, output) from None
    try:
        yield
    finally:
        lock.release()
