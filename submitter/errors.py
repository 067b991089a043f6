"""Errors that a user can act on: one line says what is wrong and where, a second one how to fix it."""

from __future__ import annotations

from collections.abc import Sequence


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


def raise_all(problems: Sequence[SubmitterError]) -> None:
    """Raise the only problem as it is, or SeveralErrors with all of them; nothing if there is none."""
    if problems:
        raise problems[0] if len(problems) == 1 else SeveralErrors(problems)
