"""What a campaign is about: what its author chose, checked, with a default for everything else."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from submitter import plugins
from submitter.campaign import ready_sets
from submitter.campaign.file import EMBEDDED, FOLDER_NAME, NO_NAME
from submitter.campaign.ready_sets import Machine
from submitter.datasets.official import published_for
from submitter.embedded.benchmark import load_benchmark
from submitter.errors import InputError, SubmitterError, raise_all
from submitter.model import Division, Scenario
from submitter.rulebook import load_rulebook, round_names
from submitter.rulebook_tables import Benchmark
from submitter.system.accelerator import Accelerators
from submitter.system.known import known_accelerator

CPU_SYSTEM = "cpu-demo"
DEFAULT_BENCHMARK, SMALLER_BENCHMARK = "llama2-70b-99.9", "llama3.1-8b"
_STATUSES = ("available", "preview", "rdi")


@dataclass(frozen=True, kw_only=True)
class Host:
    """What was found on this host."""

    accelerators: Accelerators | None
    """None if a driver is there and does not answer."""
    numa_nodes: dict[int, str]
    """The CPU cores of each."""
    server_name: str
    description: dict[str, object]
    """The fields of a system description that the host shows."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the author has chosen so far; None for what is left to its default."""

    submitter: str | None = None
    round: str | None = None
    division: str | None = None
    benchmark: tuple[str, ...] | None = None
    scenario: tuple[str, ...] | None = None
    system_id: str | None = None
    model: str | None = None
    dataset: str | None = None
    status: str | None = None
    cooling: str | None = None


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Everything that `Given` asks for, complete and checked; the fields have the names of `Given`."""

    submitter: str
    round: str
    division: Division
    benchmark: tuple[str, ...]
    scenario: tuple[Scenario, ...]
    system_id: str
    model: str | None
    """None for the default name of each benchmark's model."""
    dataset: str | None
    status: str
    cooling: str | None
    """None if it is left to a person."""
    machine: Machine | None
    """What the settings are for; None for the embedded benchmark on the CPU."""
    is_this_host: bool
    """Whether `machine` is this host, so that its facts go into the system's description."""


def sources(round_name: str, benchmark: str) -> tuple[str, str]:
    """The file of a benchmark's data set, and its reference model. InputError if no data set is published."""
    published = published_for(load_rulebook(round_name).benchmark(benchmark).dataset_size)
    if published is None:
        raise InputError(f"no data set of {benchmark} is published", "take another benchmark")
    return published[0], published[1].tokenizer


def decide(host: Host, given: Given) -> Choices:
    """Check what is given and choose the rest. InputError, or SeveralErrors, with the nearest right values."""
    problems: list[SubmitterError] = []

    def checked(check: Callable[..., Any], *arguments: object) -> Any:
        try:
            return check(*arguments)
        except InputError as error:
            problems.append(error)
            return None

    for field in fields(given):
        value = getattr(given, field.name)
        checked(_require_known, field.name, value if isinstance(value, tuple) else (value,))
    raise_all(problems)
    round_name = given.round or round_names()[-1]
    named = given.system_id and ready_sets.machine_named(given.system_id)
    machine, is_this_host = _machine(host, named or None)
    if machine is None and given.system_id and given.benchmark is None:
        _require_no_set_meant(given.system_id)
    benchmark = given.benchmark or (_default_benchmark(machine),)
    is_embedded = load_benchmark().name in benchmark
    if is_embedded:
        machine, is_this_host = None, True
    division = Division(given.division) if given.division else Division.OPEN if is_embedded else Division.CLOSED
    scenario: tuple[Scenario, ...] = ()
    for name in benchmark:
        checked(_require_possible, name, benchmark, division, machine, round_name)
    raise_all(problems)
    for name in benchmark:
        scenario = checked(_scenarios, name, given.scenario, round_name, machine) or scenario
    if len(benchmark) > 1 and (given.model or given.dataset):
        problems.append(
            InputError("--model and --dataset are for one benchmark", "leave them out, and edit the campaign file")
        )
    raise_all(problems)
    return Choices(
        submitter=given.submitter or NO_NAME,
        round=round_name,
        division=division,
        benchmark=benchmark,
        scenario=scenario,
        system_id=given.system_id or _system_id(host, machine),
        model=EMBEDDED if is_embedded else given.model,
        dataset=EMBEDDED if is_embedded else given.dataset,
        status=given.status or _STATUSES[0],
        cooling=given.cooling,
        machine=machine,
        is_this_host=is_this_host,
    )


