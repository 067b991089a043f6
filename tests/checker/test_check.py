"""A check as a whole: of a part of a tree, of selected rules, with links that leave, with a rule that crashes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from submission_tree import BOOK, Tree, write_tree

from submitter.checker import check
from submitter.errors import InputError
from submitter.model import Scenario


def _invalid(tree: Tree) -> None:
    tree.set(tree.performance_log(), result_validity="INVALID", result_min_duration_met=False)


def test_a_part_of_a_tree_is_judged_alone(tree: Tree) -> None:
    tree.set(tree.performance_log("Server"), result_validity="INVALID")
    assert check(tree.result("Offline"), BOOK).exit_code == 0
    assert check(tree.result("Server"), BOOK).exit_code == 1
    report = check(tree.submitter / "results", BOOK)
    assert [result.key.scenario for result in report.results] == ["Offline", "Server"]
    assert check(tree.root.parent, BOOK).results == report.results


def test_two_submissions_side_by_side_must_be_named(tree: Tree) -> None:
    write_tree(tree.root.with_name("other"), scenarios=(Scenario.OFFLINE,))
    with pytest.raises(InputError, match="several submissions: other, submission"):
        check(tree.root.parent, BOOK)


def test_rules_are_selected_by_id_and_by_family(tree: Tree) -> None:
    _invalid(tree)
    assert {f.rule for f in tree.check(select=["PRF010"]).findings} == {"PRF010"}
    assert {f.rule for f in tree.check(select=["PRF"], ignore=["PRF010"]).findings} == {"PRF007"}
    with pytest.raises(InputError) as error:
        tree.check(select=["PRF010O"])
    assert "PRF010" in error.value.hint


def test_a_link_out_of_the_tree_is_not_followed(tree: Tree, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text(json.dumps({"secret": 1}))
    tree.system_json().unlink()
    tree.system_json().symlink_to(outside)
    assert tree.rules() == {"STR012", "STR002"}
    assert "leaves the tree" in tree.found("STR002")[0].message
