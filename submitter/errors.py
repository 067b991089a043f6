"""Errors that a user can act on: one line says what is wrong and where, a second one how to fix it."""

from __future__ import annotations


class SubmitterError(Exception):
    """An error that the command line prints without a traceback; `exit_code` is the exit code of the process."""

    exit_code = 70

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(SubmitterError):
    """The input is wrong: a missing folder, an unknown key, a corrupt file."""

    exit_code = 2


class NotInstalledError(SubmitterError):
    """Something that this step needs is not installed, or has the wrong version."""

    exit_code = 3


class RunError(SubmitterError):
    """A run failed or was stopped; it left no record, and so no verdict."""

    exit_code = 4
