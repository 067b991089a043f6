"""DOC: a part that a person has still to write is named, wherever it stands; what is written says what it must."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from damage import Damage, document, measurements, readme, system
from rule_cases import cases
from submission_tree import Tree, write_tree

from submitter import documents

MARK = documents.todo("say what was done")


def in_document(tree: Tree) -> Path:
    path = tree.submitter / "documentation" / "calibration.adoc"
    path.write_text(f"= Calibration\n\nBy hand.\n{MARK}\n")
    return path


def in_readme(tree: Tree) -> Path:
    path = tree.result() / "README.md"
    path.write_bytes(f"caf\xe9\n\n1. {MARK}\n\n".encode("latin-1"))
    return path


def in_measurements(tree: Tree) -> Path:
    path = tree.result("Server") / "measurements.json"
    tree.edit_json(path, weight_transformations=MARK)
    return path


def in_description(tree: Tree) -> Path:
    tree.edit_json(tree.system_json(), hw_notes=MARK)
    return tree.system_json()


UNWRITTEN: list[tuple[str, Callable[[Tree], Path]]] = [
    ("DOC001", in_document),
    ("DOC002", in_readme),
    ("DOC002", in_measurements),
    ("DOC003", in_description),
]
# What the closed division demands, but for DOC010 and DOC015.
CLOSED_ONLY: list[tuple[str, Damage]] = [
    ("DOC011", document("calibration.adoc", " \n")),
    ("DOC011", document("bandwidth.adoc", "Enough of it.\n")),
    ("DOC012", measurements(retraining="Yes, for a week")),
    ("DOC013", system(host_memory_configuration="24x 64GB DDR5 non-ECC")),
    ("DOC013", system(hw_notes="ECC is disabled")),
    ("DOC014", system(host_networking="N/A")),
    ("DOC014", system(number_of_nodes="2", host_networking_topology="N/A")),
]
CONTENT_LACKS: list[tuple[str, Damage]] = [
    ("DOC010", readme("It ran well.\n")),
    ("DOC010", readme("To be filled in later\n")),
    *CLOSED_ONLY,
    ("DOC015", system(host_networking_topology="TODO")),
]
CASES = [*cases(write_tree, UNWRITTEN), *cases(write_tree, CONTENT_LACKS)]
CONTENT: list[tuple[str, Damage]] = [
    ("DOC010", readme("Run this:\n\n    make all\n")),
    ("DOC010", readme("See [the code](../../src).\n")),
    ("DOC010", readme("# Steps\nGo to src/llama and follow it.\n")),
    ("DOC012", measurements(retraining="We don't retrain.")),
    ("DOC013", system(hw_notes="ECC on")),
    ("DOC013", system(hw_notes="no ECC errors were seen")),
    ("DOC014", system(host_networking_topology="N/A")),
    ("DOC015", system(hw_notes="nothing to do")),
]


@pytest.mark.parametrize(("rule", "damage"), UNWRITTEN)
def test_what_is_still_to_write_is_named(rule: str, damage: Callable[[Tree], Path], tmp_path: Path) -> None:
    tree = write_tree(tmp_path)
    path = damage(tree)
    (finding,) = tree.found(rule)
    assert finding.path == os.path.relpath(str(path), tmp_path)
    assert finding.required == "say what was done"
    assert "person" in finding.message


@pytest.mark.parametrize(("rule", "change"), CONTENT)
def test_what_says_enough_passes(rule: str, change: Damage, tree: Tree) -> None:
    change(tree)
    assert tree.found(rule) == []


@pytest.mark.parametrize(("rule", "damage"), CLOSED_ONLY)
def test_the_open_division_may(rule: str, damage: Damage, tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open")
    damage(tree)
    assert tree.found(rule) == []


def test_an_unwritten_document_spares_the_results(tmp_path: Path) -> None:
    tree = write_tree(tmp_path)
    in_document(tree)
    report = tree.check()
    assert report.exit_code == 1
    assert {result.verdict for result in report.results} == {"valid"}
    in_readme(tree)
    assert [result.verdict for result in tree.check().results] == ["invalid", "valid"]


def test_an_edge_system_needs_neither_ecc_nor_a_network_nor_a_document_about_bandwidth(tree: Tree) -> None:
    system(hw_notes="no ECC", host_networking="N/A")(tree)
    (tree.submitter / "documentation" / "bandwidth.adoc").unlink()
    wanted = {"DOC013", "DOC014", "STR011"}
    assert tree.rules() >= wanted
    system(system_type="edge")(tree)
    assert not tree.rules() & wanted


def test_fields_of_another_type_crash_no_rule(tree: Tree) -> None:
    system(host_networking=[], host_network_card_count={"a": 1}, number_of_nodes=True)(tree)
    measurements(retraining={"yes": 1})(tree)
    assert tree.check().crashed == ()


def test_unfilled_parts_by_line_and_what_they_ask_for() -> None:
    table = (
        f"| card | {documents.todo('its bandwidth')} |\n{json.dumps({'a': documents.todo('why')})}\n{documents.MARK}"
    )
    assert list(documents.unfilled(table)) == [(1, "its bandwidth"), (2, "why"), (3, "a part that a person must write")]
    assert list(documents.unfilled("TODO: not a person's\n")) == []


def test_networks_that_are_not_described_are_one_finding_of_the_submitter(tree: Tree) -> None:
    tree.edit_json(tree.system_json(), host_networking="N/A")
    shutil.copytree(tree.base.parent, tree.base.parent.with_name("other"))
    shutil.copy(tree.system_json(), tree.system_json().with_name("other.json"))
    (finding,) = tree.found("DOC014")
    assert finding.message == "the networks of 2 datacenter systems are not described"
