"""ACC: which number of samples is asked of an accuracy run, where the scenarios of a benchmark differ in it."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.rulebook import Rulebook
from submitter.submission.tree import Result


@rule("ACC016", requires=["STR005", "STR007"], source="official: configuration.py, get_accuracy_sample_count")
def scenario_spelled_as_in_the_table(result: Result, book: Rulebook) -> Iterator[Problem]:
    """Where the scenarios of a benchmark differ in their samples, the folder is spelled as the scenario.

    The official checker looks the number up by the folder's name, and refuses the result if it finds none: of
    `offline`, say.
    """
    counts = result.benchmark.accuracy_sample_count
    if isinstance(counts, dict) and result.key.scenario not in counts and not result.is_endpoints:
        name = result.scenario.value
        yield Problem(
            "the folder's name has no number of samples",
            found=result.key.scenario,
            required=name,
            hint=f"call the folder {name}",
        )
