"""MEA: the values in the description of a measurement."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.tree import Result


@rule(
    "MEA008",
    requires=["MEA001", "MEA003"],
    origin="policy",
    source="policies submission_rules.adoc, section Inference: Meaningful response required",
    hint="fill it in: reviewers read it, and the results table shows it",
    spares_results=True,
)
def fields_are_text(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The required fields of the description of a measurement are text, and not blank.

    An object or a list is accepted, too: some describe each part of a model. The official checker accepts anything but
    nothing. The figure does not depend on it, so the result keeps its verdict.
    """
    path = str(result.measurements_path)
    for field in book.measurements.required_fields:
        value = result.measurements.get(field)
        if isinstance(value, str) and not value.strip():
            yield Problem(f"{field} is blank", found="blanks", path=path)
        elif not isinstance(value, (str, dict, list)):
            yield Problem(f"{field} is not text", found=shown(value), required="text", path=path)
