"""The ready-made sets of settings that come with the package: which one is nearest to a machine, and adapting it.

A set is a folder `<count>x<accelerator>` in `submitter/ready/measurements`, with a folder a benchmark and scenario. Its
engine is vLLM, in this process; `<count>x<accelerator>_<server>` is a set whose engine is `endpoint`, with one of
that kind of server for each replica. Such a set is taken only by its name.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from submitter import layout, plugins
from submitter.checker.hardware import parameters_e9
from submitter.errors import InputError
from submitter.model import Scenario
from submitter.system.accelerator import Accelerators
from submitter.system.known import KnownAccelerator, known_accelerator
from submitter.units import BYTES_PER_GIB

READY = plugins.folder("submitter") / "ready"
CPU_SET = "cpu-smoke"
# FP8 weights take a byte each. Of an accelerator's memory, this share at most may hold weights: the rest is for the KV
# cache, without which batches stay small. It gives the published choices: H100 two, H200, B200 and MI300X one.
_WEIGHTS_SHARE = 0.7
# Benchmarks that differ in nothing but the accuracy that they require have one set.
_SET_OF = {"llama2-70b-99": "llama2-70b-99.9"}


@dataclass(frozen=True, kw_only=True)
class ReadySet:
    """One set of settings."""

    name: str
    count: int
    """The number of accelerators that it is for."""
    accelerator: KnownAccelerator

    @property
    def server(self) -> str:
        """The kind of server that it is for, such as `TRT-LLM`; empty for vLLM in this process."""
        return self.name.partition("_")[2]

    def folder(self, benchmark: str) -> Path:
        """One folder a scenario."""
        return READY / "measurements" / self.name / _SET_OF.get(benchmark, benchmark)

    def serves_the_reference(self, benchmark: str) -> bool:
        """Whether its servers' engines are built from the reference checkpoint, and not from one in FP8."""
        description = next(self.folder(benchmark).glob(f"*/{layout.MEASUREMENTS_JSON}"))
        return bool(json.loads(description.read_text("utf-8"))["weight_data_types"] != "fp8")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The accelerators that a set is chosen for, all of one kind."""

    count: int
    name: str
    """Of one accelerator, as its driver reports it."""
    vendor: str
    memory_gb: float | None
    numa_node_count: int | None = None
    """None if it is not this host."""
    server: str = ""
    """As in `ReadySet`."""

    def __str__(self) -> str:
        return f"{self.count}x {self.name}"


def machine_of(found: Accelerators, numa_nodes: Iterable[int]) -> Machine:
    """The machine whose accelerators were found, at least one; `numa_nodes` are those that Linux lists."""
    first = found.devices[0]
    name = first.name or f"accelerator of {found.driver}"
    known = known_accelerator(name)
    measured_gb = first.memory_bytes / BYTES_PER_GIB if first.memory_bytes else None
    nodes = {device.numa_node for device in found.devices} - {None}
    return Machine(
        count=len(found.devices),
        name=name,
        vendor=found.driver,
        memory_gb=known.memory_gb if known else measured_gb,
        numa_node_count=max(len(nodes), len(set(numa_nodes))),
    )


def machine_named(name: str) -> Machine | None:
    """The machine that a ready set of this name is for; None if there is no such set."""
    for ready in ready_sets():
        if ready.name == name:
            known = ready.accelerator
            return Machine(
                count=ready.count,
                name=f"{known.vendor} {known.short}",
                vendor=known.vendor,
                memory_gb=known.memory_gb,
                server=ready.server,
            )
    return None


def ready_sets() -> list[ReadySet]:
    """The sets for machines with accelerators, by name."""
    sets = []
    for folder in sorted((READY / "measurements").iterdir()):
        count, _, _ = folder.name.partition("x")
        known = known_accelerator(folder.name)
        if count.isdigit() and known:
            sets.append(ReadySet(name=folder.name, count=int(count), accelerator=known))
    return sets


def benchmarks(of: ReadySet | None = None) -> list[str]:
    """The official benchmarks that a set is for; by default those that any is for."""
    sets = [of] if of else ready_sets()
    names = {folder.name for ready in sets for folder in (READY / "measurements" / ready.name).iterdir()}
    return sorted(names | {name for name, same in _SET_OF.items() if same in names})


def scenarios(ready: ReadySet, benchmark: str, allowed: Iterable[Scenario]) -> tuple[Scenario, ...]:
    """Those of `allowed` that the set has for the benchmark, in LoadGen's order."""
    folder, wanted = ready.folder(benchmark), set(allowed)
    return tuple(scenario for scenario in Scenario if scenario in wanted and (folder / scenario).is_dir())


def served(machine: Machine) -> list[ReadySet]:
    """The sets with a server, for the accelerators of a machine whose set has none."""
    known = known_accelerator(machine.name)
    return [ready for ready in ready_sets() if ready.server and not machine.server and ready.accelerator == known]


def nearest(machine: Machine) -> tuple[ReadySet, str]:
    """The set that fits best, and why: the same accelerator, else one of its vendor with the nearest memory.

    InputError if no set is for an accelerator of this vendor.
    """
    known = known_accelerator(machine.name)
    candidates = [
        ready for ready in ready_sets() if (ready.accelerator.vendor, ready.server) == (machine.vendor, machine.server)
    ]
    if not candidates:
        raise InputError(
            f"no ready set is for accelerators of {machine.vendor}",
            "name one to start from: --system-id " + " or ".join(ready.name for ready in ready_sets()),
        )

    def distance(ready: ReadySet) -> tuple[bool, float, float]:
        memory = abs(math.log(ready.accelerator.memory_gb / machine.memory_gb)) if machine.memory_gb else 0.0
        return ready.accelerator != known, memory, abs(math.log(ready.count / machine.count))

    best = min(candidates, key=distance)
    if best.accelerator != known:
        return best, f"no set is for {machine.name}; of {machine.vendor}'s, its memory is the nearest"
    return best, "this machine's" if best.count == machine.count else f"the same accelerator, {best.count} of them"


