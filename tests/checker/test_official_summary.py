"""What a row of the official summary tells of a result, whatever its files hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from reports import report_of, verdict_of
from result_tree import HASH, SCORE, ResultTree
from submission_tree import BOOK, SYSTEM, Tree

from submitter.checker.official_summary import summary_row
from submitter.checker.reporters import csv as csv_report
from submitter.submission import open_submission


def summary_of(tree: Tree) -> dict[str, str]:
    read = open_submission(tree.root, BOOK)
    (system,) = read.submitters[0].systems
    return summary_row(system.benchmarks[0].results[0], BOOK)


@pytest.mark.parametrize(
    "value", [None, 7, 1.5, True, [], {}, ["x"], {"a": {"b": 1}}, "x" * 100_000, "\ud800", int("9" * 4000)]
)
def test_a_row_is_made_of_whatever_a_description_holds(tree: Tree, value: object) -> None:
    names = ("status", "number_of_nodes", "accelerators_per_node", "hw_notes", "sw_notes", "framework", "system_name")
    content = json.loads(tree.system_json().read_text())
    tree.system_json().write_text(json.dumps(content | dict.fromkeys(names, value)))
    row = summary_of(tree)
    assert all(isinstance(text, str) and len(text) < 70_000 for text in row.values())
    csv_report.render(report_of([verdict_of(row=row)], []), colour=False).encode()


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"{", b"[]", b'"text"', b"[" * 100_000])
def test_a_row_is_made_of_whatever_is_left_of_the_files(tree: Tree, damage: bytes) -> None:
    for path in (
        tree.system_json(),
        tree.result() / "measurements.json",
        tree.accuracy() / "accuracy.txt",
        tree.performance_log(),
    ):
        path.write_bytes(damage)
    row = summary_of(tree)
    assert row["Platform"] == SYSTEM
    assert row["framework"] == ""
    assert row["weight_data_types"] == ""
    assert row["Accuracy"] == ""


@pytest.mark.parametrize(
    ("round_name", "benchmark", "score", "column"),
    [
        ("v4.1", "resnet", SCORE, "76.456"),
        ("v4.1", "resnet", "", "None"),
        ("v5.1", "resnet", SCORE, "acc: 76.456"),
        ("v6.1", "resnet", "", ""),
        (
            "v5.1",
            "llama2-70b-99",
            "{'rouge1': 44.50, 'rouge2': 22.1, 'rougeL': 28.9, 'tokens_per_sample': 284.2}\n",
            "ROUGE1: 44.50  ROUGE2: 22.1  ROUGEL: 28.9  TOKENS_PER_SAMPLE: 284.2",
        ),
        ("v4.1", "llama2-70b-99", "{'rouge1': 44.50, 'rouge2': 22.1}\n", "44.50"),
        ("v6.1", "gpt-oss-120b", "{'exact_match': 83.4, 'tokens_per_sample': 12.0}\n", "exact_match: 83.4"),
        ("v6.1", "no-such-model", SCORE, ""),
    ],
)
def test_the_column_of_the_summary(tmp_path: Path, round_name: str, benchmark: str, score: str, column: str) -> None:
    made = ResultTree(tmp_path, round_name, benchmark=benchmark)
    made.score.write_text(score + HASH)
    (result,) = open_submission(tmp_path, made.book).results
    assert summary_row(result, made.book)["Accuracy"] == column


@pytest.mark.parametrize(
    ("benchmark", "shown"),
    [
        ("qwen3-vl-235b-a22b", "VLM"),
        ("wan-2.2-t2v-a14b", "text_to_video"),
        ("qwen3.6-27b", "agentic edge"),
        ("e2e-rag-db", "end to end vector-database"),
        ("e2e-rag-qna", "end to end question-answering"),
        ("llama3.1-8b", "llama3.1-8b"),
    ],
)
def test_v6_1_has_the_names_of_the_published_table(tmp_path: Path, benchmark: str, shown: str) -> None:
    made = ResultTree(tmp_path, "v6.1", benchmark=benchmark)
    (result,) = open_submission(tmp_path, made.book).results
    row = summary_row(result, made.book)
    assert (row["Model"], row["MlperfModel"]) == (benchmark, shown)


@pytest.mark.parametrize(("round_name", "shown"), [("v6.0", ""), ("v6.1", "None")])
def test_without_power_the_design_power_is_what_the_official_checker_writes(
    tmp_path: Path, round_name: str, shown: str
) -> None:
    made = ResultTree(tmp_path, round_name)
    (result,) = open_submission(tmp_path, made.book).results
    assert summary_row(result, made.book)["design_power_watts"] == shown
