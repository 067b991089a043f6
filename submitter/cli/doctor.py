"""`submitter doctor`: what is installed, what works, and the command that installs what does not."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from submitter.cli import complete
from submitter.cli.say import say
from submitter.errors import NotInstalledError
from submitter.version import VERSION

if TYPE_CHECKING:
    from submitter.doctor import Diagnosis, Fact


def doctor(
    command: Annotated[
        str | None,
        typer.Argument(
            metavar="COMMAND",
            autocompletion=complete.commands,
            help="Exit with 3 if this command, such as run-all, would not work here.",
        ),
    ] = None,
    output_format: Annotated[
        Literal["text", "json"], typer.Option("--format", help="The form of the report.")
    ] = "text",
    nodes: Annotated[
        str,
        typer.Option(
            "--nodes",
            metavar="HOST,...",
            help="Examine these machines instead, such as node1,node2 or, with Slurm, node[1-4]; exit with 1 if "
            "anything is wrong.",
        ),
    ] = "",
    campaign: Annotated[
        Path | None,
        typer.Option("--campaign", metavar="CAMPAIGN.toml", help="Compare the nodes with this campaign's system."),
    ] = None,
    launch: Annotated[
        str,
        typer.Option(
            "--launch",
            metavar="COMMAND",
            help="What starts a program on a node (docs/scale-out.md); by default ssh or, in a Slurm job, srun.",
        ),
    ] = "",
    python: Annotated[
        str,
        typer.Option("--python", metavar="PATH", help="Python with submitter on the nodes; by default that of here."),
    ] = "",
) -> None:
    """Try out what is installed: which commands work here, what the others miss, and how to install it.

    With --nodes: whether the machines of a cluster are fit for a campaign, and are alike.
    """
    import dataclasses
    import json

    from submitter import packages, plugins
    from submitter.doctor import examine
    from submitter.errors import InputError

    if nodes:
        if command is not None:
            raise InputError(f"--nodes examines machines, and takes no command such as {command}", "leave one out")
        from submitter.cli.doctor_nodes import doctor_nodes

        doctor_nodes(nodes, launch, python, campaign, output_format)
        return
    for option, value in (("--campaign", campaign), ("--launch", launch), ("--python", python)):
        if value:
            raise InputError(f"{option} is for --nodes", "name the machines, too: --nodes node1,node2")
    if command is not None:
        plugins.require(command, packages.COMMANDS, "command")
    diagnosis = examine(lambda part: say(f"trying {part} ..."))
    if output_format == "json":
        commands = {name: [trial.part for trial in diagnosis.missing(name)] for name in packages.COMMANDS}
        print(json.dumps({**dataclasses.asdict(diagnosis), "commands": commands}, indent=2))
    else:
        _show(diagnosis, packages.PARTS if command is None else packages.COMMANDS[command])
    if command is not None and diagnosis.missing(command):
        raise typer.Exit(NotInstalledError.exit_code)


def _show(diagnosis: Diagnosis, parts: Collection[str]) -> None:
    """Print everything; of what does not work, only `parts` with the commands that install them."""
    from submitter import packages
    from submitter.console import show_table

    say("")
    print(f"submitter {VERSION}\n")
    installed = [(each.name, each.version or "not installed", each.folder) for each in diagnosis.packages]
    show_table(("package", "version", "where"), installed, sys.stdout)
    print()
    commands = []
    for name in packages.COMMANDS:
        missing = [trial.part for trial in diagnosis.missing(name)]
        commands.append((name, "works" if not missing else f"does not work: {', '.join(missing)}"))
    show_table(("command", "here"), commands, sys.stdout)
    print()
    rounds = [(name, "yes" if not hint else "no", hint) for name, hint in diagnosis.rounds.items()]
    show_table(("round", "LoadGen fits", ""), rounds, sys.stdout)
    print()
    show_table(("machine", ""), [(fact.name, fact.value) for fact in diagnosis.machine], sys.stdout)
    print()
    for trial in diagnosis.trials.values():
        if trial.part not in parts:
            continue
        mark = "ok" if not trial.problem else "WRONG" if trial.is_installed else "missing"
        print(f"{mark:<8} {trial.problem or f'{trial.part}: {trial.summary}'}")
        if trial.problem:
            print(f"         {trial.hint}")
    for fact in (*diagnosis.conflicts, *diagnosis.machine):
        if fact.problem:
            _show_problem(fact)


def _show_problem(fact: Fact) -> None:
    print(f"WRONG    {fact.name} {fact.value}: {fact.problem}\n         {fact.hint}")
