"""CON: real logs of LoadGen agree with themselves; a changed figure of one does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import near_limit
import pytest
import real_loadgen
from submission_tree import Tree, write_tree

from submitter.checker.finding import Finding
from submitter.logs import read_detail
from submitter.model import Scenario

_CLOCK = "%m-%d-%Y %H:%M:%S.%f"
Logs = dict[str, Path]
Change = Callable[[dict[str, Any]], dict[str, Any]]
# What is run, and which figure of its detail log is changed how.
CASES: list[tuple[str, str, Change]] = [
    ("CON001", "Server", lambda _: {"result_first_token_99__00_percentile_latency_ns": 1}),
    ("CON001", "Server", lambda _: {"result_time_to_output_token_max": 1}),
    ("CON001", "Offline", lambda log: {"result_50__00_percentile_latency_ns": log["result_max_latency_ns"] + 1}),
    ("CON001", "multi", lambda _: {"result_99__00_percentile_per_query_latency_ns": 1}),
    ("CON001", "Server", lambda log: {"result_first_token_max_latency_ns": log["result_max_latency_ns"] + 1}),
    ("CON002", "Server", lambda log: _times(log, "result_completed_tokens_per_second", 1.01)),
    ("CON002", "Server", lambda log: _times(log, "result_completed_samples_per_sec", 3)),
    ("CON002", "Server", lambda log: _times(log, "result_completed_samples_per_sec", 0.5)),
    ("CON002", "Server", lambda _: {"power_end": "11-22-2099 00:00:00.000"}),
    ("CON002", "Offline", lambda log: _times(log, "result_samples_per_second", 1.1)),
    ("CON002", "Offline", lambda log: _times(log, "result_max_latency_ns", 2)),
    ("CON002", "single", lambda _: {"result_qps_without_loadgen_overhead": 1e6}),
    ("CON003", "Server", lambda _: {"effective_min_duration_ms": 600_000}),
    ("CON003", "single", lambda _: {"effective_min_duration_ms": 600_000}),
    ("CON003", "Offline", lambda _: {"effective_min_duration_ms": 600_000, "result_min_duration_met": True}),
    ("CON003", "Server", lambda _: {"effective_min_query_count": 10**6}),
    ("CON003", "passed", lambda _: {"effective_target_latency_ns": 1000}),
    ("CON003", "passed", lambda _: {"result_overlatency_query_count": 12}),
    ("CON003", "Server", lambda _: {"requested_server_tpot_latency": 1}),
    ("CON003", "single", lambda _: {"early_stopping_latency_ss": 1}),
    ("CON004", "Server", lambda _: {"result_time_per_output_token_99__00_percentile_ns": 1}),
    ("CON004", "Server", lambda log: _times(log, "effective_target_qps", 1.001)),
    ("CON004", "Offline", lambda log: _times(log, "result_tokens_per_second", 1.001)),
    ("CON004", "multi", lambda _: {"result_99__00_percentile_per_query_latency_ns": 1}),
    ("CON005", "passed", lambda log: _times(log, "effective_target_qps", 1.5)),
]
COVERED = {rule for rule, _, _ in CASES} | {"CON006", "CON007"}


def _times(log: dict[str, Any], key: str, factor: float) -> dict[str, Any]:
    return {key: log[key] * factor}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Logs:
    """Folders of real runs."""
    folder = tmp_path_factory.mktemp("runs")
    cases = [
        near_limit.Case(kind, 700, 0, seed=5) if kind == "server" else near_limit.Case(kind, 670, 0, seed=5)
        for kind in ("single", "multi", "server")
    ]
    single, multi, passed = near_limit.run(folder / "near", cases)
    runs = {name: real_loadgen.run(folder / name, name, samples=2000) for name in ("Offline", "Server")}
    return runs | {"single": single, "multi": multi, "passed": passed}


def put(tree: Tree, run: Path) -> Path:
    """Make the run the tree's Server result, whatever it is: CON asks the log's own scenario."""
    for name in ("mlperf_log_detail.txt", "mlperf_log_summary.txt"):
        (tree.performance_log("Server").parent / name).write_bytes((run / name).read_bytes())
    return tree.performance_log("Server")


def found(tree: Tree) -> list[Finding]:
    report = tree.check(select=["CON"])
    assert not report.crashed, report.findings
    return list(report.findings)


@pytest.mark.parametrize("run", ["Offline", "Server", "single", "multi", "passed"])
def test_a_real_run_agrees_with_itself(run: str, logs: Logs, tree: Tree) -> None:
    tree.set(put(tree, logs[run]))
    # Ten tokens an answer are not what the tree's accuracy.txt has.
    assert {finding.rule for finding in found(tree)} <= {"CON006"}


@pytest.mark.parametrize(
    ("rule", "run", "change"), CASES, ids=[f"{r}-{run}-{n}" for n, (r, run, _) in enumerate(CASES)]
)
def test_a_changed_figure_is_found(rule: str, run: str, change: Change, logs: Logs, tree: Tree) -> None:
    log = put(tree, logs[run])
    original = read_detail(log)
    tree.set(log, **change({key: original[key] for key in original}))
    (finding, *_) = [finding for finding in found(tree) if finding.rule == rule]
    assert finding.severity == "error"
    assert finding.found != finding.required


@pytest.mark.parametrize("run", ["Offline", "Server"])
def test_an_hour_of_summer_time_is_no_contradiction(run: str, logs: Logs, tree: Tree) -> None:
    log = put(tree, logs[run])
    begin = str(read_detail(log)["power_begin"])
    earlier = datetime.strptime(begin, _CLOCK) - timedelta(hours=1)
    tree.set(log, power_begin=earlier.strftime(_CLOCK)[:-3])
    assert not [finding for finding in found(tree) if finding.rule == "CON002"]


def test_a_summary_of_another_run_is_found(logs: Logs, tree: Tree) -> None:
    put(tree, logs["Server"])
    summary = tree.performance_log("Server").parent / "mlperf_log_summary.txt"
    summary.write_bytes((logs["passed"] / "mlperf_log_summary.txt").read_bytes())
    assert {finding.path.rpartition("/")[2] for finding in found(tree) if finding.rule == "CON004"} == {summary.name}


def test_shorter_answers_than_the_scored_are_found(tree: Tree) -> None:
    assert not found(tree)
    tree.set(tree.performance_log("Server"), result_completed_tokens_per_second=29000)
    assert [(finding.rule, finding.severity) for finding in found(tree)] == [("CON006", "warning")]


@pytest.mark.parametrize("value", ["x", None, True, [1], {"a": 1}, -1, 0, 10**400, float("nan")])
def test_no_value_of_a_stranger_crashes_a_rule(value: Any, logs: Logs, tree: Tree) -> None:
    for run in ("Server", "Offline", "single", "multi", "passed"):
        log = put(tree, logs[run])
        keys = [key for key in read_detail(log) if key.startswith(("result_", "effective_", "requested_", "early_"))]
        tree.set(log, **{key.replace(".", "__"): value for key in keys if key != "effective_scenario"})
        found(tree)


@pytest.mark.parametrize(
    ("description", "rate", "expected"),
    [
        ({"accelerator_model_name": "NVIDIA H200-SXM-141GB"}, 28_800, 0),
        ({"accelerator_model_name": "NVIDIA H200-SXM-141GB"}, 28_900, 1),
        ({"accelerator_model_name": "NVIDIA H200-SXM-141GB", "number_of_nodes": 2}, 28_900, 0),
        ({"accelerator_model_name": "NVIDIA H200 and NVIDIA L4"}, 28_900, 0),
        ({"accelerator_model_name": "TPU v6"}, 28_900, 0),
        ({"accelerator_model_name": "AMD Instinct MI355X 288GB HBM3e", "accelerators_per_node": "two"}, 10**9, 0),
        ({"accelerator_model_name": "AMD Instinct MI355X 288GB HBM3e"}, 147_100, 1),
        ({"accelerator_model_name": ["NVIDIA H200"]}, 10**9, 0),
    ],
)
def test_more_tokens_than_the_hardware_can_do(
    description: dict[str, Any], rate: float, expected: int, tmp_path: Path
) -> None:
    """Two H200: 2 x 1979e12 / (2 x 68.7e9) = 28,807 tokens a second. Two MI355X: 147,016."""
    tree = write_tree(tmp_path, scenarios=(Scenario.OFFLINE,))
    tree.edit_json(tree.system_json(), **description)
    tree.set(tree.performance_log(), result_tokens_per_second=rate, result_samples_per_second=rate / 284)
    assert [f.severity for f in found(tree) if f.rule == "CON007"] == ["warning"] * expected


def test_an_open_system_may_run_a_smaller_model(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open")
    tree.edit_json(tree.system_json(), accelerator_model_name="NVIDIA H200-SXM-141GB")
    tree.set(tree.performance_log(), result_tokens_per_second=10**6, result_samples_per_second=10**6 / 284)
    assert not found(tree)
