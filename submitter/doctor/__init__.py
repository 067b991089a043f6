"""What works on this machine: the packages of each command, really tried, and what of the machine matters for a run.

`packages.py` says what a command needs. `trials.py` uses each part in a process of its own, so that a library that
crashes or hangs is a line of the report; `conflicts.py` compares versions, `machine.py` collects facts of the host.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from submitter import packages
from submitter.doctor.conflicts import conflicts
from submitter.doctor.machine import Fact, machine_facts
from submitter.doctor.trials import Trial, run_trials
from submitter.rulebook import load_rulebook, round_names

__all__ = ["Diagnosis", "Fact", "Installed", "Trial", "examine"]


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A package that a command needs; version and folder are empty if it is not installed."""

    name: str
    version: str
    folder: str


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What `submitter doctor` reports."""

    packages: tuple[Installed, ...]
    trials: dict[str, Trial]
    """By part: those of `packages.PARTS` that a command needs."""
    rounds: dict[str, str]
    """By round: empty if the installed LoadGen can make its runs, else what installs one that can."""
    conflicts: tuple[Fact, ...]
    machine: tuple[Fact, ...]

    def missing(self, command: str) -> list[Trial]:
        """The trials that failed among those of the parts that a command needs."""
        return [trial for part in packages.COMMANDS[command] if (trial := self.trials[part]).problem]


def examine(on_trial: Callable[[str], None] = lambda _: None) -> Diagnosis:
    """Try everything; a minute at most. `on_trial` is called with each part when its trial begins."""
    trials = run_trials(on_trial)
    tried = trials[packages.RUNS]
    names = dict.fromkeys(name for part in packages.PARTS.values() for name in part.packages)
    books = [load_rulebook(name) for name in round_names()]
    return Diagnosis(
        packages=tuple(_installed(name) for name in names),
        trials=trials,
        rounds={
            book.name: "" if book.name in tried.rounds else packages.loadgen_command(book.round.loadgen_package)
            for book in reversed(books)
        },
        conflicts=tuple(conflicts()),
        machine=tuple(machine_facts()),
    )


def _installed(name: str) -> Installed:
    for candidate in packages.distributions(name):
        try:
            found = metadata.distribution(candidate)
        except metadata.PackageNotFoundError:
            continue
        return Installed(name=candidate, version=found.version, folder=str(found.locate_file("")))
    return Installed(name=name, version="", folder="")
