"""The cells of a result in the official summary.csv, filled as the round's official checker fills them.

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

_MAX_CELL = 32_767  # characters that a cell of a spreadsheet can hold
_JSON_PUNCTUATION = {ord(","): " ", ord('"'): None, ord("{"): None, ord("}"): None}
_UNRATED = "None"  # as the official summary has it without power, or without a rating
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
    """The cells of a result by column. What the tree does not have is an empty text, never an error.

    The columns are those of the summary in the rule book (`SummaryRules.columns`), with these exceptions:

    - Result, Units and has_power are not here. The reporter adds them, since they differ between the row of the
      performance figure and the row of the power figure.
    - `inferred` is here only where the round's checker determines it in another way than `ResultVerdict.inferred`.
    - `power_alone` is not a column: it is "1" where the official summary has only the row of the power figure.
    """
    key, rules = result.key, book.summary
    measurements: dict[str, Any] = _or(lambda: result.measurements, {})
    row = result.system.load("summary", lambda: _system_cells(result.system, book)) | {
        "Organization": key.submitter,
        "Division": key.division,
        "Platform": key.system,
        "Model": key.benchmark,
        "MlperfModel": rules.display_names.get(name := _or(lambda: result.official_name, ""), name),
        "Scenario": _scenario(result, rules.verbatim),
        "Accuracy": _accuracy(result, book),
        "Location": result.performance.path.as_posix() if rules.verbatim else str(key),
        # Only valid results have rows, so nothing failed; the older checkers count failures of other scenarios here.
        "compliance": key.division if rules.verbatim else "1",
        "errors": "0",
        "version": book.name,
        "weight_data_types": _text(measurements.get("weight_data_types")),
    }
    if rules.verbatim:
        # The official checker compares the names exactly, so Interactive and `offline` count as inferred.
        row["inferred"] = str(int(_logged_scenario(result) != row["Scenario"]))
        if book.power.nameplate and not result.has_power:
            row["design_power_watts"] = _UNRATED
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
        "design_power_watts": _design_power(system) if book.power.nameplate else "",
    }
    cells["total_accelerators"] = _product(cells["number_of_nodes"], cells["accelerators_per_node"])
    if book.summary.power_alone and str(description.get("system_power_only")).lower() == "true":
        cells["power_alone"] = "1"
    return cells


def _design_power(system: System) -> str:
    return _text(_or(lambda: system.design_power_watts, None)) or _UNRATED


def _scenario(result: Result, verbatim: bool) -> str:
    folder_name = result.key.scenario
    if not verbatim:
        return _or(lambda: result.scenario.value, folder_name)
    return "server" if result.is_endpoints and folder_name.lower() == "online" else folder_name


def _logged_scenario(result: Result) -> object:
    """The scenario as written in the log."""
    if result.is_endpoints:
        return _or(lambda: result.endpoints_performance.figure("effective_scenario"), None)
    return _or(lambda: result.performance.log["effective_scenario"], None)


def _or(read: Callable[[], T], default: T) -> T:
    try:
        return read()
    except Unavailable:
        return default


def _text(value: object) -> str:
    """A value from a submission's JSON as the official checker prints it, limited to one cell."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value[:_MAX_CELL]
    return str(value) if isinstance(value, bool) else shown(value)


def _product(*factors: str) -> str:
    try:
        first, second = map(int, factors)
        return str(first * second)
    except ValueError:  # not a number, or one of thousands of digits
        return ""


def _accuracy(result: Result, book: Rulebook) -> str:
    if not result.is_endpoints:
        return _accuracy_of_loadgen(result, book)
    try:
        score = json.dumps(result.endpoints_accuracy.score)
    except (Unavailable, ValueError, RecursionError):
        return ""
    return score.translate(_JSON_PUNCTUATION).strip()[:_MAX_CELL]


def _accuracy_of_loadgen(result: Result, book: Rulebook) -> str:
    """The column "Accuracy" of the official summary.

    Until v4.1 it has only the first metric; after that every metric with its name, separated by two spaces. Values are
    written as in accuracy.txt. Empty if nothing can be read.
    """
    try:
        targets = result.benchmark.accuracy_targets(result.scenario)
        readings = result.accuracy.score.readings
    except Unavailable:
        return ""
    texts = {reading.metric: reading.text for reading in readings if not targets[reading.metric].optional}
    if book.accuracy_column is None:
        return texts.get(next(iter(targets), ""), "None")
    return "  ".join(f"{book.accuracy_column.get(name, name)}: {text}" for name, text in texts.items())
