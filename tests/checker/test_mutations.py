"""Published results, mutated: what the official checker does not catch, or dies of (each was tried on it).

The numbers are those of the survey of peers the project started from; the verdict named is the official one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from submission_tree import BOOK, Tree, line, write_tree

from submitter.checker import check
from submitter.checker.finding import Problem
from submitter.checker.registry import all_rules
from submitter.checker.tree import Submission
from submitter.errors import InputError
from submitter.model import Scenario
from submitter.rulebook import Rulebook


def _invalid(tree: Tree) -> None:
    tree.set(tree.performance_log(), result_validity="INVALID", result_min_duration_met=False)


def _servers_run_as_interactive(tree: Tree) -> None:
    shutil.copytree(tree.result("Server"), tree.result("Interactive"))


def _error_line(tree: Tree) -> None:
    log = tree.performance_log()
    log.write_text(log.read_text() + line("error_runtime", "something failed", error=True))


def _no_system(tree: Tree) -> None:
    tree.system_json().unlink()


def _short_hash(tree: Tree) -> None:
    text = (tree.accuracy() / "accuracy.txt").read_text()
    (tree.accuracy() / "accuracy.txt").write_text(text[: text.index("hash=")] + "hash=deadbeef\n")


def _servers_accuracy(tree: Tree) -> None:
    shutil.rmtree(tree.accuracy())
    shutil.copytree(tree.accuracy("Server"), tree.accuracy())


def _numpy_number(tree: Tree) -> None:
    tree.replace(tree.accuracy() / "accuracy.txt", "44.4495", "np.float64(44.4)")


def _no_equal_issue(tree: Tree) -> None:
    tree.set(tree.performance_log(), effective_sample_concatenate_permutation=False)


def _no_documents(tree: Tree) -> None:
    shutil.rmtree(tree.submitter / "documentation")


def _stray_files(tree: Tree) -> None:
    for name in ("audit.config", "slurm-1.out", ".env"):
        (tree.performance_log().parent / name).write_text("x\n")


def _no_log(tree: Tree) -> None:
    tree.performance_log().unlink()


def _failed_length_check(tree: Tree) -> None:
    path = tree.result() / "TEST06" / "verify_accuracy.txt"
    tree.replace(path, "Sample length check pass: True", "Sample length check pass: False")


def _hundred_samples(tree: Tree) -> None:
    tree.replace(tree.accuracy() / "accuracy.txt", "'gen_num': 24576", "'gen_num': 100")


def _old_loadgen(tree: Tree) -> None:
    tree.set(tree.performance_log(), loadgen_version="4.0.0 @ abc")


def _other_user_conf(tree: Tree) -> None:
    tree.replace(tree.result() / "user.conf", "target_qps = 200", "target_qps = 2")


def _cut_log(tree: Tree) -> None:
    text = tree.performance_log().read_text()
    tree.performance_log().write_text(text[: text.index(':::MLLOG {"key": "result_validity"')])


def _no_summary(tree: Tree) -> None:
    (tree.performance_log().parent / "mlperf_log_summary.txt").unlink()


def _no_audit_answers(tree: Tree) -> None:
    shutil.rmtree(tree.result() / "TEST06" / "accuracy")


def _empty_source(tree: Tree) -> None:
    (tree.submitter / "src" / "README.md").unlink()


def _only_offline(tree: Tree) -> None:
    shutil.rmtree(tree.result("Server"))


def _low_rouge(tree: Tree) -> None:
    tree.replace(tree.accuracy() / "accuracy.txt", "44.4495", "44.30")


MUTATIONS = [
    ("M1 passed", _invalid, {"PRF010", "PRF007"}),
    ("M2 passed", _servers_run_as_interactive, {"PRF013"}),
    ("M3 passed", _error_line, {"PRF015"}),
    ("M4 traceback", _no_system, {"SYS001"}),
    ("M5 passed", _short_hash, {"ACC006"}),
    ("M6 passed", _servers_accuracy, {"ACC011"}),
    ("M10 no reason", _numpy_number, {"ACC001"}),
    ("M11 passed", _no_equal_issue, {"PRF016"}),
    ("M12 passed", _no_documents, {"STR011"}),
    ("M13 passed", _stray_files, {"STR013", "STR014"}),
    ("M14 traceback", _no_log, {"STR001"}),
    ("M15 caught", _failed_length_check, {"CMP003"}),
    ("M17 passed", _hundred_samples, {"ACC004"}),
    ("M18 passed", _old_loadgen, {"PRF005"}),
    ("M19 passed", _other_user_conf, {"MEA004"}),
    ("M20 no reason", _cut_log, {"PRF001"}),
    ("M21 passed", _no_summary, {"STR004"}),
    ("M22 passed", _no_audit_answers, {"CMP007"}),
    ("M23 passed", _empty_source, {"STR010"}),
    ("M24 caught", _only_offline, {"STR008"}),
    ("M25 caught", _low_rouge, {"ACC002"}),
]


@pytest.mark.parametrize(("mutate", "rules"), [m[1:] for m in MUTATIONS], ids=[m[0] for m in MUTATIONS])
def test_a_mutation_is_caught_by_its_rule_and_no_other(
    mutate: Callable[[Tree], None], rules: set[str], tree: Tree
) -> None:
    mutate(tree)
    assert tree.rules() == rules


def test_m8_nothing_to_judge_is_an_input_error(tree: Tree) -> None:
    with pytest.raises(InputError, match="does not exist"):
        check(tree.root / "closed" / "Acmee", BOOK)


def test_m9_an_empty_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no submission"):
        check(tmp_path, BOOK)
    (tmp_path / "closed").mkdir()
    with pytest.raises(InputError, match="no result to check"):
        check(tmp_path, BOOK)


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
        tree.check(select=["PFR010"])
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