def tensor_parallel_size(benchmark: str, machine: Machine) -> int:
    """How many accelerators a replica with FP8 or INT8 weights needs: a power of two.

    InputError if the machine has fewer.
    """
    weights_gb = parameters_e9(_SET_OF.get(benchmark, benchmark))
    if weights_gb is None or machine.memory_gb is None:
        return 1
    needed = 1
    while weights_gb / needed > _WEIGHTS_SHARE * machine.memory_gb:
        needed *= 2
    if needed > machine.count:
        raise InputError(
            f"{benchmark} in 8 bits has about {weights_gb:.0f} GB of weights, and needs room for the KV cache: "
            f"{needed} of these accelerators, with {machine.memory_gb:.0f} GB each; there "
            + ("is one" if machine.count == 1 else f"are {machine.count}"),
            "take a smaller one: --benchmark llama3.1-8b",
        )
    return needed


def shards_in_words(benchmark: str, machine: Machine) -> str:
    """Why a replica of the benchmark's model takes several accelerators, or does not fit; empty if it fits into one."""
    try:
        shards = tensor_parallel_size(benchmark, machine)
    except InputError as error:
        return error.message
    if shards == 1:
        return ""
    weights_gb = parameters_e9(_SET_OF.get(benchmark, benchmark)) or 0
    return (
        f"{benchmark}: a replica takes {shards} accelerators: in 8 bits it has about {weights_gb:.0f} GB of weights, "
        f"and one accelerator has {machine.memory_gb:.0f} GB, also for the KV cache"
    )


def adapted(ready: ReadySet, machine: Machine, benchmark: str, scenario: Scenario) -> tuple[dict[str, str], list[str]]:
    """The files of one scenario for a machine, by name, and what was changed in them, one text each.

    InputError if the model does not fit.
    """
    folder = ready.folder(benchmark) / scenario
    files = {path.name: path.read_text("utf-8") for path in sorted(folder.iterdir())}
    if ready.server:  # taken by its name, so the machine is that of the set
        return files, []
    shards = tensor_parallel_size(benchmark, machine)
    replicas = machine.count // shards
    engine = files[layout.ENGINE_TOML]
    old_replicas = _value(engine, "data_parallel_size", 1)
    changes = []
    for key, old, new in (
        ("tensor_parallel_size", _value(engine, "tensor_parallel_size", 1), shards),
        ("data_parallel_size", old_replicas, replicas),
        ("in_flight", _value(engine, "in_flight", 1), _value(engine, "in_flight", 1) * replicas // old_replicas),
    ):
        if old != new:
            engine = _with_value(engine, key, new)
            changes.append(f"{key} {new} instead of {old}")
    if machine.numa_node_count == 1 and "numa_bind = true" in engine:
        engine = re.sub(r"^numa_bind = true.*\n", "", engine, flags=re.MULTILINE)
        changes.append("no numa_bind: this host has one NUMA node")
    share = machine.count / ready.count
    if share != 1:
        files[layout.USER_CONF], rates = _scaled(files[layout.USER_CONF], share)
        changes.append(f"target_qps {rates}")
    if changes or ready.accelerator != known_accelerator(machine.name):
        what = "; ".join(changes) or "nothing changed"
        engine = _comment(f"submitter init took this from the ready set {ready.name} for {machine}: {what}.") + engine
    if spare := machine.count - shards * replicas:
        changes.append(f"{spare} of the {machine.count} accelerators stay idle")
    files[layout.ENGINE_TOML] = engine
    return files, changes


def _value(text: str, key: str, default: int) -> int:
    found = re.search(rf"^{key} = (\d+)", text, re.MULTILINE)
    return int(found[1]) if found else default


def _with_value(text: str, key: str, value: int) -> str:
    """The text of a TOML file with another value of a key; a key that it lacks is added to [settings]."""
    changed, count = re.subn(rf"^{key} = \d+", f"{key} = {value}", text, flags=re.MULTILINE)
    return changed if count else text.replace("[settings]\n", f"[settings]\n{key} = {value}\n", 1)


def _scaled(user_conf: str, share: float) -> tuple[str, str]:
    """user.conf with its target rate multiplied by `share`, and the two rates in words."""
    rates: list[str] = []

    def scale(found: re.Match[str]) -> str:
        rate = f"{float(found[2]) * share:.3g}"
        rates.append(f"{rate} instead of {found[2]}")
        return f"{found[1]}{rate}"

    text = re.sub(r"^(\S+\.target_qps = )([\d.]+)", scale, user_conf, flags=re.MULTILINE)
    return _comment("submitter init scaled the rate to the number of accelerators: a first guess.") + text, rates[0]


def _comment(text: str) -> str:
    """`text` as comment lines of at most 118 characters."""
    lines, line = [], "#"
    for word in text.split():
        if len(line) + 1 + len(word) > 118:
            lines.append(line)
            line = "#"
        line += f" {word}"
    return "\n".join([*lines, line]) + "\n"