def _require_known(field: str, values: tuple[str | None, ...]) -> None:
    """InputError with the nearest right value for a value that no campaign can have."""
    known: dict[str, Sequence[str]] = {
        "round": round_names(),
        "division": [Division.CLOSED, Division.OPEN],
        "benchmark": [*ready_sets.benchmarks(), load_benchmark().name],
        "scenario": [Scenario.OFFLINE, Scenario.SERVER, Scenario.INTERACTIVE],
        "status": _STATUSES,
    }
    for value in values:
        if value is None:
            continue
        if field in known:
            plugins.require(value, known[field], field)
        if field in ("submitter", "system_id") and not FOLDER_NAME.fullmatch(value):
            raise InputError(
                f"--{field.replace('_', '-')} '{value}' cannot be the name of a folder",
                "use letters, digits and . _ + - only, with a letter or digit first",
            )
        if not value.strip():
            raise InputError(f"--{field.replace('_', '-')} is empty", "leave it out for its default")


def _machine(host: Host, named: Machine | None) -> tuple[Machine | None, bool]:
    """The machine to prepare for, and whether it is this host: a ready set that was named, else this host's."""
    found = host.accelerators
    here = ready_sets.machine_of(found, host.numa_nodes) if found and found.devices else None
    if named is None:
        if found is None:
            raise InputError(
                "a driver of accelerators is here, but neither its library nor its tool answers",
                "see what nvidia-smi or amd-smi says, or name a ready set: --system-id "
                + " or ".join(ready.name for ready in ready_sets.ready_sets()),
            )
        return here, True
    if here and (known_accelerator(here.name), here.count) == (known_accelerator(named.name), named.count):
        return replace(here, server=named.server), True
    return named, False


def _require_no_set_meant(system_id: str) -> None:
    """InputError if a name is nearly that of a ready set: on a host without accelerators, a campaign for the CPU would
    get it."""
    if near := plugins.nearest(system_id, [ready.name for ready in ready_sets.ready_sets()]):
        raise InputError(
            f"this host has no accelerator, and no ready set is named '{system_id}'", f"did you mean '{near}'?"
        )


def _default_benchmark(machine: Machine | None) -> str:
    if machine is None:
        return load_benchmark().name
    try:
        ready_sets.tensor_parallel_size(DEFAULT_BENCHMARK, machine)
    except InputError:
        return SMALLER_BENCHMARK
    return DEFAULT_BENCHMARK


def _require_possible(
    name: str, names: tuple[str, ...], division: Division, machine: Machine | None, round_name: str
) -> None:
    """InputError if the benchmark cannot be run in this division, on this machine, or beside the others."""
    if name == load_benchmark().name:
        if division is not Division.OPEN:
            raise InputError(f"{name} is not an MLPerf benchmark: for the open division only", "--division open")
        if len(names) > 1:
            raise InputError(f"{name} has settings for the CPU: it cannot be run beside {names[1]}", "leave it out")
        return
    load_rulebook(round_name).benchmark(name)
    if machine is None:
        raise InputError(
            f"this host has no accelerator for {name}",
            "name the machine that it will run on: --system-id "
            + " or ".join(ready.name for ready in ready_sets.ready_sets() if ready.folder(name).is_dir())
            + f"; or leave the benchmark out, for {load_benchmark().name}, which runs on the CPU",
        )
    ready, _ = ready_sets.nearest(machine)
    ready_sets.tensor_parallel_size(name, machine)
    if not ready.folder(name).is_dir():
        raise InputError(
            f"the ready set {ready.name} has no settings for {name}",
            "take one that it has: --benchmark " + " or ".join(ready_sets.benchmarks(ready)),
        )


def _scenarios(
    name: str, given: tuple[str, ...] | None, round_name: str, machine: Machine | None
) -> tuple[Scenario, ...]:
    """The chosen scenarios, else all that the round allows and that there are settings for."""
    official = load_benchmark().official_benchmark if name == load_benchmark().name else name
    rules: Benchmark = load_rulebook(round_name).benchmark(official)
    found = rules.scenarios_for("datacenter")
    possible = found.allowed if found else frozenset()
    if machine is not None:
        possible &= set(ready_sets.scenarios(ready_sets.nearest(machine)[0], name, possible))
    else:
        possible &= {Scenario.OFFLINE, Scenario.SERVER}
    for scenario in given or ():
        plugins.require(scenario, sorted(possible), f"scenario of {name} in round {round_name}")
    return tuple(scenario for scenario in Scenario if scenario in possible and (not given or scenario in given))


def _system_id(host: Host, machine: Machine | None) -> str:
    """Such as `8xMI300X`, after the name of the server if its firmware has one."""
    if machine is None:
        return CPU_SYSTEM
    known = known_accelerator(machine.name)
    accelerator = known.short if known else machine.name.removeprefix(f"{machine.vendor} ")
    parts = [host.server_name.rpartition(" ")[2], f"{machine.count}x{accelerator}"]
    return "_".join(filter(None, (re.sub(r"[^A-Za-z0-9.+-]+", "-", part).strip("-.") for part in parts)))
