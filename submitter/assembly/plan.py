"""The plan of a tree: its contents, and the check that they are consistent."""

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
    """The name of its results folder."""
    official_name: str
    """The round's benchmark that it was run as. In the open division it may differ from `name`."""
    scenarios: tuple[Scenario, ...]
    measurements: Path
    """A folder with one folder per scenario: `measurements.json` and `README.md`; and the settings, of which a tree
    has those that the performance run kept."""
    accuracy_target: Mapping[str, float] = field(default_factory=dict)
    """The lowest allowed value of each metric."""


@dataclass(frozen=True, kw_only=True)
class AssemblyPlan:
    """The contents of the tree of one submitter and one system, apart from the runs."""

    round: str
    division: Division
    submitter: str
    system: str
    """The system_desc_id."""
    system_description: Mapping[str, object]
    """All fields of the round's `systems/<system>.json`."""
    benchmarks: tuple[TreeBenchmark, ...]
    command: str
    """The command that made the runs, as a user types it in the folder of the campaign file."""
    smoke: bool = False
    """Whether the runs may be short ones. The tree is then marked as a preview."""
    full_run: ManifestFullRun | None = None
    """How to make the submission that a smoke tree previews."""
    documentation: Path | None = None
    """A folder whose files are copied as the submitter's documentation."""
    source: Path | None = None
    """A folder of code that is copied for each benchmark."""
    runs_round: str | None = None
    """The round that the runs were made for, if it is not `round`. Whoever sets it has verified that the logs fit
    `round` too."""


def check_plan(plan: AssemblyPlan) -> None:
    """InputError if the parts of a plan contradict each other or the round."""
    book = load_rulebook(plan.round)
    for what, name in (("submitter", plan.submitter), ("system", plan.system)):
        if not _NAME.fullmatch(name):
            raise InputError(f"{what} '{name}' is not a folder name", "use letters, digits and . _ + -")
    if not plan.benchmarks or not all(benchmark.scenarios for benchmark in plan.benchmarks):
        raise InputError("there is nothing to assemble", "name at least one benchmark and one scenario of it")
    for benchmark in plan.benchmarks:
        if not _NAME.fullmatch(benchmark.name):
            raise InputError(f"benchmark '{benchmark.name}' is not a folder name", "use letters, digits and . _ + -")
        book.benchmark(benchmark.official_name)
        if benchmark.name != benchmark.official_name and plan.division is not Division.OPEN:
            raise InputError(
                f"the {plan.division} division has no benchmark '{benchmark.name}'",
                f"only an open submission may map its own model to {benchmark.official_name}",
            )
    system.validate(dict(plan.system_description), f"the description of system {plan.system}")
    for key, required in (("division", str(plan.division)), ("submitter", plan.submitter)):
        if str(plan.system_description[key]).lower() != required.lower():
            raise InputError(
                f"the description of system {plan.system} has {key} {plan.system_description[key]}, not {required}"
            )
