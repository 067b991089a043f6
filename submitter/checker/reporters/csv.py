"""The official summary.csv: a row for each valid result, and one more where power was measured.

The official checker puts quotes around some cells and does not escape quotes inside a cell, so a comma, a quote or a
line break in a system description shifts its columns. Here the csv module does the quoting, so every reader gets the
original cells back. A text that a spreadsheet would run as a formula gets an apostrophe in front, which spreadsheets do
not show; plain numbers are left alone.
"""

from __future__ import annotations

import csv
import io
import math

from submitter.checker.finding import Report, ResultVerdict
from submitter.model import Metric
from submitter.rulebook import load_rulebook

_FORMULA = ("=", "+", "-", "@", "\t", "\n")


def render(report: Report, *, colour: bool) -> str:
    """The rows in the order of the results; `colour` is for terminals only."""
    columns = load_rulebook(report.round).summary.columns
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for result in report.results:
        if result.verdict != "valid":
            continue
        if not (result.power and "power_alone" in result.row):
            writer.writerow(_row(result, result.metric))
        if result.power:
            writer.writerow(_row(result, result.power))
    return out.getvalue()


def _row(result: ResultVerdict, metric: Metric | None) -> dict[str, str]:
    figures = {
        "Result": str(metric.value) if metric and math.isfinite(metric.value) else "",
        "Units": metric.unit if metric else "",
        "has_power": str(result.power is not None),
    }
    # The row has an `inferred` of its own in rounds whose official checker determines it in another way.
    cells = {"inferred": str(int(result.inferred))} | result.row | figures
    return {column: _cell(text) for column, text in cells.items()}


def _cell(text: str) -> str:
    """An untrusted text as a cell: not a formula, without NUL characters, and valid UTF-8.

    All line breaks become line feeds: before Python 3.13 the csv module does not quote a lone carriage return.
    """
    text = text.replace("\0", "\\x00").replace("\r\n", "\n").replace("\r", "\n")
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if not text.startswith(_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return "'" + text
    return text
