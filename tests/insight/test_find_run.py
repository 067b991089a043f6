"""Which run someone means, and what is known of it: LoadGen's logs, a run of the harness, or a submission's result."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from manifest_tree import record_of
from submission_tree import BOOK, Tree

from submitter.errors import InputError
from submitter.insight.find_run import find_run
from submitter.model import Mode, Scenario
from submitter.record import RECORD
from submitter.rulebook import load_rulebook

LOG = "mlperf_log_detail.txt"


def loose(tree: Tree, tmp_path: Path) -> Path:
    """A folder with LoadGen's logs of Server, outside any submission."""
    folder = tmp_path / "runs" / "performance"
    shutil.copytree(tree.performance_log("Server").parent, folder)
    return folder


def test_a_folder_of_logs_is_a_run_of_which_nothing_else_is_known(tree: Tree, tmp_path: Path) -> None:
    folder = loose(tree, tmp_path)
    for path in (folder, folder / LOG):
        found = find_run(path)
        assert (found.folder, found.about, found.requirements) == (folder, "", None)
        assert found.log["effective_scenario"] == "Server"


def test_a_result_of_a_tree_has_the_rounds_limits(tree: Tree) -> None:
    run = tree.performance_log("Server").parent
    for path in (tree.result("Server"), tree.result("Server") / "performance", run, run / LOG):
        found = find_run(path)
        assert found.folder == run
        assert found.about == f"closed/Acme/results/2xH200/{tree.benchmark}/Server, round {BOOK.name}"
        assert found.requirements is not None
        assert found.requirements.token_latency == BOOK.benchmark(tree.benchmark).token_latency[Scenario.SERVER]
        assert found.requirements.min_duration_ms == BOOK.min_duration_ms(tree.benchmark)


def test_another_round_may_be_named(tree: Tree) -> None:
    found = find_run(tree.result("Server"), "v5.0")
    assert found.about.endswith("round v5.0")
    assert found.requirements is not None
    limits = load_rulebook("v5.0").benchmark(tree.benchmark).token_latency[Scenario.SERVER]
    assert found.requirements.token_latency == limits
    with pytest.raises(InputError, match=r"unknown round 'v5\.O'"):
        find_run(tree.result("Server"), "v5.O")


def test_an_audits_run_in_a_result_is_that_run(tree: Tree) -> None:
    run = tree.result("Server") / "TEST06" / "performance" / "run_1"
    assert find_run(run).folder == run


def test_a_result_of_a_benchmark_that_the_round_does_not_have_has_no_limits(tree: Tree) -> None:
    tree.base.rename(tree.base.parent / "mine")
    found = find_run(tree.base.parent / "mine" / "Server")
    assert found.about.endswith(f"/mine/Server, round {BOOK.name}")
    assert found.requirements is None


def test_a_record_tells_of_a_run_of_the_harness(tree: Tree, tmp_path: Path) -> None:
    folder = loose(tree, tmp_path)
    record = record_of(tree, Scenario.SERVER, Mode.PERFORMANCE)
    (folder / RECORD).write_text(record.model_dump_json())
    found = find_run(folder)
    assert found.about == f"{tree.benchmark}, Server, performance run, round v6.1"
    assert found.requirements is not None
    assert found.requirements.token_latency == BOOK.benchmark(tree.benchmark).token_latency[Scenario.SERVER]
    assert find_run(folder, "v5.1").about.endswith("round v5.1")
    (folder / RECORD).write_text("{}")
    with pytest.raises(InputError, match="record"):
        find_run(folder)


def test_of_several_results_one_must_be_named(tree: Tree) -> None:
    for given in (tree.base, tree.submitter / "results"):
        with pytest.raises(InputError, match="holds 2 results") as error:
            find_run(given)
        named = error.value.hint.removeprefix("give one: ").split(", ")
        assert [find_run(Path(folder)).about for folder in named] == [
            find_run(tree.base / s).about for s in ("Offline", "Server")
        ]


def test_a_folder_above_runs_names_some_of_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"holds no {LOG}") as error:
        find_run(tmp_path)
    assert error.value.hint == "give a folder with LoadGen's logs, or a result"
    run = tmp_path / "my system/Offline/performance"
    run.mkdir(parents=True)
    (run / LOG).touch()
    with pytest.raises(InputError, match=f"holds no {LOG}") as error:
        find_run(tmp_path)
    assert error.value.hint == f"give the folder of one run, such as '{run}'"


@pytest.mark.parametrize(
    ("name", "reported"),
    [
        ("nothing", "does not exist"),
        ("a file", "folder"),
        ("empty", f"holds no {LOG}"),
        ("noise", "LoadGen"),
        ("link", "symbolic link"),
        ("folder", "is a folder"),
    ],
)
def test_bad_input_gets_one_clear_line(name: str, reported: str, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("x")
    for folder in ("empty", "noise", "link", "folder"):
        (tmp_path / folder).mkdir()
    (tmp_path / "noise" / LOG).write_text("\0\xff")
    (tmp_path / "link" / LOG).symlink_to("/etc/hostname")
    (tmp_path / "folder" / LOG).mkdir()
    with pytest.raises(InputError, match=reported) as error:
        find_run(tmp_path / name)
    assert str(tmp_path / name) in error.value.message
    assert "\n" not in error.value.message


def test_a_result_without_its_log_says_which_is_missing(tree: Tree) -> None:
    tree.performance_log("Server").unlink()
    with pytest.raises(InputError, match=r"run_1/mlperf_log_detail\.txt is missing"):
        find_run(tree.result("Server"))
