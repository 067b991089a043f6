"""`--quiet` and `--verbose`, which stand before a command or after it."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import typer

from submitter.console import Level, show_from
from submitter.errors import InputError


class _Chosen:
    """Which of the two options was given."""

    level = Level.NORMAL


def show_as_usual() -> None:
    _choose(Level.NORMAL)


def _choose(level: Level) -> None:
    _Chosen.level = level
    show_from(level)


def _option(level: Level) -> Any:
    def given(is_given: bool) -> None:
        if is_given and _Chosen.level not in (level, Level.NORMAL):
            raise InputError("--quiet and --verbose contradict each other", "give one of them")
        if is_given:
            _choose(level)

    return given


Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        callback=_option(Level.WARNING),
        expose_value=False,
        help="Show only the result, warnings and errors.",
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", callback=_option(Level.DETAIL), expose_value=False, help="Show more of what is done."
    ),
]


@cache
def options() -> list[Any]:
    """Both, as the parameters of a command."""
    app = typer.Typer(add_completion=False)

    @app.command()
    def _(quiet: Quiet = False, verbose: Verbose = False) -> None:
        pass

    return typer.main.get_command(app).params[:2]
