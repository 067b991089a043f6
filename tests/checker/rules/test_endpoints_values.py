"""EPT: values in the files of endpoints that no run has."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from endpoints_cases import KINDS, LLAMA, P99, REASONING, VISION, Edit, edit
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
    ("EPT028", LLAMA, edit("accuracy", "n_samples_failed", False)),
    ("EPT028", LLAMA, edit("accuracy", "n_samples_failed", "")),
]
CASES = [Case(rule, partial(EndpointsTree, **kind), change) for rule, kind, change in EDITS]


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_what_endpoints_writes_passes(kind: dict[str, Any], tmp_path: Path) -> None:
    tree = EndpointsTree(tmp_path, **kind)
    tree.set("accuracy", "n_samples_failed", 0)
    tree.set("summary", "tps", 0.0, tree.scenarios[-1])
    assert tree.rules() & {"EPT026", "EPT027", "EPT028"} == set()


def test_a_score_of_null_beside_another_is_found(tmp_path: Path) -> None:
    tree = EndpointsTree(tmp_path, **VISION)
    tree.set("accuracy", SCORE, None)
    assert "EPT027" in tree.rules()
