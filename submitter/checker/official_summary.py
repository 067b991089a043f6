"""What the official summary.csv tells of a result beside its figures, as the round's official checker fills its cells.

Official: log_result in check_results_dir of submission_checker.py (tags v4.1 to v5.1.1), results.py add_result of the
package at b66003e1 (from v6.0 on).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.files import Unavailable
from submitter.submission.tree import Result, System

T = TypeVar("T")

_MAX_CELL = 32_767  # what a cell of a spreadsheet holds
_JSON_SIGNS = {ord(","): " ", ord('"'): None, ord("{"): None, ord("}"): None}
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

    Left to the reporter: Result, Units, has_power, and `inferred` where the round's checker counts it as we do.
    Beside the columns `power_alone` is there where the official summary has no row but the power's.
    """
    key, rules = result.key, book.summary
    measurements: dict[str, Any] = _or(lambda: result.measurements, {})
    row = result.system.load("summary", lambda: _system_cells(result.system, book)) | {
        "Organization": key.submitter,
        "Division": key.division,
        "Platform": key.system,
        "Model": key.benchmark,
        "MlperfModel": _or(lambda: result.official_name, ""),
        "Scenario": _scenario(result, rules.verbatim),
        "Accuracy": _accuracy(result, book),
        "Location": result.performance.path.as_posix() if rules.verbatim else str(key),
        # Only the valid have rows, so nothing failed; the older checkers count failures of other scenarios here.
        "compliance": key.division if rules.verbatim else "1",
        "errors": "0",
        "version": book.name,
        "weight_data_types": _text(measurements.get("weight_data_types")),
    }
    if rules.verbatim:
        # It compares folder and log letter by letter, so Interactive and `offline` count as inferred.
        row["inferred"] = str(int(_ran(result) != row["Scenario"]))
        if not result.has_power:
            row["design_power_watts"] = ""
    return row


def _system_cells(system: System, book: Rulebook) -> dict[str, str]:
    """The cells that all results of a system share."""
    description: dict[str, Any] = _or(lambda: system.description, {})
    status = _text(description.get("status"))
    cells = {field: _text(description.get(field)) for field in _FROM_DESCRIPTION} | {
        "Availability": status if book.summary.verbatim else status.lower(),
        "SystemType": _text(description.get("system_type")),
        "SystemName": _text(description.get("system_name")),
        "notes": ". ".join(note for name in ("hw_notes", "sw_notes") if (note := _text(description.get(name)))),
        "design_power_watts": _text(_or(lambda: system.design_power_watts, None)) if book.power.nameplate else "",
    }
    cells["total_accelerators"] = _product(cells["number_of_nodes"], cells["accelerators_per_node"])
    if book.summary.power_alone and str(description.get("system_power_only")).lower() == "true":
        cells["power_alone"] = "1"
    return cells


def _scenario(result: Result, verbatim: bool) -> str:
    spelled = result.key.scenario
    if not verbatim:
        return _or(lambda: result.scenario.value, spelled)
    return "server" if result.is_endpoints and spelled.lower() == "online" else spelled


def _ran(result: Result) -> object:
    """The scenario as the log spells it."""
    if result.is_endpoints:
        return _or(lambda: result.endpoints_performance.figure("effective_scenario"), None)
    return _or(lambda: result.performance.log["effective_scenario"], None)


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
        return str(first * second)
    except ValueError:  # no number, or one of thousands of digits
        return ""


def _accuracy(result: Result, book: Rulebook) -> str:
    if not result.is_endpoints:
        return _accuracy_of_loadgen(result, book)
    try:
        score = json.dumps(result.endpoints_accuracy.score)
    except (Unavailable, ValueError, RecursionError):
        return ""
    return score.translate(_JSON_SIGNS).strip()[:_MAX_CELL]


def _accuracy_of_loadgen(result: Result, book: Rulebook) -> str:
    """The column "Accuracy" of the official summary.

    Until v4.1 that is the first metric alone, then every metric with its name, two spaces between; values as
    accuracy.txt spells them. Empty where nothing can be read.
    """
    try:
        targets = result.benchmark.accuracy_targets(result.scenario)
        readings = result.accuracy.score.readings
    except Unavailable:
        return ""
    spelled = {reading.metric: reading.spelled for reading in readings if not targets[reading.metric].optional}
    if book.accuracy_column is None:
        return spelled.get(next(iter(targets), ""), "None")
    return "  ".join(f"{book.accuracy_column.get(name, name)}: {value}" for name, value in spelled.items())
