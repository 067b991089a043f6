"""What a tree is made of, and whether that fits together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from submitter import system
from submitter.errors import InputError
from submitter.manifest import ManifestFullRun
from submitter.model import Division, Scenario
from submitter.rulebook import load_rulebook

_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")


@dataclass(frozen=True, kw_only=True)
class TreeBenchmark:
    """One benchmark of a tree."""

    name: str
    """Of its results folder."""
    official_name: str
    """The round's benchmark that it was run as; in the open division it may differ from `name`."""
    scenarios: tuple[Scenario, ...]
    measurements: Path
    """Holds a folder for each scenario with `user.conf`, `measurements.json`, `README.md` and `engine.toml`."""
    accuracy_target: Mapping[str, float] = field(default_factory=dict)
    """The lowest allowed value of each metric."""


@dataclass(frozen=True, kw_only=True)
class AssemblyPlan:
    """What the tree of one submitter and one system is made of, beside the runs."""

    round: str
    division: Division
    submitter: str
    system: str
    """The system_desc_id."""
    system_description: Mapping[str, object]
    """Complete: what the round's `systems/<system>.json` must hold."""
    benchmarks: tuple[TreeBenchmark, ...]
    command: str
    """What made the runs, as a user types it."""
    smoke: bool = False
    """Whether the runs may be short ones: then the tree says of itself that it is a preview."""
    full_run: ManifestFullRun | None = None
    """How to make the submission that a smoke tree previews."""
    documentation: Path | None = None
    """A folder whose files become the submitter's documentation."""
    source: Path | None = None
    """A folder of code, copied for each benchmark."""
    runs_round: str | None = None
    """The round that the runs were made for, where it is another: whoever sets it has seen that their logs are right
    for `round`, too."""


def check_plan(plan: AssemblyPlan) -> None:
    """InputError if the parts of a plan contradict each other or the round."""
    book = load_rulebook(plan.round)
    for what, name in (("submitter", plan.submitter), ("system", plan.system)):
        if not _NAME.fullmatch(name):
            raise InputError(f"{what} '{name}' is no folder name", "use letters, digits and . _ + -")
    if not plan.benchmarks or not all(benchmark.scenarios for benchmark in plan.benchmarks):
        raise InputError("there is nothing to assemble", "name at least one benchmark and one scenario of it")
    for benchmark in plan.benchmarks:
        if not _NAME.fullmatch(benchmark.name):
            raise InputError(f"benchmark '{benchmark.name}' is no folder name", "use letters, digits and . _ + -")
        book.benchmark(benchmark.official_name)
        if benchmark.name != benchmark.official_name and plan.division is not Division.OPEN:
            raise InputError(
                f"the {plan.division} division has no benchmark '{benchmark.name}'",
                f"only an open submission may map its own model to {benchmark.official_name}",
            )
    system.validate(dict(plan.system_description), f"the description of system {plan.system}")
    for key, wanted in (("division", str(plan.division)), ("submitter", plan.submitter)):
        if str(plan.system_description[key]).lower() != wanted.lower():
            raise InputError(
                f"the description of system {plan.system} has {key} {plan.system_description[key]}, not {wanted}"
            )
