"""What the official summary.csv tells of a result beside its figures, as the round's official checker fills its cells.

Official: log_result in check_results_dir of submission_checker.py (tags v4.1 to v5.1.1), results.py add_result of the
package at b66003e1 (from v6.0 on).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from submitter.checker.files import Unavailable
from submitter.checker.finding import shown
from submitter.checker.tree import Result
from submitter.rulebook import Rulebook

T = TypeVar("T")

_MAX_CELL = 32_767  # what a cell of a spreadsheet holds
# accuracy.txt has some metrics under other names than the official tables (ACC_PATTERN).
_OFFICIAL_METRIC = {
    name: name.upper() for name in ("rouge1", "rouge2", "rougeL", "rougeLsum", "gen_len", "tokens_per_sample")
}
_FROM_DESCRIPTION = (
    "number_of_nodes",
    "host_processor_model_name",
    "host_processors_per_node",
    "host_processor_core_count",
    "accelerator_model_name",
    "accelerators_per_node",
    "framework",
    "operating_system",
)


def summary_row(result: Result, book: Rulebook) -> dict[str, str]:
    """The cells of a result by column; "" for what the tree does not tell, never an error.

    Left to the reporter: Result, Units, has_power, and `inferred` where the round's official checker counts it as we do.
    Beside the columns `power_alone` is there where the official summary has no row but the power's.
    """
    key, rules = result.key, book.summary
    description: dict[str, Any] = _or(lambda: result.system.description, {})
    measurements: dict[str, Any] = _or(lambda: result.measurements, {})
    row = {field: _text(description.get(field)) for field in _FROM_DESCRIPTION}
    status = _text(description.get("status"))
    row |= {
        "Organization": key.submitter,
        "Availability": status if rules.verbatim else status.lower(),
        "Division": key.division,
        "SystemType": _text(description.get("system_type")),
        "SystemName": _text(description.get("system_name")),
        "Platform": key.system,
        "Model": key.benchmark,
        "MlperfModel": _or(lambda: result.official_name, ""),
        "Scenario": key.scenario if rules.verbatim else _or(lambda: result.scenario.value, key.scenario),
        "Accuracy": _accuracy(result, book),
        "Location": result.performance.path.as_posix() if rules.verbatim else str(key),
        "notes": ". ".join(note for name in ("hw_notes", "sw_notes") if (note := _text(description.get(name)))),
        # Only the valid have rows, so nothing failed; what the older checkers call errors are other scenarios' failures.
        "compliance": key.division if rules.verbatim else "1",
        "errors": "0",
        "version": book.name,
        "weight_data_types": _text(measurements.get("weight_data_types")),
    }
    if rules.verbatim:
        row["total_accelerators"] = _product(row["number_of_nodes"], row["accelerators_per_node"])
        ran = _or(lambda: result.performance.text("effective_scenario"), key.scenario)
        # It compares folder and log letter by letter, so Interactive and `offline` count as inferred.
        row["inferred"] = str(int(ran != key.scenario))
        row["design_power_watts"] = _text(description.get("system_power_capacity")) if result.has_power else ""
    if rules.power_alone and str(description.get("system_power_only")).lower() == "true":
        row["power_alone"] = "1"
    return row


def _or(read: Callable[[], T], otherwise: T) -> T:
    try:
        return read()
    except Unavailable:
        return otherwise


def _text(value: object) -> str:
    """A value of a stranger's JSON as the official checker prints it, bounded."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value[:_MAX_CELL]
    return str(value) if isinstance(value, bool) else shown(value)


def _product(*factors: str) -> str:
    try:
        first, second = map(int, factors)
    except ValueError:
        return ""
    return str(first * second)


def _accuracy(result: Result, book: Rulebook) -> str:
    """The metrics of accuracy.txt by their official names, as official patterns find them; the last of each counts."""
    try:
        names = tuple(result.benchmark.accuracy_targets(result.scenario))
        lines = result.accuracy.score_text.splitlines()
    except Unavailable:
        return ""
    patterns = [(name, _pattern(name, book.accuracy_patterns.get(name))) for name in names]
    found: dict[str, str] = {}
    for line in lines:
        for name, pattern in patterns:
            if match := pattern.match(line):
                found[name] = match[1]
    if book.summary.first_metric_only:
        return found.get(names[0], "") if names else ""
    return "  ".join(f"{_OFFICIAL_METRIC.get(name, name)}: {value}" for name, value in found.items())


@cache
def _pattern(name: str, spelled: str | None) -> re.Pattern[str]:
    return re.compile(spelled or rf".*'{re.escape(name)}':\s+'?([\d.]+)")
