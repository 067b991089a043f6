"""STR, ACC: which benchmarks and scenarios a submission has, and how their folders are named."""

from __future__ import annotations

from collections.abc import Iterator

from submitter import layout, plugins
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import CHECK_RESULTS_DIR, SUBMISSION_RULES
from submitter.model import Division, Scenario
from submitter.rulebook import Rulebook
from submitter.rulebook_tables import ScenarioSet
from submitter.submission.files import Unavailable
from submitter.submission.tree import BenchmarkDir, Result, SubmitterDir

_CHECK = "official: loader.py check_scenarios"
# The benchmark and the system type are known, so that their scenarios can be looked up.
SYSTEM_TYPE_KNOWN = ["STR007", "SYS001", "SYS003"]


@rule(
    "STR005",
    step="files",
    source=f"{_CHECK}; {CHECK_RESULTS_DIR}; constants.py SCENARIO_MAPPING, UNIT_DICT; {SUBMISSION_RULES}",
)
def scenario_known(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The folder is named after a scenario of the round.

    The name is as the rules write it, or in lower case: the official checker fails on any other capitalization.
    """
    known = [scenario.value for scenario in Scenario if scenario in book.unit]
    name = result.key.scenario
    if result.is_endpoints and name.lower() == "online":
        return
    if name not in known and name not in (scenario.lower() for scenario in known):
        hint = plugins.did_you_mean(name, known)
        if name.lower() == "online":  # what endpoints calls Server and Interactive; the nearest name is Offline
            hint = "name the folder after the scenario that was run: Server or Interactive"
        message = "the folder's name is not a scenario"
        yield Problem(message, found=name, required="one of " + ", ".join(known), hint=hint)


@rule(
    "STR006",
    origin="policy",
    severity="note",
    source=SUBMISSION_RULES,
    hint="rename the folders as the rules write them",
)
def scenarios_capitalized(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The scenario folders are capitalized as the rules write them.

    Lower case was published in every round; ACC016 reports where the official checker refuses it. One tool usually
    writes all folders of a submitter, so each submitter gets one finding.
    """
    official = {scenario.value.lower(): scenario.value for scenario in Scenario}
    others = [
        result
        for system in submitter.systems
        for benchmark in system.benchmarks
        for result in benchmark.results
        if result.key.scenario != official.get(result.key.scenario.lower(), result.key.scenario)
    ]
    if others:
        count = f"{len(others)} scenario folders are" if len(others) > 1 else "a scenario folder is"
        found, path = others[0].key.scenario, str(others[0].path)
        message = f"{count} not capitalized as in the rules"
        yield Problem(message, found=found, required=official[found.lower()], path=path)


@rule("ACC016", requires=["STR005", "STR007"], source="official: configuration.py, get_accuracy_sample_count")
def scenario_named_as_in_the_table(result: Result, book: Rulebook) -> Iterator[Problem]:
    """Where the number of samples depends on the scenario, the folder has the scenario's exact name.

    The official checker looks up the number by the folder's name. It refuses the result if there is none, as for
    `offline`.
    """
    counts = result.benchmark.accuracy_sample_count
    if isinstance(counts, dict) and result.key.scenario not in counts and not result.is_endpoints:
        name = result.scenario.value
        message, hint = "no number of samples is known for a folder of this name", f"rename the folder to {name}"
        yield Problem(message, found=result.key.scenario, required=name, hint=hint)


@rule("STR007", source="official: configuration.py get_mlperf_model; MODEL_CONFIG models")
def benchmark_known(benchmark: BenchmarkDir, book: Rulebook) -> Iterator[Problem]:
    """The benchmark is one of the round's, or the open division's model_mapping.json maps it to one."""
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
    """The scenarios that the closed division requires and allows for the benchmark on its system.

    None in the open division, for a benchmark without results, and where the benchmark is not for the system type.
    """
    if _is_open(benchmark) or not benchmark.results:
        return None
    return benchmark.benchmark.scenarios_for(_system_type(benchmark))


@rule("STR030", requires=SYSTEM_TYPE_KNOWN, source=f"{_CHECK}; {CHECK_RESULTS_DIR}, get_required")
def benchmark_for_system_type(benchmark: BenchmarkDir, book: Rulebook) -> Iterator[Problem]:
    """A closed benchmark is for the system's type."""
    if not _is_open(benchmark):
        yield from _wrong_type(benchmark)


@rule("STR031", requires=SYSTEM_TYPE_KNOWN, source=f"{CHECK_RESULTS_DIR}, get_required")
def open_benchmark_for_system_type(benchmark: BenchmarkDir, book: Rulebook) -> Iterator[Problem]:
    """An open benchmark is for the system's type, too."""
    if _is_open(benchmark):
        yield from _wrong_type(benchmark)


def _wrong_type(benchmark: BenchmarkDir) -> Iterator[Problem]:
    if benchmark.benchmark.scenarios_for(_system_type(benchmark)) is None:
        yield Problem(
            f"{benchmark.official_name} is not a benchmark for this system type",
            found=_system_type(benchmark),
            required=", ".join(benchmark.benchmark.scenarios),
            hint="correct system_type in the system description",
        )


@rule("STR008", requires=SYSTEM_TYPE_KNOWN, absence=True, source=_CHECK)
def required_scenarios_present(benchmark: BenchmarkDir, book: Rulebook) -> Iterator[Problem]:
    """A closed benchmark has all scenarios that its system type requires.

    From v6.0 on, no result of the benchmark counts otherwise.
    """
    needed = needed_scenarios(benchmark)
    if needed is not None:
        yield from _missing(benchmark, needed)
        yield from _no_alternative(benchmark, needed)


@rule("STR037", requires=SYSTEM_TYPE_KNOWN, source=_CHECK)
def no_other_scenarios(benchmark: BenchmarkDir, book: Rulebook) -> Iterator[Problem]:
    """A closed benchmark has only scenarios that its system type requires or allows.

    From v6.0 on, no result of the benchmark counts otherwise.
    """
    needed = needed_scenarios(benchmark)
    if needed is not None:
        for result in benchmark.results:
            yield from _not_allowed(result, needed)


@rule("STR032", requires=SYSTEM_TYPE_KNOWN, absence=True, source=CHECK_RESULTS_DIR, spares_results=True)
def scenarios_complete(benchmark: BenchmarkDir, book: Rulebook) -> Iterator[Problem]:
    """A closed benchmark has all scenarios that its system type requires.

    Until v5.1, the results that are present count nevertheless.
    """
    needed = needed_scenarios(benchmark)
    if needed is not None:
        yield from _missing(benchmark, needed)


@rule("STR033", step="files", requires=SYSTEM_TYPE_KNOWN, source=CHECK_RESULTS_DIR)
def scenario_allowed(result: Result, book: Rulebook) -> Iterator[Problem]:
    """A closed result's scenario is one that its system type requires or allows."""
    needed = needed_scenarios(result.benchmark_dir)
    if needed is not None:
        yield from _not_allowed(result, needed)


def _present(benchmark: BenchmarkDir) -> set[str]:
    return {result.key.scenario.lower() for result in benchmark.results}


def _missing(benchmark: BenchmarkDir, needed: ScenarioSet) -> Iterator[Problem]:
    for scenario in needed.required:
        if scenario.value.lower() not in _present(benchmark):
            yield _missing_scenario(benchmark, scenario.value)


def _no_alternative(benchmark: BenchmarkDir, needed: ScenarioSet) -> Iterator[Problem]:
    if needed.one_of and not any(scenario.value.lower() in _present(benchmark) for scenario in needed.one_of):
        yield _missing_scenario(benchmark, " or ".join(scenario.value for scenario in needed.one_of))


def _missing_scenario(benchmark: BenchmarkDir, names: str) -> Problem:
    present = ", ".join(result.key.scenario for result in benchmark.results)
    hint = f"run {names}, or submit to the open division"
    return Problem("a required scenario is missing", found=present, required=names, hint=hint)


def _not_allowed(result: Result, needed: ScenarioSet) -> Iterator[Problem]:
    if result.key.scenario.lower() not in {scenario.value.lower() for scenario in needed.allowed}:
        yield Problem(
            f"{result.official_name} has no scenario {result.key.scenario} on this system type",
            found=result.key.scenario,
            required="one of " + ", ".join(sorted(scenario.value for scenario in needed.allowed)),
            path=str(result.path),
            hint="remove the folder, or move it to the open division",
        )
