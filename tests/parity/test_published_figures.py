"""Published runs, whose latencies nobody has but LoadGen: their figures agree, and each verdict can be explained."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from submitter.checker import check
from submitter.insight.explain import explain
from submitter.logs import read_detail
from submitter.rulebook import load_rulebook

# Of a result whose accuracy.txt counts twice the tokens that its performance run generated.
_TRUE_DEFECTS = {"v4.1": 1}
_ROUNDS = ["v4.1", "v5.1", "v6.0-part"]


@pytest.mark.parametrize("name", _ROUNDS)
def test_published_figures_agree(name: str, published: Any) -> None:
    folder, _ = published(name)
    report = check(folder, load_rulebook(name.removesuffix("-part")), select=["CON", "STR001"])
    found = [(finding.rule, finding.path) for finding in report.findings if finding.rule.startswith("CON")]
    assert len(found) == _TRUE_DEFECTS.get(name, 0), found


@pytest.mark.parametrize("name", _ROUNDS)
def test_every_published_run_can_be_explained(name: str, published: Any) -> None:
    folder, _ = published(name)
    logs = sorted(Path(folder).glob("*/*/results/*/*/*/performance/run_1/mlperf_log_detail.txt"))
    assert len(logs) > 50
    estimates = 0
    for path in logs:
        log = read_detail(path)
        explanation = explain(log)
        assert explanation.valid is (log["result_validity"] == "VALID"), path
        discarded = re.search(r"Would discard (\d+) highest", str(log["early_stopping_result"]))
        if discarded:
            estimates += 1
            (told,) = [c.figures[0] for c in explanation.conditions if c.name == "early stopping"]
            assert f"discarding {int(discarded[1]):,}:" in told, path
    assert estimates or name == "v6.0-part"
