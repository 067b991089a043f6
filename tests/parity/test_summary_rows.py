"""The rows of the csv report beside what the official summaries of the rounds say."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from typing import Any

import pytest
from judged_rounds import ROUNDS, SIX_DIGITS, judged

from submitter.checker.reporters import csv as csv_report


@pytest.mark.parametrize("name", ROUNDS)
def test_the_rows_are_the_official_ones(name: str, published: Any) -> None:
    root, oracle = published(name)
    report = judged(root, name, "official")
    rows = list(csv.DictReader(io.StringIO(csv_report.render(report, colour=False), newline="")))
    paths = [row["Location"].removesuffix("/performance/run_1") for row in rows]
    valid = [verdict for verdict in report.results if verdict.verdict == "valid"]
    assert Counter(paths) == Counter(path for verdict in valid for path in [verdict.path] * (2 if verdict.power else 1))
    compared = 0
    for path, row in zip(paths, rows, strict=True):
        said = oracle.get(path)
        if not said or said.get("tainted"):
            continue
        is_power = row["Units"] in ("Watts", "millijoules")
        figure = said["power"] if is_power else said["metric"]
        assert math.isclose(float(row["Result"]), figure, rel_tol=SIX_DIGITS), path
        assert "accuracy" not in said or row["Accuracy"].split() == said["accuracy"].split(), path
        assert row["inferred"] == said.get("inferred", row["inferred"]), path
        assert row["has_power"] == str("power" in said), path
        assert is_power or row["Units"] == said["units"], path
        assert (row["Organization"], row["Platform"], row["Model"]) == tuple(path.split("/")[i] for i in (1, 3, 4))
        compared += 1
    assert compared > 0.9 * len(rows)
