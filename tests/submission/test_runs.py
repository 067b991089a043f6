"""LoadGen's runs of a result: what a log holds under a key, the score, and the answers of a compliance test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from submission_tree import ANSWERS, BOOK, EOS, Tree, answer, answers

from submitter.model import Scenario
from submitter.submission import Result, Unavailable, open_submission
from submitter.submission.files import Unreadable
from submitter.submission.runs import ComplianceRun, Run

NO_NUMBERS = ["5", True, None, [], {}, float("nan"), float("inf"), 10**400]


def server(tree: Tree) -> Result:
    return next(result for result in open_submission(tree.root, BOOK).results if result.key.scenario == "Server")


def run_with(tree: Tree, value: Any) -> Run:
    tree.set(tree.performance_log("Server"), odd=value)
    return server(tree).performance


# The detail log


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_number_is_a_finite_one(tree: Tree, value: Any) -> None:
    with pytest.raises(Unavailable, match=r"no number .*'odd'") as error:
        run_with(tree, value).number("odd")
    assert error.value.path.endswith("Server/performance/run_1/mlperf_log_detail.txt")


@pytest.mark.parametrize(("value", "figure"), [(5, 5), ("5", 5), ("5e3", 5000), (True, 1), ("nan", None), ("1_0", 10)])
def test_a_figure_is_what_python_makes_a_number_of(tree: Tree, value: Any, figure: float | None) -> None:
    found = run_with(tree, value).figure("odd")
    assert found == figure if figure is not None else found != found


@pytest.mark.parametrize("value", ["five", "", None, [], float("inf")])
def test_of_the_rest_there_is_no_figure(tree: Tree, value: Any) -> None:
    with pytest.raises(Unavailable, match=r"no number .*'odd'"):
        run_with(tree, value).figure("odd")


@pytest.mark.parametrize("value", [5, None, True, ["a"]])
def test_a_text_is_a_text(tree: Tree, value: Any) -> None:
    assert run_with(tree, "a").text("odd") == "a"
    with pytest.raises(Unavailable, match=r"no text .*'odd'"):
        run_with(tree, value).text("odd")


@pytest.mark.parametrize("value", [1, "true", None])
def test_a_flag_is_true_or_false(tree: Tree, value: Any) -> None:
    assert run_with(tree, False).flag("odd") is False
    with pytest.raises(Unavailable, match=r"no true or false .*'odd'"):
        run_with(tree, value).flag("odd")


def test_an_entry_has_its_line(tree: Tree) -> None:
    run = run_with(tree, 5)
    lines = tree.performance_log("Server").read_text().splitlines()
    assert run.line("odd") == len(lines)
    assert run.line("missing") is None


@pytest.mark.parametrize("content", [b"\xff", b":::MLLOG {", b':::MLLOG {"key": 1}\n'])
def test_what_is_not_a_log_is_unreadable(tree: Tree, content: bytes) -> None:
    tree.performance_log("Server").write_bytes(content)
    run = server(tree).performance
    for _ in range(2):  # the reason is remembered
        with pytest.raises(Unreadable) as error:
            _ = run.log
        assert error.value.path == str(run.detail_path)


@pytest.mark.parametrize("content", ["", "text\n"])
def test_a_text_without_an_entry_is_an_empty_log(tree: Tree, content: str) -> None:
    tree.performance_log("Server").write_text(content)
    run = server(tree).performance
    assert list(run.log) == []
    with pytest.raises(Unavailable, match=r"no number .*'result_query_count'"):
        run.number("result_query_count")


def test_a_missing_log_is_missing_and_not_unreadable(tree: Tree) -> None:
    tree.performance_log("Server").unlink()
    with pytest.raises(Unavailable, match="is missing") as error:
        _ = server(tree).performance.log
    assert type(error.value) is Unavailable


def test_a_log_is_read_once(tree: Tree) -> None:
    run = server(tree).performance
    assert run.log is run.log
    tree.performance_log("Server").unlink()
    assert run.text("effective_scenario") == "Server"


# The accuracy run


def test_the_score_is_read_by_the_rounds_targets(tree: Tree) -> None:
    run = server(tree).accuracy
    assert {reading.metric for reading in run.score.readings} == set(BOOK.benchmark(tree.benchmark).accuracy)
    assert run.score.hash is not None
    assert run.answers_path.name == "mlperf_log_accuracy.json"


def test_without_a_benchmark_of_the_round_nothing_says_which_metrics_count(tree: Tree) -> None:
    tree.base.rename(tree.base.parent / "mine")
    run = server(tree).accuracy
    assert "rouge1" in run.score_text
    with pytest.raises(Unavailable, match="mine"):
        _ = run.score


def test_a_score_in_another_encoding_is_unreadable(tree: Tree) -> None:
    (tree.accuracy("Server") / "accuracy.txt").write_bytes(b"\xff")
    with pytest.raises(Unreadable, match="not UTF-8"):
        _ = server(tree).accuracy.score


# A compliance test


def audit(tree: Tree) -> ComplianceRun:
    return server(tree).compliance["TEST06"]


def answers_path(tree: Tree) -> Path:
    return tree.result("Server") / "TEST06" / "accuracy" / "mlperf_log_accuracy.json"


def test_a_test_has_three_folders(tree: Tree) -> None:
    run, result = audit(tree), server(tree)
    assert run.folder == result.path / "TEST06"
    assert run.path == run.folder / "performance" / "run_1"
    assert run.accuracy_folder == run.folder / "accuracy"
    assert "EOS check pass" in run.text_of("verify_accuracy.txt")
    with pytest.raises(Unavailable, match="is missing"):
        run.text_of("verify_performance.txt")


def test_only_folders_named_like_tests_are_tests(tree: Tree) -> None:
    for name in ("test01", "TEST99", "other"):
        (tree.result("Server") / name).mkdir()
    assert set(server(tree).compliance) == {"TEST06", "TEST99", "test01"}


def test_its_answers_are_loadgens_or_of_any_json(tree: Tree) -> None:
    read = audit(tree).answers
    assert len(read) == ANSWERS
    assert audit(tree).files.opened == set()
    path = answers_path(tree)
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert audit(tree).answers == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "[5]",
        '[{"qsl_idx": 1}]',
        '[{"qsl_idx": 1, "data": "xyz"}]',
        '[{"qsl_idx": 1, "data": 5}]',
        '[{"qsl_idx": "one", "data": "00"}]',
        '[{"qsl_idx": 1e999, "data": "00"}]',
        '[{"qsl_idx": 1, "data": "00", "token_count": []}]',
        "[" * 100_000,
    ],
)
def test_answers_that_cannot_be_read(tree: Tree, text: str) -> None:
    answers_path(tree).write_text(text)
    with pytest.raises(Unreadable, match="cannot be read") as error:
        _ = audit(tree).answers
    assert error.value.path.endswith("TEST06/accuracy/mlperf_log_accuracy.json")


@pytest.mark.parametrize("text", ["[]", "{}", "[\n]\n"])
def test_no_answers_are_none_and_no_error(tree: Tree, text: str) -> None:
    answers_path(tree).write_text(text)
    assert audit(tree).answers == []


def test_a_log_cut_in_the_middle_cannot_be_read(tree: Tree) -> None:
    whole = answers([answer(index, [5, EOS], Scenario.SERVER) for index in range(50)])
    answers_path(tree).write_text(whole[:500])
    with pytest.raises(Unreadable):
        _ = audit(tree).answers


def test_answers_too_large_for_a_test_are_not_read(tree: Tree) -> None:
    with answers_path(tree).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(Unreadable, match="too large"):
        _ = audit(tree).answers


def test_missing_answers_are_missing(tree: Tree) -> None:
    answers_path(tree).unlink()
    with pytest.raises(Unavailable, match="is missing"):
        _ = audit(tree).answers
