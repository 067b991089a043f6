"""The figure of a result: what the official checker reads before it has one."""

from __future__ import annotations

import pytest
from submission_tree import Tree


@pytest.mark.parametrize("entry", ["result_samples_per_second", "result_tokens_per_second"])
def test_a_result_needs_its_scenarios_figure_and_its_benchmarks(tree: Tree, entry: str) -> None:
    tree.set(tree.performance_log(), **{entry: None})
    (offline,) = (verdict for verdict in tree.check(profile="official").results if verdict.key.scenario == "Offline")
    assert offline.verdict == "invalid"
    assert offline.metric is None
