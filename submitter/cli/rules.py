"""The command that shows the rules of the rounds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from submitter.cli import complete
from submitter.cli.say import say
from submitter.errors import InputError

_FORMATS = ("text", "json")


def rules(
    rule_id: Annotated[
        str | None,
        typer.Argument(
            metavar="RULE", autocompletion=complete.rule_ids, help="Show this rule in full, such as PRF004."
        ),
    ] = None,
    round_name: Annotated[
        str | None,
        typer.Option(
            "--round",
            autocompletion=complete.rounds,
            help="The round to show, or to draft; by default the newest.",
        ),
    ] = None,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="OLD NEW", autocompletion=complete.rounds, help="Show what changed from OLD to NEW."),
    ] = None,
    format: Annotated[
        str,
        typer.Option(metavar="text|json", autocompletion=lambda: list(_FORMATS), help="How to show it."),
    ] = "text",
    checkout: Annotated[
        Path | None,
        typer.Option(
            "--import",
            metavar="CHECKOUT",
            help="Draft a new round's file from a checkout of mlcommons/inference, whose code is not run.",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write the draft here instead of to stdout.")] = None,
) -> None:
    """Show the rules of a round, one rule in full, or what changed between two rounds; or draft a new round."""
    from submitter import plugins
    from submitter.checker import catalogue, round_diff
    from submitter.rulebook import load_rulebook, round_names

    plugins.require(format, _FORMATS, "format")
    if checkout is not None:
        if rule_id is not None or diff is not None or format != "text":
            raise InputError("--import cannot be combined with a rule, --diff or --format", "leave them out")
        if round_name is None:
            raise InputError("--import requires a round", "add --round, such as --round v7.0")
        _draft(checkout, round_name, output)
        return
    if output is not None:
        raise InputError("--output is for --import", "leave it out")
    if diff is not None:
        if rule_id is not None or round_name is not None or format != "text":
            raise InputError("--diff cannot be combined with a rule, --round or --format", "leave them out")
        old, new = map(load_rulebook, diff)
        print(round_diff.difference(old, new))
        return
    book = load_rulebook(round_name or round_names()[-1])
    if format == "json":
        print(catalogue.json_text(book, rule_id))
    elif rule_id is None:
        print(catalogue.listing(book))
    else:
        print(catalogue.explanation(rule_id, book, map(load_rulebook, round_names())))


def _draft(checkout: Path, round_name: str, output: Path | None) -> None:
    from submitter.rulebook_import import draft

    drafted = draft(checkout, round_name)
    if output is None:
        print(drafted.text, end="")
    else:
        # A draft that someone has worked on is never overwritten.
        if output.exists():
            raise InputError(f"{output} already exists", "name a new file, or remove this one first")
        output.write_text(drafted.text, "utf-8")
    for warning in drafted.warnings:
        say(warning)
    say(
        f"{output or round_name}: {len(drafted.changed)} values are new, changed or removed since {drafted.last}, "
        f"{len(drafted.to_confirm)} are to be confirmed: look for 'confirm'"
    )
