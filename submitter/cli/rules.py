"""The command that shows the rules of the rounds."""

from __future__ import annotations

from typing import Annotated

import typer

from submitter.cli import complete
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
            help="The round to show; by default the newest.",
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
) -> None:
    """Show the rules of a round, one rule in full, or what changed between two rounds."""
    from submitter import plugins
    from submitter.checker import catalogue, round_diff
    from submitter.rulebook import load_rulebook, round_names

    plugins.require(format, _FORMATS, "format")
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
