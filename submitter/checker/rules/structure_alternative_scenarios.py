"""STR: of two alternative scenarios (Server or Interactive) one is present, as v5.1's official checker requires."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache

from submitter.checker.finding import Origin, Problem, Severity
from submitter.checker.registry import Rule, all_rules, in_round, rule, violations
from submitter.checker.rules._shared import CHECK_RESULTS_DIR
from submitter.checker.rules.structure_scenarios import SYSTEM_TYPE_KNOWN, needed_scenarios
from submitter.model import Scenario
from submitter.rulebook import Rulebook, load_rulebook
from submitter.submission.files import Unavailable
from submitter.submission.node import Node
from submitter.submission.tree import BenchmarkDir, Result

# Of the accuracy run, the official checker looks only at the files before it judges the performance run.
_FILES, _FILES_AND_PERFORMANCE = ("files",), ("files", "performance")


@rule("STR034", requires=SYSTEM_TYPE_KNOWN, absence=True, source=CHECK_RESULTS_DIR + ", `name`")
def server_or_interactive_valid(benchmark: BenchmarkDir, book: Rulebook, waived: Collection[str]) -> Iterator[Problem]:
    """A closed benchmark that allows Server or Interactive has one of them with a valid performance run.

    The official checker refuses the result that it looked at last, in the order in which the file system lists them,
    unless a required scenario is missing, too.
    """
    needed = needed_scenarios(benchmark)
    if needed is None or not needed.one_of or _any_valid(benchmark, needed.one_of, book, waived):
        return
    if all(_any_valid(benchmark, (scenario,), book, waived) for scenario in needed.required):
        order = benchmark.files.as_stored(benchmark.path)
        last = max(benchmark.results, key=lambda result: order.index(result.key.scenario))
        names = " or ".join(scenario.value for scenario in needed.one_of)
        yield Problem(
            "there is no valid result of one of the required scenarios",
            found=", ".join(result.key.scenario for result in benchmark.results),
            required=names,
            path=str(last.performance.path),
            hint=f"run {names}, or submit to the open division",
        )


def _any_valid(
    benchmark: BenchmarkDir, scenarios: tuple[Scenario, ...], book: Rulebook, waived: Collection[str]
) -> bool:
    names = {scenario.value.lower() for scenario in scenarios}
    return any(_is_valid(result, book, waived) for result in benchmark.results if result.key.scenario.lower() in names)


def _is_valid(result: Result, book: Rulebook, waived: Collection[str]) -> bool:
    """Whether the official checker finds no error in a result up to and including its performance run.

    What comes later, the score and the compliance tests, can cost the result but does not count here. Rules are
    sorted after those that they require, and the first violated rule decides. So no rule is applied whose
    prerequisite fails.
    """
    nodes: list[tuple[Node | None, tuple[str, ...]]] = [
        (result, _FILES_AND_PERFORMANCE),
        (result.performance, _FILES_AND_PERFORMANCE),
        (result.power, _FILES_AND_PERFORMANCE),
        (result.accuracy, _FILES),
    ]
    return not any(
        node is not None and isinstance(node, one.scope) and one.step in steps and _is_violated(one, node, book, waived)
        for one in _official_rules(book.name)
        if one.id not in waived
        for node, steps in nodes
    )


def _is_violated(one: Rule, node: Node, book: Rulebook, waived: Collection[str]) -> bool:
    try:
        return any(one.severity_of(problem) is Severity.ERROR for problem in violations(one, node, book, waived))
    except Unavailable:
        return True


@cache
def _official_rules(round_name: str) -> tuple[Rule, ...]:
    book = load_rulebook(round_name)
    rules = (in_round(one, book) for one in all_rules() if one.step)
    return tuple(r for r in rules if r and r.origin is Origin.OFFICIAL and r.severity is Severity.ERROR)
