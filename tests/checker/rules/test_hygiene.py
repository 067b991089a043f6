"""HYG: what does not belong into a submission."""

from __future__ import annotations

import pytest
from damage import Damage, write
from rule_cases import cases
from submission_tree import BENCHMARK, SYSTEM, Tree, write_tree

RESULTS = f"results/{SYSTEM}/{BENCHMARK}"
CASES = cases(
    write_tree,
    [
        ("HYG001", write("Makefile")),
        ("HYG001", write("scripts", "run.py")),
        ("HYG002", write(RESULTS, "Server", "TEST06", "INVALID")),
        ("HYG002", write(RESULTS, "Server", "accuracy", "invalid.txt")),
        ("HYG003", write(RESULTS, "Server", "performance", "run_2", "mlperf_log_detail.txt")),
    ],
)


@pytest.mark.parametrize("change", [write("README.md"), write("LICENSE")])
def test_a_readme_and_a_licence_may_lie_there(change: Damage, tree: Tree) -> None:
    change(tree)
    assert tree.found("HYG001") == []
