"""The figure of a result: what the official checker reads before it has one."""

from __future__ import annotations

from pathlib import Path

import pytest
from submission_tree import Tree, write_tree

from submitter.model import Scenario


@pytest.mark.parametrize("entry", ["result_samples_per_second", "result_tokens_per_second"])
def test_a_result_needs_its_scenarios_figure_and_its_benchmarks(tree: Tree, entry: str) -> None:
    tree.set(tree.performance_log(), **{entry: None})
    (offline,) = (verdict for verdict in tree.check(profile="official").results if verdict.key.scenario == "Offline")
    assert offline.verdict == "invalid"
    assert offline.metric is None


@pytest.mark.parametrize(("benchmark", "refused"), [("qwen3-vl-235b-a22b", ["Server"]), ("gpt-oss-120b", [])])
def test_a_number_of_samples_is_looked_up_by_the_folders_name(
    tmp_path: Path, benchmark: str, refused: list[str]
) -> None:
    tree = write_tree(tmp_path, scenarios=(Scenario.OFFLINE, Scenario.SERVER), benchmark=benchmark)
    tree.result("Server").rename(tree.base / "server")
    found = tree.check(select=["ACC016"], profile="official").findings
    assert [finding.required for finding in found] == refused
