"""EPT: values in the files of endpoints that no run has."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from endpoints_cases import KINDS, LLAMA, P99, REASONING, VIDEO, VISION, Edit, audit, edit
from endpoints_tree import EndpointsTree
from rule_cases import Case

SCORE = "accuracy_scores/0/score"
EDITS: list[tuple[str, dict[str, Any], Edit]] = [
    ("EPT026", LLAMA, edit("summary", "ttft/" + P99, -1, "Server")),
    ("EPT026", VISION, edit("summary", "latency/" + P99, -1, "Server")),
    ("EPT026", LLAMA, edit("summary", "duration_ns", "660 s", "Server")),
    ("EPT026", LLAMA, edit("summary", "duration_ns", True, "Server")),
    ("EPT026", LLAMA, edit("summary", "n_samples_failed", "3")),
    ("EPT026", LLAMA, edit("summary", "n_samples_failed", [3])),
    ("EPT026", LLAMA, edit("summary", "qps", float("inf"), "Server")),
    ("EPT027", VISION, edit("accuracy", SCORE, float("inf"))),
    ("EPT027", VISION, edit("accuracy", SCORE, True)),
    ("EPT027", VISION, edit("accuracy", SCORE, {"f1": 0.79, "accuracy": None})),
    ("EPT027", REASONING, edit("accuracy", SCORE, "good")),
    ("EPT027", REASONING, edit("accuracy", SCORE, float("nan"))),
    ("EPT027", REASONING, edit("accuracy", SCORE, -1)),
    ("EPT027", VISION, edit("accuracy", "accuracy_scores/0/complete", False)),
    ("EPT029", LLAMA, edit("summary", "complete", False)),
    ("EPT029", LLAMA, edit("summary", "complete", "no")),
    ("EPT029", LLAMA, edit("summary", "latency", "fast")),
    ("EPT029", LLAMA, edit("summary", "output_sequence_lengths/avg", -1.0, "Server")),
    ("EPT029", LLAMA, edit("summary", "tpot/early_stopping_percentiles/50", True, "Server")),
    ("EPT030", VIDEO, audit("output_caching_test", {"test": "output_caching_test", "passed": "false"})),
    ("EPT028", LLAMA, edit("accuracy", "n_samples_failed", False)),
    ("EPT028", LLAMA, edit("accuracy", "n_samples_failed", "")),
]
CASES = [Case(rule, partial(EndpointsTree, **kind), change) for rule, kind, change in EDITS]


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_what_endpoints_writes_passes(kind: dict[str, Any], tmp_path: Path) -> None:
    tree = EndpointsTree(tmp_path, **kind)
    tree.set("accuracy", "n_samples_failed", 0)
    tree.set("summary", "tps", 0.0, tree.scenarios[-1])
    tree.set("summary", "complete", True)
    tree.set("summary", "tpot/min", -3.0)
    tree.set("summary", "latency/early_stopping_percentiles/99.9", None)
    assert tree.rules() & {"EPT026", "EPT027", "EPT028", "EPT029", "EPT030"} == set()


def test_a_score_of_null_beside_another_is_found(tmp_path: Path) -> None:
    tree = EndpointsTree(tmp_path, **VISION)
    tree.set("accuracy", SCORE, None)
    assert "EPT027" in tree.rules()
