"""Whether a campaign has what a command was asked to run; known before anything but its file is read."""

from __future__ import annotations

from submitter import compliance, plugins
from submitter.campaign.file import EMBEDDED, BenchmarkTable, Campaign
from submitter.embedded.benchmark import load_benchmark
from submitter.errors import InputError
from submitter.model import Mode, Scenario
from submitter.rulebook import Rulebook, load_rulebook

_TUNABLE = (Scenario.SERVER, Scenario.INTERACTIVE)


def require_run(campaign: Campaign, scenario: Scenario | None, mode: Mode | None) -> None:
    """InputError with all runs of the campaign unless one of them is of this scenario and mode; None is any."""
    book = load_rulebook(campaign.round)
    runs = [
        (each, kind)
        for table in campaign.benchmarks
        for each in table.scenarios
        for kind in (Mode.PERFORMANCE, Mode.ACCURACY, *_audits(book, table))
    ]
    if not any(scenario in (None, each) and mode in (None, kind) for each, kind in runs):
        known = ", ".join(dict.fromkeys(f"{each} {kind}" for each, kind in runs))
        raise InputError(f"the campaign has no run {' '.join(filter(None, (scenario, mode)))}", f"it has: {known}")


def _audits(book: Rulebook, table: BenchmarkTable) -> list[Mode]:
    """The compliance tests that the round requires of a benchmark."""
    is_embedded = EMBEDDED in (table.model, table.dataset)
    official = table.official or (load_benchmark().official_benchmark if is_embedded else table.name)
    return [audit.mode for audit in compliance.runs(book, official)]


def tuned_benchmark(campaign: Campaign, scenario: Scenario, name: str | None) -> str:
    """The name of the benchmark to tune: the only one with this scenario, or `name`.

    InputError if a target rate cannot be searched for in the scenario, or the campaign has no such benchmark, or more
    than one.
    """
    if scenario not in _TUNABLE:
        raise InputError(f"{scenario} has no token latencies to search by", "give --scenario Server or Interactive")
    if name is not None:
        plugins.require(name, [table.name for table in campaign.benchmarks], "benchmark of the campaign")
    having = [t.name for t in campaign.benchmarks if scenario in t.scenarios and name in (None, t.name)]
    if not having:
        tunable = [f"{t.name} {each}" for t in campaign.benchmarks for each in t.scenarios if each in _TUNABLE]
        hint = f"it has: {', '.join(tunable)}" if tunable else "Offline has no rate to tune"
        raise InputError(f"the campaign has no {name or 'benchmark with'} {scenario}", hint)
    if len(having) > 1:
        raise InputError(f"{scenario} is a scenario of {', '.join(having)}", "choose one with --benchmark")
    return having[0]
