"""STR034: in v5.1 a closed benchmark needs a Server or an Interactive result whose performance run holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rounds import OLD
from rule_cases import cases
from structure_tree import BOTH, StructureTree, drop

from submitter.model import Scenario


def write_running_tree(folder: Path, round_name: str = "v5.1") -> StructureTree:
    """A tree with two results whose performance runs hold."""
    tree = StructureTree(folder, round_name)
    for scenario in (Scenario.OFFLINE, Scenario.SERVER):
        tree.run_well(scenario)
    return tree


def invalid_server(tree: StructureTree) -> None:
    tree.run_well(Scenario.SERVER, result_validity="INVALID")


def listed_last(tree: StructureTree) -> set[str]:
    """The scenario that the file system lists last, which the official checker refuses."""
    return {[entry for entry in os.listdir(tree.base) if entry in BOTH][-1]}


CASES = cases(write_running_tree, [("STR034", drop("Server")), ("STR034", invalid_server)])


@pytest.mark.parametrize("name", OLD)
def test_a_benchmark_without_server_loses_its_other_result(tmp_path: Path, name: str) -> None:
    tree = write_running_tree(tmp_path, name)
    assert tree.refused() == set()
    drop("Server")(tree)
    assert ("STR034" in tree.rules()) == (name == "v5.1")
    assert tree.refused() == ({"Offline"} if name == "v5.1" else set())


@pytest.mark.parametrize("name", OLD)
def test_a_server_run_that_does_not_hold_is_none(tmp_path: Path, name: str) -> None:
    tree = write_running_tree(tmp_path, name)
    tree.run_well(Scenario.SERVER, effective_min_duration_ms=1)
    assert tree.refused() == (listed_last(tree) if name == "v5.1" else set())


def test_without_the_required_scenario_the_rule_does_not_apply(tmp_path: Path) -> None:
    tree = write_running_tree(tmp_path)
    drop("Server")(tree)
    tree.run_well(Scenario.OFFLINE, effective_min_duration_ms=1)
    assert "STR034" not in tree.rules()


def test_a_rule_that_is_waived_does_not_count_against_the_run(tmp_path: Path) -> None:
    """A performance rule that need not hold here must not cost a result by way of STR034."""
    tree = write_running_tree(tmp_path)
    invalid_server(tree)
    assert tree.refused() == listed_last(tree)
    assert tree.refused(waive={"PRF010": "the run is repeated tonight"}) == set()


def test_a_waiver_of_another_rule_changes_nothing(tmp_path: Path) -> None:
    tree = write_running_tree(tmp_path)
    invalid_server(tree)
    assert tree.refused(waive={"PRF006": "short runs are agreed"}) == listed_last(tree)
