"""The lock on a campaign's output folder: only one process at a time works in it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from submitter.errors import InputError, from_os_error

LOCK = ".lock"
_LOOK_S = 0.2


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Lock a campaign's output folder, and create it if it is missing. InputError if another process holds the lock,
    or if the folder cannot be written.

    The operating system releases the lock when the process ends, even if it crashes.
    """
    lock = FileLock(output / LOCK)
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_LOOK_S)  # `is_locked` holds it for an instant
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


def is_locked(output: Path) -> bool:
    """Whether a process works in a campaign's output folder. Nothing is written there; OSError if it cannot be read."""
    try:
        with (output / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # closing the file releases it
    except (FileNotFoundError, NotADirectoryError):
        return False
    except BlockingIOError:
        return True
    return False
