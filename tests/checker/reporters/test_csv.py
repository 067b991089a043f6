"""The official summary.csv: a row a figure, and no text that can break it."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from reports import HOSTILE, report_of, verdict_of
from submission_tree import SYSTEM, Tree, write_tree

from submitter.checker import check
from submitter.checker.finding import Report
from submitter.checker.reporters import csv as csv_report
from submitter.model import Metric, Scenario
from submitter.rulebook import load_rulebook, round_names


def rows(report: Report) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(csv_report.render(report, colour=False), newline=""), strict=True)
    assert tuple(reader.fieldnames or ()) == load_rulebook(report.round).summary.columns
    read = list(reader)
    assert all(None not in row and None not in row.values() for row in read)
    return read


def describe(tree: Tree, **fields: Any) -> None:
    tree.edit_json(tree.system_json(), **fields)


def test_a_row_tells_system_figure_and_accuracy(tree: Tree) -> None:
    describe(
        tree,
        hw_notes="cooled, by water",
        sw_notes='the "fast" build',
        number_of_nodes="2",
        accelerators_per_node="8",
        host_processor_core_count=48,
    )
    offline, server = rows(tree.check())
    expected = {
        "Organization": "Acme",
        "Availability": "available",
        "Division": "closed",
        "SystemType": "datacenter",
        "SystemName": "two H200",
        "Platform": SYSTEM,
        "Model": "llama2-70b-99.9",
        "MlperfModel": "llama2-70b-99.9",
        "Scenario": "Offline",
        "Result": "61980.25",
        "Accuracy": "ROUGE1: 44.4495  ROUGE2: 22.0868  ROUGEL: 28.8592  TOKENS_PER_SAMPLE: 284.2",
        "number_of_nodes": "2",
        "host_processor_core_count": "48",
        "accelerators_per_node": "8",
        "total_accelerators": "16",
        "Location": f"closed/Acme/results/{SYSTEM}/llama2-70b-99.9/Offline/performance/run_1",
        "notes": 'cooled, by water. the "fast" build',
        "compliance": "closed",
        "errors": "0",
        "version": "v6.1",
        "inferred": "0",
        "has_power": "False",
        "Units": "Tokens/s",
        "weight_data_types": "fp8",
        "design_power_watts": "None",
        "PrivateID": "",
    }
    assert {column: offline[column] for column in expected} == expected
    assert (server["Scenario"], server["Result"], server["Units"]) == ("Server", "58520.5", "Tokens/s")


def test_only_valid_results_have_rows(tree: Tree) -> None:
    tree.set(tree.performance_log(), effective_qsl_rng_seed=1)
    assert [row["Scenario"] for row in rows(tree.check())] == ["Server"]


def test_interactive_counts_as_inferred_as_the_official_checker_has_it(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, scenarios=(Scenario.OFFLINE, Scenario.INTERACTIVE))
    report = tree.check()
    assert {row["Scenario"]: row["inferred"] for row in rows(report)} == {"Offline": "0", "Interactive": "1"}
    assert not any(result.inferred for result in report.results)


def test_measured_power_has_a_row_of_its_own() -> None:
    powered = verdict_of(power=Metric(4613.619383259915, "Watts"), row={"Organization": "Acme"})
    reported = [(row["Result"], row["Units"], row["has_power"]) for row in rows(report_of([powered], []))]
    assert reported == [("100.0", "Samples/s", "True"), ("4613.619383259915", "Watts", "True")]
    alone = dataclasses.replace(powered, row={"power_alone": "1"})
    assert [row["Units"] for row in rows(report_of([alone], []))] == ["Watts"]


@pytest.mark.parametrize("round_name", round_names())
def test_a_report_without_results_is_its_head(round_name: str) -> None:
    report = dataclasses.replace(report_of([], []), round=round_name)
    (head,) = csv_report.render(report, colour=False).splitlines()
    assert head.startswith("Organization,Availability,Division,SystemType,SystemName,Platform,Model,MlperfModel,")
    assert ("weight_data_types" in head) == (round_name != "v4.1")
    assert ("total_accelerators" in head) == (round_name >= "v6")


def test_strangers_text_stays_in_its_cell() -> None:
    texts = {"Organization": HOSTILE, "notes": 'a "quote", a comma\nand a line', "framework": "plain"}
    (row,) = rows(report_of([verdict_of(row=texts)], []))
    assert row["notes"] == texts["notes"]
    assert row["framework"] == "plain"
    assert row["Units"] == "Samples/s"
    assert row["Organization"].startswith("'=a|b`c``d<script>")


@pytest.mark.parametrize("text", ["=1+1", "+SUM(A1)", "-cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    (row,) = rows(report_of([verdict_of(row={"notes": text})], []))
    assert row["notes"] == "'" + text.replace("\r", "\n")


@pytest.mark.parametrize("text", ["-5", "+1.5e3", "a=b", "1-1", ""])
def test_numbers_and_plain_text_stay_as_they_are(text: str) -> None:
    (row,) = rows(report_of([verdict_of(row={"notes": text})], []))
    assert row["notes"] == text


def test_a_check_of_an_older_round_has_its_columns(tree: Tree) -> None:
    report = check(tree.root, load_rulebook("v5.1"))
    assert rows(report) == []
