"""What goes wrong in words a user can act on: one line that says what and where, one that says what to do."""

from __future__ import annotations


class SubmitterError(Exception):
    """An error the command line prints without a traceback; `exit_code` is the process's."""

    exit_code = 70

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(SubmitterError):
    """The user gave something wrong: a missing folder, an unknown key, a corrupt file."""

    exit_code = 2


class NotInstalledError(SubmitterError):
    """Something this step needs is not installed, or not in the version it needs."""

    exit_code = 3


class RunError(SubmitterError):
    """A run failed or was ended; it left no record, so no verdict."""

    exit_code = 4
