"""Each mutation of the survey on a small tree of v6.1: what is found, what it costs, what the official checker says.

MLCOMMONS_INFERENCE names a checkout of mlcommons/inference, for the latter.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from a3_mutations import BOTH, PASSES, REFUSES, ROWS, TRACEBACK, Row
from submission_tree import BOOK, SUBMITTER, Tree

from submitter.checker import check
from submitter.checker.finding import Severity
from submitter.errors import InputError

REPOSITORY = Path(__file__).parents[2]
CHECKOUT = os.environ.get("MLCOMMONS_INFERENCE")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_mutation_is_found_and_costs_what_it_must(row: Row, tree: Tree) -> None:
    row.mutate(tree)
    report = tree.check()
    assert not report.crashed
    found = {
        rule: [f for f in report.findings if f.rule == rule and f.severity is not Severity.NOTE] for rule in row.rules
    }
    assert all(found.values()), report.findings
    findings = [finding for some in found.values() for finding in some]
    assert row.severity in {finding.severity for finding in findings}
    verdicts = {result.key.scenario: result.verdict for result in report.results}
    assert {scenario for scenario, verdict in verdicts.items() if verdict != "valid"} == set(row.costs)
    assert report.exit_code == (1 if row.severity is Severity.ERROR else 0)
    # What is wrong, where, who demands it, and how to fix it.
    for finding in findings:
        assert finding.path.startswith(f"closed/{SUBMITTER}")
        assert finding.message
        assert finding.source
        assert finding.hint or finding.required


def test_m8_nothing_to_judge_is_an_input_error(tree: Tree) -> None:
    with pytest.raises(InputError, match="does not exist"):
        check(tree.root / "closed" / "Acmee", BOOK)
    with pytest.raises(InputError) as error:
        check(tree.root, BOOK, submitters=["Acmee"])
    assert (error.value.exit_code, "Acme" in error.value.hint) == (2, True)


def test_m9_an_empty_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no submission"):
        check(tmp_path, BOOK)
    (tmp_path / "closed").mkdir()
    with pytest.raises(InputError, match="no result to check") as error:
        check(tmp_path, BOOK)
    assert error.value.exit_code == 2


def test_the_table_in_the_docs_is_this_one() -> None:
    text = (REPOSITORY / "docs" / "validity.md").read_text("utf-8")
    lines = re.findall(r"^\| (M\d+\w?) \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    reported = {row_id: (what, official, ours, rules) for row_id, what, official, ours, rules in lines}
    for row in ROWS:
        what, official, ours, rules = reported[row.id]
        assert (what, official) == (row.what, row.official)
        assert ours == (
            row.severity.value if row.costs or row.severity is not Severity.ERROR else "error, results stand"
        )
        assert tuple(rules.split(", ")) == row.rules
    assert reported.keys() == {row.id for row in ROWS} | {"M8", "M9"}


@pytest.mark.skipif(not CHECKOUT, reason="MLCOMMONS_INFERENCE names no checkout of mlcommons/inference")
def test_the_official_checker_says_what_the_table_says(tmp_path: Path) -> None:
    """All rows in one tree, each as a submitter of its own, and one untouched."""
    from submission_tree import write_tree

    whole = tmp_path / "whole"
    rows: list[Row | None] = [None, *ROWS]
    for row in rows:
        name = row.id if row else "M0"
        tree = write_tree(tmp_path / name)
        if row:
            row.mutate(tree)
        if tree.system_json().exists():
            tree.edit_json(tree.system_json(), submitter=name)
        (whole / "closed").mkdir(parents=True, exist_ok=True)
        tree.submitter.rename(whole / "closed" / name)
    side = REPOSITORY / "tests" / "helpers" / "official_side.py"
    done = subprocess.run(
        [sys.executable, str(side), f"{CHECKOUT}/tools/submission", "v6.1", str(whole)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    said = json.loads(done.stdout)
    verdicts = {name: _official_verdict(reported) for name, reported in said.items()}
    assert verdicts == {"M0": PASSES} | {row.id: row.official for row in ROWS}


def _official_verdict(reported: dict[str, object]) -> str:
    results = reported["results"]
    assert isinstance(results, dict)
    if reported["crash"]:
        return TRACEBACK
    there = {path.rpartition("/")[2] for path, metric in results.items() if metric}
    return PASSES if there >= set(BOTH) else REFUSES
