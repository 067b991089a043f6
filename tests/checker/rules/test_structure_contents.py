"""STR: summaries that say nothing or something else, names and folders that the checks of the rest do not see."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path

import pytest
from damage import Damage
from rule_cases import cases
from submission_tree import Tree, write_tree


def summary(run: str, content: bytes) -> Damage:
    return lambda tree: (tree.result() / run / "mlperf_log_summary.txt").write_bytes(content)


def _misspelled_division(tree: Tree) -> None:
    shutil.copytree(tree.root / "closed", tree.root / "closd")


def _newline(tree: Tree) -> None:
    (tree.submitter / "src" / "two\nlines.py").touch()


def _not_utf8(tree: Tree) -> None:
    (Path(os.fsdecode(os.fsencode(tree.submitter) + b"/src/\xff.py"))).touch()


def _without_results(tree: Tree) -> None:
    shutil.copytree(tree.submitter / "src", tree.submitter.parent / "Other" / "src")


def mapped(mapping: object) -> Damage:
    return lambda tree: (tree.submitter / "model_mapping.json").write_text(json.dumps(mapping))


CASES = cases(
    write_tree,
    [
        ("STR038", summary("performance/run_1", b"")),
        ("STR038", summary("accuracy", b" \n")),
        ("STR038", summary("TEST06/performance/run_1", b"")),
        ("STR038", summary("performance/run_1", b"\xff\xfe")),
        ("STR038", summary("performance/run_1", b"all is well\n")),
        ("STR038", summary("performance/run_1", b"Result is : INVALID\n")),
        ("STR038", summary("performance/run_1", b"No warnings encountered during test.\n")),
        ("STR039", _newline),
        ("STR039", _not_utf8),
        ("STR040", _misspelled_division),
        ("STR040", lambda tree: [(tree.root / f"d{number}").mkdir() for number in range(1001)]),
        ("STR041", _without_results),
    ],
)
CASES += cases(
    partial(write_tree, division="open"),
    [
        ("STR042", mapped([])),
        ("STR042", mapped({"mine": 5})),
        ("STR042", mapped({"mine": "lama2-70b-99.9"})),
    ],
)
HARMLESS: list[Damage] = [
    summary("accuracy", b"\nNo warnings encountered during test.\n\nNo errors encountered during test.\n"),
    summary("performance/run_1", b"=====\r\nResult is : VALID\r\n"),
    lambda tree: (tree.root / "documents" / "pictures").mkdir(parents=True),
    lambda tree: (tree.submitter / "src" / "caf\u00e9 \u2014 notes.md").touch(),
]


@pytest.mark.parametrize("change", HARMLESS)
def test_what_is_as_the_rules_have_it_passes(change: Damage, tree: Tree) -> None:
    change(tree)
    assert tree.rules() & {case.rule for case in CASES} == set()


def test_results_beside_the_divisions_fail_the_submission_and_no_other_result(tree: Tree) -> None:
    _misspelled_division(tree)
    report = tree.check()
    assert report.exit_code == 1
    assert [result.verdict for result in report.results] == ["valid", "valid"]


def test_a_mapping_of_ones_own_model_passes(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, division="open")
    mapped({"mine": "llama2-70b-99.9"})(tree)
    assert tree.found("STR042") == []
