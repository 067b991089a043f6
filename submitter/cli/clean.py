"""`submitter clean`: removes what interrupted and failed runs left in a campaign's output folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from submitter.cli.say import say


def clean(
    path: Annotated[
        Path, typer.Argument(metavar="CAMPAIGN.toml|FOLDER", help="The campaign file, or the campaign's output folder.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; else it is only shown.")] = False,
    runs: Annotated[
        bool, typer.Option("--runs", help="Also finished runs that the campaign file does not have any more.")
    ] = False,
) -> None:
    """Show what interrupted and failed runs left in the output folder; with --yes remove it."""
    from submitter.campaign.cleaning import clean
    from submitter.console import disk_size, show_table
    from submitter.console.invalid import short_path
    from submitter.quoting import printable

    done = clean(path, remove=yes, with_runs=runs)
    if not done.leftovers:
        say(f"nothing to clean in {short_path(done.output)}")
        return
    rows = [
        (disk_size(each.used_bytes), printable(str(each.path.relative_to(done.output))), each.what)
        for each in done.leftovers
    ]
    show_table(("disk", f"in {short_path(done.output)}", "what it is"), rows, sys.stdout)
    for unknown in (path for each in done.leftovers for path in each.unknown):
        print(f"kept, because it is not known: {printable(str(unknown.relative_to(done.output)))}")
    total = disk_size(done.used_bytes)
    print(f"removed: {total}" if yes else f"nothing was removed: --yes would remove {total}")
