"""STR: benchmarks and scenarios by the names of their folders, and those that a division demands."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from damage import Damage, renamed_benchmark, system
from rounds import OLD, ROUNDS
from rule_cases import cases
from structure_tree import BENCHMARK, BOTH, StructureTree, describe, drop
from submission_tree import Tree, write_tree

from submitter.model import Scenario


def renamed(new: str) -> Damage:
    return lambda tree: tree.result("Server").rename(tree.base / new)


CASES = [
    *cases(
        write_tree,
        [
            ("STR005", renamed("Sever")),
            ("STR006", renamed("server")),
            ("STR007", renamed_benchmark("llama2-70b-99")),
            ("STR008", renamed("MultiStream")),
            ("STR030", system(system_type="edge")),
        ],
    ),
    *cases(partial(StructureTree, round_name="v5.1", division="open"), [("STR031", describe("edge"))]),
    *cases(partial(write_tree, benchmark="qwen3-vl-235b-a22b"), [("ACC016", renamed("server"))]),
]


@pytest.mark.parametrize("name", ROUNDS)
def test_the_open_division_may_leave_scenarios_out(tmp_path: Path, name: str) -> None:
    tree = StructureTree(tmp_path, name, "open")
    drop("Offline")(tree)
    tree.add("MultiStream")
    assert tree.refused() == set()


@pytest.mark.parametrize("name", ROUNDS)
def test_an_open_benchmark_of_another_system_type_costs_all_until_v5_1(tmp_path: Path, name: str) -> None:
    tree = StructureTree(tmp_path, name, "open")
    describe("edge")(tree)
    assert ("STR031" in tree.rules()) == (name in OLD)
    assert tree.refused() == (BOTH if name in OLD else set())


@pytest.mark.parametrize("name", ROUNDS)
def test_a_mapping_is_read_when_a_name_needs_it(tmp_path: Path, name: str) -> None:
    tree = StructureTree(tmp_path, name, "open")
    mapping = tree.submitter / "model_mapping.json"
    tree.write(mapping, "[1]")
    assert tree.refused() == set()
    tree.base.rename(tree.base.parent / "mine")
    assert tree.rules() == {"STR007"}
    tree.write(mapping, json.dumps({"mine": BENCHMARK}))
    assert tree.refused() == set()
    tree.write(mapping, "{")
    assert "STR002" in tree.rules()
    assert tree.refused() == BOTH


def test_a_misspelt_scenario_gets_the_right_name(tmp_path: Path) -> None:
    tree = StructureTree(tmp_path, "v6.1")
    tree.add("Sever")
    (finding,) = (finding for finding in tree.check().findings if finding.rule == "STR005")
    assert "Server" in finding.hint


def test_an_open_model_is_judged_as_the_benchmark_it_maps_to(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open", (Scenario.OFFLINE,), benchmark="tiny-stories")
    assert len(tree.found("STR007")) == 1
    (tree.submitter / "model_mapping.json").write_text('{"tiny-stories": "llama2-70b-99.9"}')
    assert tree.rules() == set()
    (tree.submitter / "model_mapping.json").write_text('{"tiny-stories": "llama2-70b"}')
    assert "llama2-70b-99.9" in tree.found("STR007")[0].hint


def test_open_needs_no_accuracy_no_test_and_not_all_scenarios(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open", (Scenario.SERVER,))
    (tree.result("Server") / "TEST06").rename(tmp_path / "elsewhere")
    tree.replace(tree.accuracy("Server") / "accuracy.txt", "44.4495", "4.4")
    assert tree.rules() == set()


def test_of_two_systems_each_needs_its_description(tree: Tree) -> None:
    other = tree.submitter / "results" / "4xH200" / tree.benchmark
    other.mkdir(parents=True)
    tree.result("Server").rename(other / "Interactive")
    (tree.submitter / "systems" / "4xH200.json").write_text(tree.system_json().read_text())
    assert {result.key.system for result in tree.check().results} == {"2xH200", "4xH200"}
    (tree.submitter / "systems" / "4xH200.json").unlink()
    assert [finding.scope.rpartition("/")[2] for finding in tree.found("SYS001")] == ["4xH200"]


@pytest.mark.parametrize(("benchmark", "refused"), [("qwen3-vl-235b-a22b", ["Server"]), ("gpt-oss-120b", [])])
def test_a_number_of_samples_is_looked_up_by_the_folders_name(
    tmp_path: Path, benchmark: str, refused: list[str]
) -> None:
    tree = write_tree(tmp_path, scenarios=(Scenario.OFFLINE, Scenario.SERVER), benchmark=benchmark)
    tree.result("Server").rename(tree.base / "server")
    found = tree.check(select=["ACC016"], profile="official").findings
    assert [finding.required for finding in found] == refused


def test_online_is_not_taken_for_a_misspelt_offline(tree: Tree) -> None:
    tree.result("Server").rename(tree.result("Server").with_name("Online"))
    (finding,) = tree.found("STR005")
    assert "Server or Interactive" in finding.hint
    assert "Offline" not in finding.hint
