"""The command that shows the rules of the rounds."""

from __future__ import annotations

from typing import Annotated

import typer

from submitter.errors import InputError


def rules(
    rule_id: Annotated[str | None, typer.Argument(metavar="ID", help="Show this rule in full, such as PRF004.")] = None,
    round_name: Annotated[str | None, typer.Option("--round", help="The round to show; by default the newest.")] = None,
    diff: Annotated[
        tuple[str, str] | None, typer.Option(metavar="OLD NEW", help="Show what changed from OLD to NEW.")
    ] = None,
) -> None:
    """Show the rules of a round, one rule in full, or what changed between two rounds."""
    from submitter.checker import catalogue, round_diff
    from submitter.rulebook import load_rulebook, round_names

    if diff is not None:
        if rule_id is not None or round_name is not None:
            raise InputError("--diff cannot be combined with a rule or --round", "leave them out")
        old, new = map(load_rulebook, diff)
        print(round_diff.difference(old, new))
        return
    book = load_rulebook(round_name or round_names()[-1])
    if rule_id is None:
        print(catalogue.listing(book))
    else:
        print(catalogue.explanation(rule_id, book, map(load_rulebook, round_names())))
