"""The objects of a submission: divisions, submitters, systems, benchmarks, results, and what each of them reads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from endpoints_tree import EndpointsTree
from power_tree import add_power
from submission_tree import BOOK, Tree, system_description, write_tree

from submitter.layout import layout_of
from submitter.model import Scenario
from submitter.rulebook import load_rulebook
from submitter.submission import Result, Unavailable, open_submission
from submitter.submission.files import Unreadable
from submitter.submission.tree import SubmitterDir, System


def acme(tree: Tree) -> SubmitterDir:
    return next(submitter for submitter in open_submission(tree.root, BOOK).submitters if submitter.name == "Acme")


def result(tree: Tree, scenario: str = "Offline") -> Result:
    return next(found for found in open_submission(tree.root, BOOK).results if found.key.scenario == scenario)


def test_only_the_three_divisions_count_and_come_in_their_order(tree: Tree) -> None:
    for name in ("open", "network", "other", "Closed"):
        shutil.copytree(tree.root / "closed", tree.root / name)
    (tree.root / "closed" / "README.md").write_text("x")
    submission = open_submission(tree.root, BOOK).submission
    assert [division.name for division in submission.divisions] == ["closed", "open", "network"]
    assert [str(submitter.path) for submitter in submission.submitters] == ["closed/Acme", "open/Acme", "network/Acme"]


def test_results_are_counted(tree: Tree) -> None:
    shutil.copytree(tree.submitter / "results" / "2xH200", tree.submitter / "results" / "4xH200")
    submitter = acme(tree)
    assert [system.result_count for system in submitter.systems] == [2, 2]
    assert submitter.result_count == 4


@pytest.mark.parametrize(
    ("division", "text", "mapping", "usable"),
    [
        ("open", '{"mine": "resnet", "other": 5}', {"mine": "resnet", "other": 5}, {"mine": "resnet"}),
        ("open", "[1]", {}, {}),
        ("open", "null", {}, {}),
        ("open", None, {}, {}),
        ("closed", '{"mine": "resnet"}', {}, {}),
    ],
)
def test_a_mapping_of_names_is_the_open_divisions(
    tmp_path: Path, division: str, text: str | None, mapping: dict[str, Any], usable: dict[str, str]
) -> None:
    tree = write_tree(tmp_path, division, (Scenario.OFFLINE,))
    if text is not None:
        (tree.submitter / "model_mapping.json").write_text(text)
    submitter = acme(tree)
    assert submitter.model_mapping == mapping
    assert submitter.known_model_mapping == usable


def test_a_mapping_that_cannot_be_read_has_no_usable_names(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open", (Scenario.OFFLINE,))
    (tree.submitter / "model_mapping.json").write_text("{")
    with pytest.raises(Unreadable, match="not JSON"):
        _ = acme(tree).model_mapping
    assert acme(tree).known_model_mapping == {}
    assert result(tree).official_name == tree.benchmark


# Systems


def system(tree: Tree) -> System:
    (only,) = acme(tree).systems
    return only


@pytest.mark.parametrize("value", [5, None, True, ["a"]])
def test_a_field_of_a_description_is_a_text(tree: Tree, value: Any) -> None:
    assert system(tree).field("system_type") == "datacenter"
    tree.system_json().write_text(json.dumps(system_description("closed") | {"system_type": value}))
    with pytest.raises(Unavailable, match=r"no text .*'system_type'"):
        system(tree).field("system_type")


def test_a_description_that_is_missing_or_none(tree: Tree) -> None:
    tree.system_json().write_text("[1]")
    with pytest.raises(Unreadable, match="list"):
        _ = system(tree).description
    tree.system_json().unlink()
    with pytest.raises(Unavailable, match="is missing"):
        _ = system(tree).description


def test_the_supplies_are_read_only_where_the_round_needs_them(tree: Tree) -> None:
    newer, older = load_rulebook("v6.1"), load_rulebook("v6.0")
    counts = [len(next(iter(open_submission(tree.root, book).results)).system.readers()) for book in (newer, older)]
    assert counts == [2, 1]


# Benchmarks, results


def test_a_benchmark_is_the_rounds_or_what_the_mapping_makes_of_it(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open", (Scenario.OFFLINE,), benchmark="mine")
    with pytest.raises(Unavailable, match="'mine'"):
        _ = result(tree).benchmark
    (tree.submitter / "model_mapping.json").write_text('{"mine": "resnet"}')
    assert result(tree).official_name == "resnet"
    assert result(tree).benchmark is BOOK.benchmarks["resnet"]


@pytest.mark.parametrize(
    ("name", "scenario"), [("Server", "Server"), ("server", "Server"), ("INTERACTIVE", "Interactive")]
)
def test_a_scenario_may_be_in_any_case(tree: Tree, name: str, scenario: str) -> None:
    tree.result("Server").rename(tree.base / "spare")
    (tree.base / "spare").rename(tree.base / name)
    assert result(tree, name).scenario is Scenario(scenario)


@pytest.mark.parametrize("name", ["Sever", "online"])
def test_another_name_is_none(tree: Tree, name: str) -> None:
    tree.result("Server").rename(tree.base / name)
    with pytest.raises(Unavailable, match=f"'{name}'"):
        _ = result(tree, name).scenario


def test_online_is_server_where_endpoints_measured_it(tmp_path: Path) -> None:
    tree = EndpointsTree(tmp_path)
    (tree.base / "Server").rename(tree.base / "online")
    (online,) = [found for found in open_submission(tmp_path, BOOK).results if found.key.scenario == "online"]
    assert online.scenario is Scenario.SERVER
    assert [type(part).__name__ for part in online.parts] == ["EndpointsPerformance", "EndpointsAccuracy"]


def test_the_parts_of_a_result_are_its_runs(tree: Tree) -> None:
    add_power(tree)
    (tree.result("Server") / "TEST06").rename(tree.result("Server") / "old")
    names = {s: [type(part).__name__ for part in result(tree, s).parts] for s in ("Offline", "Server")}
    assert names == {
        "Offline": ["PerformanceRun", "AccuracyRun", "PowerRun", "ComplianceRun"],
        "Server": ["PerformanceRun", "AccuracyRun"],
    }


@pytest.mark.parametrize(("division", "closed"), [("closed", True), ("network", True), ("open", False)])
def test_the_network_division_is_held_to_the_closed_ones_demands(tmp_path: Path, division: str, closed: bool) -> None:
    assert result(write_tree(tmp_path, division, (Scenario.OFFLINE,))).is_closed is closed


def test_the_description_of_a_measurement_is_found_by_its_rounds_name(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, scenarios=(Scenario.OFFLINE,))
    new = result(tree)
    assert new.measurements_path.name == "measurements.json"
    assert new.measurements["retraining"] == "fp8"
    folder = tmp_path / layout_of("v5.1").measurements(new.key)
    folder.mkdir(parents=True)

    def found() -> str:
        return next(open_submission(tmp_path, load_rulebook("v5.1")).results).measurements_path.name

    assert found() == "2xH200.json"  # where it could be
    (folder / "other.json").write_text("{}")
    assert found() == "2xH200.json"
    (folder / "2xH200_ours_Offline.json").write_text("{}")
    assert found() == "2xH200_ours_Offline.json"


def test_every_reader_reads_a_file_that_is_there(tree: Tree) -> None:
    tree.system_json().with_name("2xH200_power.yaml").write_text("{}")
    opened = open_submission(tree.root, BOOK)
    (submitter,) = opened.submitters
    for node in opened.nodes_of(submitter):
        for read in [*node.readers(), *node.own_readers()]:
            read()
    names = {name.rpartition("/")[2] for name in opened.files.opened}
    assert names == {
        "measurements.json",
        "user.conf",
        "mlperf_log_detail.txt",
        "accuracy.txt",
        "2xH200.json",
        "2xH200_power.yaml",
    }
