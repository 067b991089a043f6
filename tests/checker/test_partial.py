"""A submission under way: what is right, what is wrong, and what is only missing still."""

from __future__ import annotations

import re
import shutil

from damage import performance
from reports import finding, verdict_of
from submission_tree import Tree

from submitter.checker.finding import Severity
from submitter.checker.partial import partial_of
from submitter.checker.registry import all_rules

RULES = {rule.id: rule for rule in all_rules()}


def test_errors_are_sorted_by_whether_they_tell_of_an_absence() -> None:
    verdicts = [verdict_of(scenario="Offline"), verdict_of(scenario="Server", verdict="invalid")]
    verdicts.append(verdict_of(scenario="Interactive", verdict="preview"))
    found = [
        finding("MEA002", path="a/README.md", message="a required file is missing", required="README.md"),
        finding("PRF004", path="a/log", message="a seed is not the round's", required=""),
        finding("PRF004", path="a/log", message="a seed is not the round's", required=""),
        finding("MEA004", Severity.WARNING),
        finding("INT001", path="a", message="rule PRF004 crashed", required=""),
    ]
    partial = partial_of(verdicts, found, RULES)
    assert partial.right == (verdicts[0].path, verdicts[2].path)
    assert partial.missing == ("a/README.md: a required file is missing: README.md (MEA002)",)
    assert partial.wrong == ("a/log: a seed is not the round's (PRF004)", "a: rule PRF004 crashed (INT001)")


def test_a_partial_tree_fails_by_what_is_wrong_only(tree: Tree) -> None:
    shutil.rmtree(tree.result() / "TEST06")
    (tree.result("Server") / "README.md").unlink()
    report = tree.check(partial=True)
    assert report.partial is not None
    assert report.partial.wrong == ()
    assert {re.findall(r"\((\w+)\)$", line)[0] for line in report.partial.missing} == {"CMP001", "MEA002"}
    assert (report.verdict, report.exit_code, tree.check().exit_code) == ("pass", 0, 1)
    performance("Offline", effective_qsl_rng_seed=1)(tree)
    report = tree.check(partial=True)
    assert report.partial is not None
    assert "PRF004" in report.partial.wrong[0]
    assert (report.verdict, report.exit_code) == ("fail", 1)


def test_a_whole_check_has_no_such_lists(tree: Tree) -> None:
    assert tree.check().partial is None
