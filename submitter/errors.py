"""Errors that a user can act on: one line says what is wrong and where, a second one how to fix it."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence


class SubmitterError(Exception):
    """An error that the command line prints without a traceback; `exit_code` is the exit code of the process."""

    exit_code = 70

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        """Whole in another process, too: by default only the message would arrive there."""
        return type(self), (self.message, self.hint)


class InputError(SubmitterError):
    """The input is wrong: a missing folder, an unknown key, a corrupt file."""

    exit_code = 2


class PaperworkError(InputError):
    """A document of the submission is missing or unfinished: it blocks the assembly, but no run."""


class NotInstalledError(SubmitterError):
    """Something that this step needs is not installed, or has the wrong version."""

    exit_code = 3


class RunError(SubmitterError):
    """A run failed or was stopped; it left no record, and so no verdict."""

    exit_code = 4


class SeveralErrors(InputError):
    """Several things are wrong at once: `problems`, at least one. Hint and exit code are those of the first."""

    are_reported = False
    """Whether each problem was reported when it was found, so that only the summary is left to show."""

    def __init__(self, problems: Sequence[SubmitterError]) -> None:
        first, *others = problems
        super().__init__(f"{first.message} (and {len(others)} more)" if others else first.message, first.hint)
        self.exit_code = first.exit_code
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.problems,)


def raise_all(problems: Sequence[SubmitterError]) -> None:
    """Raise the only problem as it is, or SeveralErrors with all of them; nothing if there is none."""
    if problems:
        raise problems[0] if len(problems) == 1 else SeveralErrors(problems)


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# The errors that a user meets, each in words and with its remedy. The words continue "PATH: ".
_OTHER_PATH = "use another path"
_OS_ERRORS = {
    errno.EACCES: ("permission denied", "get the permission for it (ls -ld shows who has it), or use another path"),
    errno.EPERM: ("permission denied", "get the permission for it (ls -ld shows who has it), or use another path"),
    errno.EROFS: ("its file system is read-only", "use a folder of another file system"),
    errno.EISDIR: ("it is a folder, and a file is required", "give the path of a file"),
    errno.ENOTDIR: ("a part of the path is a file, and a folder is required", "check the path"),
    errno.ENOENT: ("it does not exist", "check the path"),
    errno.EEXIST: ("it exists already", "move it away, or use another path"),
    errno.ENAMETOOLONG: ("its name is too long", "use a shorter name"),
    errno.ELOOP: ("its symbolic links lead in a circle", "replace the links"),
    errno.EMFILE: ("too many files are open", "allow this process more of them: ulimit -n 4096"),
    errno.ENFILE: ("too many files are open on this machine", "end other processes, or raise fs.file-max"),
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("the disk quota is used up", "free some space"),
    errno.EFBIG: ("the file would be larger than allowed", "raise the limit (ulimit -f), or use another file system"),
    errno.EIO: ("the device reports an input/output error", "check the disk or the network; dmesg shows the cause"),
    errno.ESTALE: ("the network file system no longer has it", "mount the file system again"),
    errno.ETIMEDOUT: ("the network file system does not answer", "check the network, or use a local folder"),
    errno.EBUSY: ("it is in use", "end what uses it, or use another path"),
    errno.ENOTEMPTY: ("it is not empty", "move its content away, or use another path"),
    errno.EXDEV: ("it is on another file system", "use one file system for both"),
    errno.EINVAL: ("its file system does not allow this", _OTHER_PATH),
    errno.ENOTSUP: ("its file system does not allow this", _OTHER_PATH),
    errno.ENXIO: ("there is no device behind it", _OTHER_PATH),
    errno.ENODEV: ("there is no device behind it", _OTHER_PATH),
    errno.EAGAIN: ("the system allows no more processes or locks now", "end other processes, or raise ulimit -u"),
    errno.ENOMEM: ("there is not enough memory", "end other processes, or use a machine with more memory"),
}


def os_reason(error: OSError) -> str:
    """Why the operating system refused something, in words, without the number of the error."""
    if error.errno == errno.EEXIST and isinstance(error.filename, str | bytes) and os.path.isfile(error.filename):
        return "it is a file, and a folder is required"
    if error.errno in _OS_ERRORS:
        return _OS_ERRORS[error.errno][0]
    text = error.strerror or (str(error) if error.errno is None else "")
    return text[:1].lower() + text[1:] or "the operating system refuses it"


def os_remedy(error: OSError) -> str:
    """What to do about it."""
    return _OS_ERRORS.get(error.errno or 0, ("", _OTHER_PATH))[1]


def from_os_error(error: OSError, path: os.PathLike[str] | None = None) -> SubmitterError:
    """The error that a user reads instead of an OSError: the path, the reason in words, and the remedy.

    The path is the one that the operating system refused, else `path`. It is a RunError if there is no room left,
    because the finished runs are kept; else an InputError.
    """
    refused = error.filename if isinstance(error.filename, str | bytes) else path
    where = "" if refused is None else os.fsdecode(refused)
    if isinstance(error.filename2, str | bytes):
        where += f" to {os.fsdecode(error.filename2)}"
    if error.errno in _NO_ROOM:
        at = f" at {where}" if where else ""
        return RunError(f"{os_reason(error)}{at}", f"{os_remedy(error)} and run it again: finished runs are kept")
    return InputError(f"{where}: {os_reason(error)}" if where else os_reason(error), os_remedy(error))
