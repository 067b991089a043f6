"""CMP: verifications that say two things."""

from __future__ import annotations

from functools import partial

from result_tree import ResultTree
from rule_cases import cases
from submission_tree import Tree, write_tree


def _false_before_true(tree: Tree) -> None:
    path = tree.result("Server") / "TEST06" / "verify_accuracy.txt"
    tree.replace(path, "EOS check pass: True", "EOS check pass: False\nEOS check pass: True")


def _false_at_the_end(tree: Tree) -> None:
    path = tree.result("Server") / "TEST06" / "verify_accuracy.txt"
    path.write_text(path.read_text() + "First token check pass: False\n")


def _failed_too(tree: ResultTree) -> None:
    (tree.test("TEST04") / "verify_performance.txt").write_text("TEST PASS\nTEST FAIL\n")


def _skipped(tree: Tree) -> None:
    path = tree.result("Server") / "TEST06" / "verify_accuracy.txt"
    tree.replace(path, "First token check pass: True", "First token check pass: Skipped")


CASES = [
    *cases(write_tree, [("CMP016", _skipped), ("CMP014", _false_before_true), ("CMP014", _false_at_the_end)]),
    *cases(partial(ResultTree, round_name="v6.1"), [("CMP014", _failed_too)]),
]


def test_the_same_twice_is_no_contradiction(tree: Tree) -> None:
    path = tree.result("Server") / "TEST06" / "verify_accuracy.txt"
    path.write_text(path.read_text() * 2)
    assert tree.found("CMP014") == []
