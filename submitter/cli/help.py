"""How the help of every command looks: names in capitals instead of types, and no sentence cut off.

Typer shows `{path}` in the usage, `path <path>` among the arguments, `<list[str]>` for a repeatable option, and the
beginning of a command's sentence only.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from submitter.cli import verbosity
from submitter.plugins import did_you_mean

_METAVARS = {"path": "PATH", "int": "NUMBER", "float": "NUMBER", "int range": "NUMBER"}
_METAVAR_COLUMNS = 24


class Command(TyperCommand):
    """A command. Parameters without a metavar get one that says what to give, such as `PATH`, or the choices."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += verbosity.options()
        for param in self.params:
            _name(param)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _at(ctx):
            return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        arguments = [param for param in self.params if param.param_type_name == "argument"]
        pieces = [str(param.metavar) if param.required else f"[{param.metavar}]" for param in arguments]
        return ["[OPTIONS]", *pieces]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        rows: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            if (record := param.get_help_record(ctx)) is None:
                continue
            if param.param_type_name == "argument":
                rows["Arguments"].append((str(param.metavar), record[1]))
            else:
                rows["Options"].append(record)
        for heading, shown in rows.items():
            if shown:
                with formatter.section(heading):
                    formatter.write_dl(shown)


class Commands(TyperGroup):
    """The program itself, or a command that has commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _at(ctx):
            return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows = [(name, _summary(command.help or "")) for name, command in self.commands.items() if not command.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _meant(self, ctx: Any, args: list[str]) -> str:
        """The hint for a first word that is not a command: the words in the right order, or the nearest command."""
        for position, word in enumerate(args[1:], start=1):
            if word in self.commands:
                ordered = (word, *args[:position], *args[position + 1 :])
                return f"the command comes first: {ctx.command_path} {shlex.join(ordered)}"
        return did_you_mean(args[0], self.commands)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name not in self.commands and not ctx.resilient_parsing:
            ctx.fail(f"no such command '{name}'\n{self._meant(ctx, args)}")
        return super().resolve_command(ctx, args)


def choices(param: Any) -> list[str]:
    """The values that an option with a fixed set of them takes; for others one that says the kind."""
    kind: str = param.display_type(None)
    return kind.strip("<>").removeprefix("list[").removesuffix("]").split("|")


def _name(param: Any) -> None:
    """Give a parameter its metavar, unless it has one: the kind of value, the choices if they are few, or its name."""
    if param.metavar is not None:
        return
    known = choices(param)
    name = param.opts[0].lstrip("-").upper()
    if param.param_type_name == "argument" or known == ["str"]:
        param.metavar = name
    elif len("|".join(known)) <= _METAVAR_COLUMNS:
        param.metavar = _METAVARS.get(known[0], "|".join(known))
    else:
        param.metavar = name
        if not any(value in param.help for value in known):
            param.help += f" One of {', '.join(known)}."


@contextmanager
def _at(ctx: Any) -> Iterator[None]:
    """Typer's error of an option without its value does not say in which command: add it."""
    try:
        yield
    except typer.TyperException as error:
        if getattr(error, "ctx", ctx) is None:
            error.ctx = ctx  # type: ignore[attr-defined]
        raise


def _summary(help: str) -> str:
    """The first paragraph on one line."""
    return " ".join(inspect.cleandoc(help).partition("\n\n")[0].split())
