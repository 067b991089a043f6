"""The commands for data sets: `submitter dataset verify`, `convert` and `stats`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from submitter.cli.examples import examples
from submitter.cli.help import Command, Commands
from submitter.cli.say import say

dataset = typer.Typer(
    cls=Commands,
    help="Verify and convert the data files that MLCommons publishes.",
    epilog=examples("dataset"),
    no_args_is_help=True,
    rich_markup_mode=None,
)

DataFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="A .pkl or .json file of MLCommons, or a converted one.")
]


@dataset.command(cls=Command, epilog=examples("dataset verify"))
def verify(file: DataFile) -> None:
    """Compare a file with the published one: checksum, number of samples, columns, longest prompt."""
    from submitter import datasets

    wrong = 0
    for check in datasets.verify(file):
        print(f"{'ok   ' if check.passed else 'WRONG'}  {check.text}")
        wrong += not check.passed
    raise typer.Exit(1 if wrong else 0)


@dataset.command(cls=Command, epilog=examples("dataset convert"))
def convert(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .pkl or .json file of MLCommons.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write, NAME.safetensors.")],
) -> None:
    """Convert a data file into the format that a campaign reads, which is memory-mapped and opens in milliseconds."""
    from submitter import datasets
    from submitter.errors import InputError
    from submitter.harness.dataset import SUFFIX

    if output.suffix != SUFFIX:
        raise InputError(f"{output} does not end in {SUFFIX}", f"name it {output.with_suffix(SUFFIX)}")
    header, official = datasets.convert(file, output)
    if official is None:
        say(f"{file} is not a file that MLCommons publishes: the closed division does not allow it")
    print(f"{output}: {header.name}, {header.sample_count:,} samples, SHA-256 {header.sha256}")


@dataset.command(cls=Command, epilog=examples("dataset stats"))
def stats(file: DataFile) -> None:
    """Show how many samples a file has and how long their prompts are, in tokens."""
    from submitter import datasets
    from submitter.console import show_table

    found = datasets.stats(file)
    rows = [("shortest", f"{found.shortest:,}")]
    rows += [(f"{percent}th percentile", f"{length:,}") for percent, length in found.percentiles.items()]
    rows += [("longest", f"{found.longest:,}"), ("mean", f"{found.mean:,.1f}"), ("total", f"{found.total:,}")]
    print(f"{found.sample_count:,} samples\n")
    show_table(("prompts", "tokens"), rows, sys.stdout)
