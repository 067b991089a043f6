"""A check as a whole: of a part of a tree, of selected rules, with links that leave, with a rule that crashes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from submission_tree import BOOK, Tree, write_tree

from submitter.checker import check
from submitter.checker.finding import Problem
from submitter.checker.registry import all_rules
from submitter.errors import InputError
from submitter.model import Scenario
from submitter.rulebook import Rulebook
from submitter.submission.tree import Submission


def _invalid(tree: Tree) -> None:
    tree.set(tree.performance_log(), result_validity="INVALID", result_min_duration_met=False)


def test_a_part_of_a_tree_is_judged_alone(tree: Tree) -> None:
    tree.set(tree.performance_log("Server"), result_validity="INVALID")
    assert check(tree.result("Offline"), BOOK).exit_code == 0
    assert check(tree.result("Server"), BOOK).exit_code == 1
    report = check(tree.submitter / "results", BOOK)
    assert [result.key.scenario for result in report.results] == ["Offline", "Server"]
    assert check(tree.root.parent, BOOK).results == report.results


def test_two_submissions_side_by_side_must_be_named(tree: Tree, tmp_path: Path) -> None:
    write_tree(tmp_path / "other", scenarios=(Scenario.OFFLINE,))
    with pytest.raises(InputError, match="several submissions: other, submission"):
        check(tmp_path, BOOK)


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


def _boom(submission: Submission, book: Rulebook) -> Iterator[Problem]:
    raise ZeroDivisionError("boom")
    yield


def test_a_crashing_rule_is_our_fault_and_costs_nothing_else(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = tuple(replace(rule, body=_boom) if rule.id == "STR018" else rule for rule in all_rules())
    monkeypatch.setattr("submitter.checker.selected", lambda *_: rules)
    _invalid(tree)
    report = tree.check()
    assert report.exit_code == 70
    assert report.crashed == ("STR018",)
    messages = {finding.rule: finding.message for finding in report.findings}
    assert "rule STR018 crashed: ZeroDivisionError: boom" in messages["INT001"]
    assert "PRF010" in messages
