"""A check as a whole, and its options: a part of a tree, selected rules, a profile, waivers, a threshold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from submission_tree import BOOK, Tree, write_tree

from submitter.checker import Severity, check
from submitter.errors import InputError
from submitter.model import Scenario


def _invalid(tree: Tree) -> None:
    """INVALID by LoadGen's own word, which this round's official checker lets pass."""
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


def test_the_official_profile_asks_what_the_official_checker_asks(tree: Tree) -> None:
    _invalid(tree)
    full, official = tree.check(), tree.check(profile="official")
    assert (full.verdict, official.verdict) == ("fail", "pass")
    assert (full.profile, official.profile) == ("full", "official")
    tree.set(tree.performance_log(), effective_min_duration_ms=1000)
    assert {finding.rule for finding in tree.check(profile="official").findings} == {"PRF006"}


def test_what_a_rounds_checker_does_not_enforce_is_of_the_written_rules(tree: Tree) -> None:
    _invalid(tree)
    assert "PRF010" in BOOK.checker.not_enforced
    (finding,) = [f for f in tree.check().findings if f.rule == "PRF010"]
    assert finding.origin == "policy"


def test_a_waived_rule_is_reported_apart_with_its_reason(tree: Tree) -> None:
    (tree.result("Server") / "README.md").unlink()
    assert tree.check().verdict == "fail"
    report = tree.check(waive={"MEA002": "follows on Friday"})
    assert report.verdict == "pass"
    assert [(w.rule, w.why, len(w.findings)) for w in report.waived] == [("MEA002", "follows on Friday", 1)]
    assert {v.verdict for v in report.results} == {"valid"}


def test_a_waiver_of_no_rule_is_refused(tree: Tree) -> None:
    with pytest.raises(InputError, match="unknown rule 'MEA02'") as error:
        tree.check(waive={"MEA02": "why not"})
    assert "MEA002" in error.value.hint


@pytest.mark.parametrize(
    ("fail_on", "exit_code"), [(Severity.ERROR, 0), (Severity.WARNING, 1), (Severity.NOTE, 1), (None, 0)]
)
def test_the_threshold_decides_the_exit_code(fail_on: Severity | None, exit_code: int, tree: Tree) -> None:
    tree.replace(tree.result() / "user.conf", "target_qps = 200", "target_qps = 300")
    assert {f.severity for f in tree.check().findings} == {Severity.WARNING, Severity.NOTE}
    assert tree.check(fail_on=fail_on).exit_code == exit_code
