"""The command `init`: from a bare machine to a campaign that can be planned."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from submitter.cli import complete
from submitter.cli.say import say
from submitter.errors import SubmitterError

if TYPE_CHECKING:
    from submitter.campaign.choices import Choices, Given, Host
    from submitter.campaign.init import Initialised

_QUESTIONS = {
    "submitter": "your organisation, as its folder is named",
    "round": "round",
    "system_id": "name of the system (system_desc_id)",
    "benchmark": "benchmarks, with commas",
    "division": "division, closed or open",
    "scenario": "scenarios, with commas",
    "model": "folder of the quantised model, if you have one",
    "dataset": "file of the converted data set, if you have one",
    "status": "availability: available, preview or rdi",
    "cooling": "cooling, such as air or liquid; empty to leave it open",
}
_LISTS = ("benchmark", "scenario")


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write; created if necessary.")] = Path(),
    submitter: Annotated[
        str | None, typer.Option(metavar="NAME", help="Your organisation, as its folder is named.")
    ] = None,
    round_name: Annotated[
        str | None,
        typer.Option(
            "--round", metavar="ROUND", autocompletion=complete.rounds, help="Such as v6.1.  [default: the newest]"
        ),
    ] = None,
    division: Annotated[str | None, typer.Option(metavar="NAME", help="closed or open.")] = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", autocompletion=complete.ready_benchmarks, help="Such as llama2-70b-99.9; may be repeated."
        ),
    ] = None,
    scenario: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Offline, Server or Interactive; may be repeated.")
    ] = None,
    system_id: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete.ready_sets,
            help="The system_desc_id. The name of a ready set, such as 8xMI300X, takes that set.",
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="FOLDER", help="The model that submitter quantize made.")] = None,
    dataset: Annotated[
        str | None, typer.Option(metavar="FILE", help="The data set that submitter dataset convert made.")
    ] = None,
    status: Annotated[str | None, typer.Option(metavar="NAME", help="available, preview or rdi.")] = None,
    cooling: Annotated[str | None, typer.Option(metavar="TEXT", help="Such as air or liquid.")] = None,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Ask nothing: take defaults, and mark what is left open.")
    ] = False,
) -> None:
    """Look at this machine and write a campaign for it: settings, system description, documents.

    Without a terminal nothing is asked. Existing files are kept.
    """
    from submitter.campaign.choices import Given, decide
    from submitter.campaign.init import init as write
    from submitter.campaign.init import look_at_host

    given = Given(
        submitter=submitter,
        round=round_name,
        division=division,
        benchmark=tuple(benchmark) if benchmark else None,
        scenario=tuple(scenario) if scenario else None,
        system_id=system_id,
        model=model,
        dataset=dataset,
        status=status,
        cooling=cooling,
    )
    host = look_at_host()
    _show_host(host)
    choices = decide(host, given)
    if not no_input and sys.stdin.isatty():
        choices = _ask(host, given)
    _show(write(folder, host, choices))


def _ask(host: Host, given: Given) -> Choices:
    """Ask for each choice that no option made, until the answer is a possible one."""
    from submitter.campaign.choices import decide

    choices = decide(host, given)
    for name, question in _QUESTIONS.items():
        is_fixed = choices.machine is None and name in ("model", "dataset", "status", "cooling")
        if (
            getattr(given, name) is not None
            or is_fixed
            or (name in ("model", "dataset") and len(choices.benchmark) > 1)
        ):
            continue
        default = _text(getattr(choices, name))
        while True:
            answer = typer.prompt(question, default=default, show_default=bool(default), err=True).strip()
            if answer == default:
                break
            value: Any = tuple(word.strip() for word in answer.split(",")) if name in _LISTS else answer
            try:
                choices, given = decide(host, replace(given, **{name: value})), replace(given, **{name: value})
                break
            except SubmitterError as error:
                say(f"  {error.message}" + (f"; {error.hint}" if error.hint else ""))
    return choices


def _text(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value or "")


def _show_host(host: Host) -> None:
    from submitter.system.wording import counted

    found = host.accelerators
    lines = {
        "server": host.server_name,
        "processor": _processor(host.description),
        "memory": host.description.get("host_memory_capacity"),
        "accelerators": counted(found.names) if found and found.devices else "none",
        "driver": found.software if found else "",
        "NUMA nodes": _numa(host),
        "network": host.description.get("host_networking"),
    }
    print("This machine")
    for name, value in lines.items():
        if value:
            print(f"  {name:<13} {value}")


def _processor(description: dict[str, object]) -> str:
    count, cores = (description[f"host_processor{part}"] for part in ("s_per_node", "_core_count"))
    return f"{count}x {description.get('host_processor_model_name', 'unknown')}, {cores} cores each"


def _numa(host: Host) -> str:
    """Each node with its cores and the numbers of the accelerators on it."""
    devices = host.accelerators.devices if host.accelerators else ()
    nodes = sorted({*host.numa_nodes, *(device.numa_node for device in devices if device.numa_node is not None)})
    parts = []
    for node in nodes:
        numbers = [str(number) for number, device in enumerate(devices) if device.numa_node == node]
        cores = host.numa_nodes.get(node, "")
        part = f"{node}: cores {cores if len(cores) < 40 else cores[:37] + '...'}" if cores else f"{node}:"
        parts.append(part + (f" accelerators {','.join(numbers)}" if numbers else ""))
    return "; ".join(parts)


def _show(done: Initialised) -> None:
    folder = done.campaign.parent
    print("\nSettings")
    for note in done.notes:
        print(f"  {note.removeprefix('settings: ')}")
    print(f"\nWritten to {folder}: {len(done.written)} files" if done.written else "\nNothing was written")
    for path in done.written:
        print(f"  {path.relative_to(folder)}")
    for path in done.kept:
        print(f"  {path.relative_to(folder)}  kept: it existed already")
    if done.open_items:
        print("\nStill open")
        for item in done.open_items:
            print(f"  {item.what}" + (f"\n    {item.command}" if item.command else ""))
    print(f"\nNext\n  {done.next_command}")
