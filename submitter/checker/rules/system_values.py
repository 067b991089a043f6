"""SYS: the values of a system description: each field is filled in, with a value of its kind."""

from __future__ import annotations

import math
from collections.abc import Iterator

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.tree import System

_RULES = "policies submission_rules.adoc, section <system_desc_id>.json metadata"
# By field, the least value, and whether the field may say that the system has none.
_COUNTS = {"number_of_nodes": (1, False), "host_processors_per_node": (1, True), "accelerators_per_node": (0, True)}
_NONE = frozenset({"n/a", "na", "-"})
# Published descriptions list the software by name, or by name and version.
_STRUCTURED = "other_software_stack"


@rule(
    "SYS011", requires=["SYS001", "SYS004", "SYS010"], origin="policy", source=_RULES, hint="write the number of them"
)
def counts_are_whole_numbers(system: System, book: Rulebook) -> Iterator[Problem]:
    """The numbers of nodes, processors and accelerators are whole numbers that a system can have."""
    for field, (least, may_be_none) in _COUNTS.items():
        value = system.description.get(field)
        is_none = isinstance(value, str) and value.strip().lower() in _NONE
        if field not in system.description or (may_be_none and is_none):
            continue
        count = _whole_number(value)
        if count is None or count < least:
            path = str(system.description_path)
            required = f"a whole number of at least {least}"
            yield Problem(f"{field} is not a possible number", found=shown(value), required=required, path=path)


def _whole_number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    if isinstance(value, int):
        return value
    text = value.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


@rule(
    "SYS012",
    requires=["SYS001", "SYS004"],
    origin="policy",
    source=_RULES + ": Meaningful response required",
    hint="fill it in: reviewers read it",
    spares_results=True,
)
def required_fields_filled_in(system: System, book: Rulebook) -> Iterator[Problem]:
    """Required fields are text or numbers, and those that need a meaningful answer are not blank.

    The official checker accepts blanks, and in most fields any JSON. The figures of the results do not depend on it, so
    the results keep their verdict.
    """
    path, meaningful = str(system.description_path), set(book.system.meaningful_fields)
    for field in book.system.required_fields:
        value = system.description.get(field)
        if isinstance(value, str):
            if not value.strip() and (field == "system_name" or (value and field in meaningful)):
                yield Problem(f"{field} is blank", found="blanks", path=path)
        elif isinstance(value, dict) and field == _STRUCTURED:
            continue
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not _is_finite(value):
            yield Problem(f"{field} is neither text nor a number", found=shown(value), path=path)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
