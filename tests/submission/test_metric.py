"""The figure of a result, as the official checker computes it, and when there is none."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from submission_tree import BOOK, Tree, write_tree

from submitter.model import Metric, Scenario
from submitter.rulebook import load_rulebook
from submitter.submission import Result, Unavailable, open_submission
from submitter.submission.metric import is_early_stopped, log_scenario, ran_scenario, result_metric, run_metric


def offline(tree: Tree) -> Result:
    return next(result for result in open_submission(tree.root, BOOK).results if result.key.scenario == "Offline")


def in_scenario(tree: Tree, name: str) -> Result:
    """Offline's result under another scenario's name."""
    tree.result().rename(tree.base / name)
    (found,) = [result for result in open_submission(tree.root, BOOK).results if result.key.scenario == name]
    return found


@pytest.fixture
def resnet(tmp_path: Path) -> Tree:
    """Of a benchmark that has all scenarios, one result."""
    return write_tree(tmp_path, "open", (Scenario.OFFLINE,), benchmark="resnet")


def test_the_figure_of_a_language_model_is_its_tokens(tree: Tree) -> None:
    figures = {result.key.scenario: result_metric(result, BOOK) for result in open_submission(tree.root, BOOK).results}
    assert figures == {
        "Offline": (Metric(61980.25, "Tokens/s"), False),
        "Server": (Metric(58520.5, "Tokens/s"), False),
    }


def test_the_figure_of_another_benchmark_is_its_scenarios(resnet: Tree) -> None:
    assert result_metric(offline(resnet), BOOK) == (Metric(210.5, "Samples/s"), False)


@pytest.mark.parametrize("entry", ["result_samples_per_second", "result_tokens_per_second"])
def test_a_result_needs_its_scenarios_figure_and_its_benchmarks(tree: Tree, entry: str) -> None:
    tree.set(tree.performance_log(), **{entry: None})
    (verdict,) = (found for found in tree.check(profile="official").results if found.key.scenario == "Offline")
    assert (verdict.verdict, verdict.metric) == ("invalid", None)
    with pytest.raises(Unavailable, match=entry):
        run_metric(offline(tree).performance, BOOK)


@pytest.mark.parametrize(
    ("folder", "ran", "entries", "value", "unit", "inferred"),
    [
        ("SingleStream", "SingleStream", {"early_stopping_latency_ss": 5e6}, 5.0, "Latency (ms)", False),
        ("MultiStream", "MultiStream", {"early_stopping_latency_ms": 7e6}, 7.0, "Latency (ms)", False),
        (
            "Offline",
            "SingleStream",
            {"early_stopping_latency_ss": 5e6, "result_qps_without_loadgen_overhead": 201.5},
            201.5,
            "Samples/s",
            True,
        ),
        (
            "Offline",
            "MultiStream",
            {"early_stopping_latency_ms": 7e6, "effective_samples_per_query": 8, "result_mean_query_latency_ns": 4e6},
            2000.0,
            "Samples/s",
            True,
        ),
        (
            "MultiStream",
            "SingleStream",
            {"early_stopping_latency_ss": 5e6, "early_stopping_latency_ms": 2e6},
            16.0,
            "Latency (ms)",
            True,
        ),
    ],
)
def test_a_figure_of_its_own_run_or_inferred_from_anothers(
    resnet: Tree, folder: str, ran: str, entries: dict[str, Any], value: float, unit: str, inferred: bool
) -> None:
    resnet.set(resnet.performance_log(), effective_scenario=ran, **entries)
    assert result_metric(in_scenario(resnet, folder), BOOK) == (Metric(value, unit), inferred)


def test_a_run_from_which_nothing_can_be_inferred_gives_its_own_figure(resnet: Tree) -> None:
    """That it is refused is a rule's matter."""
    assert result_metric(in_scenario(resnet, "SingleStream"), BOOK) == (Metric(210.5, "Latency (ms)"), False)


@pytest.mark.parametrize("latency_ns", [0, -1, "x", None])
def test_no_rate_without_a_latency(resnet: Tree, latency_ns: Any) -> None:
    entries = {"early_stopping_latency_ms": 7e6, "effective_samples_per_query": 8}
    resnet.set(
        resnet.performance_log(),
        effective_scenario="MultiStream",
        **entries,
        result_mean_query_latency_ns=latency_ns,
    )
    with pytest.raises(Unavailable, match="latency"):
        run_metric(offline(resnet).performance, BOOK)
    assert result_metric(offline(resnet), BOOK) == (None, False)


@pytest.mark.parametrize("name", ["offline", "", 5, None])
def test_a_log_of_no_scenario_of_loadgens_has_no_figure(tree: Tree, name: Any) -> None:
    tree.set(tree.performance_log(), effective_scenario=name)
    result = offline(tree)
    with pytest.raises(Unavailable, match="scenario"):
        ran_scenario(result.performance)
    assert result_metric(result, BOOK) == (None, False)


def test_a_scenario_that_the_round_does_not_have_has_no_figure(tmp_path: Path) -> None:
    write_tree(tmp_path, scenarios=(Scenario.INTERACTIVE,))
    book = load_rulebook("v4.1")
    assert Scenario.INTERACTIVE not in book.unit
    (result,) = open_submission(tmp_path, book).results
    with pytest.raises(Unavailable, match="Interactive"):
        run_metric(result.performance, book)


def test_a_folder_of_no_scenario_has_no_figure(tree: Tree) -> None:
    assert result_metric(in_scenario(tree, "Sever"), BOOK) == (None, False)


def test_a_servers_run_in_an_interactive_folder_is_held_to_interactives_limits(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, scenarios=(Scenario.OFFLINE, Scenario.INTERACTIVE))
    shutil.copytree(tree.result("Interactive"), tree.result("Server"))
    results = {result.scenario: result.performance for result in open_submission(tree.root, BOOK).results}
    assert results.keys() == {Scenario.OFFLINE, Scenario.SERVER, Scenario.INTERACTIVE}
    for scenario, run in results.items():
        assert ran_scenario(run) is Scenario(scenario.loadgen_name)
        assert log_scenario(run) is scenario


def test_early_stopping_is_for_all_but_offline() -> None:
    stopped = {scenario for scenario in Scenario if is_early_stopped(scenario)}
    assert stopped == {Scenario.SERVER, Scenario.SINGLE_STREAM, Scenario.MULTI_STREAM}
