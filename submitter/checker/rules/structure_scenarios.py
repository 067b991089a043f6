"""STR: which benchmarks and scenarios a submission holds, and what their folders are called."""

from __future__ import annotations

from collections.abc import Iterator

from submitter import layout, plugins
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.model import Division, Scenario
from submitter.rulebook import Rulebook, ScenarioSet
from submitter.submission.files import Unavailable
from submitter.submission.tree import BenchmarkDir, Result, SubmitterDir

_RULES = "policies submission_rules.adoc, section Inference"
_CHECK = "official: loader.py check_scenarios"
_OLD_CHECK = "official: submission_checker.py, check_results_dir"
TYPED = ["STR007", "SYS001", "SYS003"]


@rule("STR005", step="files", source=f"{_CHECK}; {_OLD_CHECK}; constants.py SCENARIO_MAPPING, UNIT_DICT; {_RULES}")
def scenario_known(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The folder is named after a scenario of the round.

    As the rules spell it, or in lower case: the official checker stumbles over any other spelling.
    """
    known = [scenario.value for scenario in Scenario if scenario in book.unit]
    name = result.key.scenario
    if result.is_endpoints and name.lower() == "online":
        return
    if name not in known and name not in (scenario.lower() for scenario in known):
        hint = plugins.did_you_mean(name, known)
        yield Problem("the folder is no scenario's", found=name, required="one of " + ", ".join(known), hint=hint)


@rule("STR006", origin="policy", severity="warning", source=_RULES, hint="rename the folders as the rules spell them")
def scenarios_spelled(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The scenarios are spelled as the rules spell them.

    The official checker takes lower case in some places and not in others, so results were lost to it. One tool writes
    all folders of a submitter, so a submitter is told once.
    """
    spelled = {scenario.value.lower(): scenario.value for scenario in Scenario}
    others = [
        result
        for system in submitter.systems
        for benchmark in system.benchmarks
        for result in benchmark.results
        if result.key.scenario != spelled.get(result.key.scenario.lower(), result.key.scenario)
    ]
    if others:
        number = f"{len(others)} scenarios are" if len(others) > 1 else "a scenario is"
        found, path = others[0].key.scenario, str(others[0].path)
        yield Problem(f"{number} spelled in another case", found=found, required=spelled[found.lower()], path=path)


@rule("STR007", source="official: configuration.py get_mlperf_model; MODEL_CONFIG models")
def benchmark_known(benchmark: BenchmarkDir, book: Rulebook) -> Iterator[Problem]:
    """The benchmark is one of the round's, or the open division's model_mapping.json names one for it."""
    try:
        _ = benchmark.official_name
    except Unavailable:
        submitter = benchmark.system.submitter
        hint = plugins.did_you_mean(benchmark.name, book.benchmarks)
        target = submitter.known_model_mapping.get(benchmark.name)
        if target is not None:
            hint = f"model_mapping.json maps it to '{target}': {plugins.did_you_mean(target[:100], book.benchmarks)}"
        elif submitter.division == Division.OPEN:
            hint += f"; a model of your own needs an entry in {layout.MODEL_MAPPING}"
        yield Problem("the round has no benchmark of this name", found=benchmark.name, required=book.name, hint=hint)


def _is_open(benchmark: BenchmarkDir) -> bool:
    return benchmark.system.submitter.division == Division.OPEN


def _system_type(benchmark: BenchmarkDir) -> str:
    return benchmark.system.field("system_type")


def needed_scenarios(benchmark: BenchmarkDir) -> ScenarioSet | None:
    """What the closed division asks of the benchmark; None in the open one, and where it is not for such a system."""
    if _is_open(benchmark) or not benchmark.results:
        return None
    return benchmark.benchmark.scenarios_for(_system_type(benchmark))


@rule("STR030", requires=TYPED, source=f"{_CHECK}; {_OLD_CHECK}, get_required")
def benchmark_for_system_type(benchmark: BenchmarkDir, book: Rulebook) -> Iterator[Problem]:
    """A closed benchmark is one for the system's type."""
    if not _is_open(benchmark):
        yield from _wrong_type(benchmark)


@rule("STR031", requires=TYPED, source=f"{_OLD_CHECK}, get_required")
def open_benchmark_for_system_type(benchmark: BenchmarkDir, book: Rulebook) -> Iterator[Problem]:
    """An open benchmark is one for the system's type, too."""
    if _is_open(benchmark):
        yield from _wrong_type(benchmark)


def _wrong_type(benchmark: BenchmarkDir) -> Iterator[Problem]:
    if benchmark.benchmark.scenarios_for(_system_type(benchmark)) is None:
        yield Problem(
            f"{benchmark.official_name} is no benchmark for this system type",
            found=_system_type(benchmark),
            required=", ".join(benchmark.benchmark.scenarios),
            hint="correct system_type in the system description",
        )


@rule("STR008", requires=TYPED, absence=True, source=_CHECK)
def required_scenarios(benchmark: BenchmarkDir, book: Rulebook) -> Iterator[Problem]:
    """A closed benchmark has all scenarios its system type demands.

    From v6.0 on no result of the benchmark counts otherwise.
    """
    needed = needed_scenarios(benchmark)
    if needed is not None:
        yield from _missing(benchmark, needed)
        yield from _neither(benchmark, needed)


@rule("STR037", requires=TYPED, source=_CHECK)
def no_other_scenario(benchmark: BenchmarkDir, book: Rulebook) -> Iterator[Problem]:
    """A closed benchmark has no scenario but those that its system type demands or allows.

    From v6.0 on no result of the benchmark counts otherwise.
    """
    needed = needed_scenarios(benchmark)
    if needed is not None:
        for result in benchmark.results:
            yield from _unasked(result, needed)


@rule("STR032", requires=TYPED, absence=True, source=_OLD_CHECK, spares_results=True)
def scenarios_complete(benchmark: BenchmarkDir, book: Rulebook) -> Iterator[Problem]:
    """A closed benchmark has all scenarios its system type demands.

    Those that are there count nevertheless, until v5.1.
    """
    needed = needed_scenarios(benchmark)
    if needed is not None:
        yield from _missing(benchmark, needed)


@rule("STR033", step="files", requires=TYPED, source=_OLD_CHECK)
def scenario_asked(result: Result, book: Rulebook) -> Iterator[Problem]:
    """A closed result's scenario is one that its system type demands or allows."""
    needed = needed_scenarios(result.benchmark_dir)
    if needed is not None:
        yield from _unasked(result, needed)


def _there(benchmark: BenchmarkDir) -> set[str]:
    return {result.key.scenario.lower() for result in benchmark.results}


def _missing(benchmark: BenchmarkDir, needed: ScenarioSet) -> Iterator[Problem]:
    for scenario in needed.required:
        if scenario.value.lower() not in _there(benchmark):
            yield _missing_scenario(benchmark, scenario.value)


def _neither(benchmark: BenchmarkDir, needed: ScenarioSet) -> Iterator[Problem]:
    if needed.one_of and not any(scenario.value.lower() in _there(benchmark) for scenario in needed.one_of):
        yield _missing_scenario(benchmark, " or ".join(scenario.value for scenario in needed.one_of))


def _missing_scenario(benchmark: BenchmarkDir, names: str) -> Problem:
    there = ", ".join(result.key.scenario for result in benchmark.results)
    hint = f"run {names}, or submit to the open division"
    return Problem("a required scenario is missing", found=there, required=names, hint=hint)


def _unasked(result: Result, needed: ScenarioSet) -> Iterator[Problem]:
    if result.key.scenario.lower() not in {scenario.value.lower() for scenario in needed.allowed}:
        yield Problem(
            f"{result.key.scenario} is no scenario of {result.official_name} on such a system",
            found=result.key.scenario,
            required="one of " + ", ".join(sorted(scenario.value for scenario in needed.allowed)),
            path=str(result.path),
            hint="remove the folder, or move it to the open division",
        )
