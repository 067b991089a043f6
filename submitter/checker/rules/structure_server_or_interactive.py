"""STR: Server or Interactive, as the official checker of v5.1 asks for one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache

from submitter.checker.finding import Origin, Problem, Severity
from submitter.checker.registry import Rule, all_rules, in_round, rule, violations
from submitter.checker.rules.structure_scenarios import TYPED, needed_scenarios
from submitter.model import Scenario
from submitter.rulebook import Rulebook, load_rulebook
from submitter.submission.files import Unavailable
from submitter.submission.node import Node
from submitter.submission.tree import BenchmarkDir, Result

# Of the accuracy run only its files come before the performance run in the official checker.
_FILES, _FILES_AND_PERFORMANCE = ("files",), ("files", "performance")


@rule("STR034", requires=TYPED, absence=True, source="official: submission_checker.py, check_results_dir, `name`")
def server_or_interactive(benchmark: BenchmarkDir, book: Rulebook, waived: Collection[str]) -> Iterator[Problem]:
    """A closed benchmark that offers Server and Interactive has one of them, with a performance run that holds.

    The official checker takes away the result that it looked at last, in whatever order the file system lists them,
    unless a required scenario is missing, too.
    """
    needed = needed_scenarios(benchmark)
    if needed is None or not needed.one_of or _any_holds(benchmark, needed.one_of, book, waived):
        return
    if all(_any_holds(benchmark, (scenario,), book, waived) for scenario in needed.required):
        order = benchmark.files.as_stored(benchmark.path)
        last = max(benchmark.results, key=lambda result: order.index(result.key.scenario))
        names = " or ".join(scenario.value for scenario in needed.one_of)
        there = ", ".join(result.key.scenario for result in benchmark.results)
        hint = f"run {names}, or submit to the open division"
        path = str(last.performance.path)
        yield Problem("there is no result of one of the scenarios", found=there, required=names, path=path, hint=hint)


def _any_holds(
    benchmark: BenchmarkDir, scenarios: tuple[Scenario, ...], book: Rulebook, waived: Collection[str]
) -> bool:
    names = {scenario.value.lower() for scenario in scenarios}
    return any(_holds(result, book, waived) for result in benchmark.results if result.key.scenario.lower() in names)


def _holds(result: Result, book: Rulebook, waived: Collection[str]) -> bool:
    """Whether the official checker finds nothing wrong with a result until it has seen its performance run.

    What comes later, the score and the compliance tests, costs the result and does not count here. Rules come after
    those that they require, and the first that is violated decides, so none is applied where a prerequisite fails.
    """
    nodes: list[tuple[Node | None, tuple[str, ...]]] = [
        (result, _FILES_AND_PERFORMANCE),
        (result.performance, _FILES_AND_PERFORMANCE),
        (result.power, _FILES_AND_PERFORMANCE),
        (result.accuracy, _FILES),
    ]
    return not any(
        node is not None and isinstance(node, one.scope) and one.step in steps and _fails(one, node, book, waived)
        for one in _official_rules(book.name)
        if one.id not in waived
        for node, steps in nodes
    )


def _fails(one: Rule, node: Node, book: Rulebook, waived: Collection[str]) -> bool:
    try:
        return any(problem.severity is Severity.ERROR for problem in violations(one, node, book, waived))
    except Unavailable:
        return True


@cache
def _official_rules(round_name: str) -> tuple[Rule, ...]:
    book = load_rulebook(round_name)
    rules = (in_round(one, book) for one in all_rules() if one.step)
    return tuple(r for r in rules if r and r.origin is Origin.OFFICIAL and r.severity is Severity.ERROR)
