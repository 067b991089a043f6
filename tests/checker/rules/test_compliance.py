"""CMP: a closed result shows each compliance test that its benchmark needs, run with the audit's settings."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from damage import Damage, audit_answers, audit_answers_of_lengths, error_in, remove
from result_tree import ResultTree
from rule_cases import cases
from submission_tree import ANSWERS, EOS, Tree, answer, tokens, write_tree

from submitter.checker.finding import Severity
from submitter.model import Scenario

BOS = 1
AUDIT_RUN = ("TEST06", "performance", "run_1")
AUDIT_LOG = (*AUDIT_RUN, "mlperf_log_detail.txt")


def _no_audit(tree: Tree) -> None:
    tree.result().joinpath(*AUDIT_LOG).write_text(tree.performance_log().read_text())


def _failed_end_of_sequence(tree: Tree) -> None:
    verified = tree.result() / "TEST06" / "verify_accuracy.txt"
    tree.replace(verified, "EOS check pass: True", "EOS check pass: False")


LONG_ANSWERS: list[tuple[str, Damage]] = [
    ("CMP013", audit_answers_of_lengths([30, 1026])),
    ("CMP013", audit_answers_of_lengths([*range(20, 65), *[100] * 5])),
    ("CMP013", audit_answers_of_lengths([30, 1024 + 34], first=BOS)),
]
TEST06: list[tuple[str, Damage]] = [
    ("CMP001", lambda tree: (tree.result() / "TEST06").rename(tree.result() / "old")),
    ("CMP002", lambda tree: (tree.result() / "TEST01").mkdir()),
    ("CMP003", remove("TEST06", "verify_accuracy.txt")),
    ("CMP003", _failed_end_of_sequence),
    ("CMP004", remove(*AUDIT_LOG)),
    ("CMP005", _no_audit),
    ("CMP006", error_in(*AUDIT_RUN)),
    ("CMP007", remove("TEST06", "accuracy", "mlperf_log_accuracy.json")),
    ("CMP007", audit_answers()),
    ("CMP007", audit_answers(answer(0, [11, 12, EOS, EOS], Scenario.SERVER))),
    ("CMP007", audit_answers(answer(0, [11, 12, EOS], Scenario.SERVER, first=tokens(12)))),
    ("CMP007", audit_answers(answer(0, [11, 12, EOS], Scenario.SERVER, count=4))),
    ("CMP007", audit_answers(answer(0, [11, 12, EOS], Scenario.SERVER, data="0B0000"))),
    ("CMP007", audit_answers(answer(0, [11, 12, EOS], Scenario.OFFLINE))),
    ("CMP007", audit_answers("{ not an answer }")),
    ("CMP012", lambda tree: tree.result().joinpath(*AUDIT_LOG).write_text("junk\n")),
]


def _cut(tree: ResultTree) -> None:
    log = tree.log_of("TEST01")
    log.write_text(log.read_text()[:-100])


CASES = [
    *cases(write_tree, [*TEST06, *LONG_ANSWERS]),
    *cases(
        partial(ResultTree, round_name="v6.1"),
        [
            ("CMP008", lambda tree: tree.set(tree.log_of("TEST01"), "effective_qsl_rng_seed", 5)),
            ("CMP009", lambda tree: tree.set(tree.log_of("TEST04"), "effective_min_duration_ms", "long")),
            ("CMP010", lambda tree: (tree.log_of("TEST04").parent / "mlperf_log_summary.txt").unlink()),
            ("CMP011", _cut),
        ],
    ),
]
CONTENT: list[Damage] = [
    audit_answers_of_lengths([30, 1025]),
    audit_answers_of_lengths([30, 1024 + 33], first=BOS),
    audit_answers_of_lengths([*range(20, 65), *[100] * 4]),
    audit_answers_of_lengths([*range(20, 65), *[100] * 5], last=EOS),
]


@pytest.mark.parametrize("change", CONTENT)
def test_answers_may_be_as_long_as_their_limit(change: Damage, tree: Tree) -> None:
    change(tree)
    assert tree.found("CMP013") == []


@pytest.mark.parametrize(("rule", "damage"), LONG_ANSWERS)
def test_the_open_division_may(rule: str, damage: Damage, tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open")
    damage(tree)
    assert tree.found(rule) == []


def test_answers_of_any_json_layout_are_verified(tree: Tree) -> None:
    path = tree.result("Server") / "TEST06" / "accuracy" / "mlperf_log_accuracy.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert tree.found("CMP007") == []
    assert len(json.loads(path.read_text())) == ANSWERS


def test_a_closed_result_must_show_the_test_that_it_claims(tmp_path: Path) -> None:
    """The official checker asks no TEST06 of llama3.1-8b-edge; v5.1 has two results that claim one."""
    tree = write_tree(tmp_path, scenarios=(Scenario.OFFLINE,), benchmark="llama3.1-8b-edge")
    remove("TEST06", "accuracy", "mlperf_log_accuracy.json")(tree)
    assert [finding.severity for finding in tree.found("CMP007")] == [Severity.ERROR]


def test_missing_compliance_logs_are_reported_once_for_a_submitter(tree: Tree) -> None:
    for scenario in ("Offline", "Server"):
        tree.result(scenario).joinpath(*AUDIT_LOG).unlink()
    (finding,) = tree.found("CMP004")
    assert (finding.found, finding.severity) == ("2 of 2", Severity.NOTE)


def test_a_log_with_an_error_in_every_line_is_one_finding(tree: Tree) -> None:
    log = tree.result().joinpath(*AUDIT_LOG)
    lines = log.read_text()
    log.write_text(lines.replace('"is_error": false', '"is_error": true'))
    (finding,) = tree.found("CMP006")
    assert finding.message == f"LoadGen logged errors in {lines.count(':::MLLOG')} lines"
    assert (finding.line, finding.severity) == (1, Severity.ERROR)
