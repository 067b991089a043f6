"""CON: real logs of LoadGen agree with themselves; a changed figure of one does not."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import near_limit
import pytest
import real_loadgen
from damage import Damage, performance, system
from rule_cases import Case, cases
from submission_tree import Tree, write_tree

from submitter.checker import Report
from submitter.checker.finding import Finding
from submitter.logs import read_detail
from submitter.model import Scenario

_CLOCK = "%m-%d-%Y %H:%M:%S.%f"
RUNS = ("Offline", "Server", "single", "multi", "passed")


@cache
def real_runs() -> dict[str, Path]:
    """The folders of real runs, made once and removed when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="runs-"))
    atexit.register(shutil.rmtree, folder)
    near = [near_limit.Case(kind, 670, 0, seed=5) for kind in ("single", "multi")]
    single, multi, passed = near_limit.run(folder / "near", [*near, near_limit.Case("server", 700, 0, seed=5)])
    runs = {name: real_loadgen.run(folder / name, name, samples=2000) for name in ("Offline", "Server")}
    return runs | {"single": single, "multi": multi, "passed": passed}


class RealRun(Tree):
    """A valid tree with one of the real runs as its Server result, whatever it is: CON asks the log's own scenario.

    Only CON judges it, for the run's settings are no submission's.
    """

    def __init__(self, folder: Path, run: str) -> None:
        super().__init__(folder, write_tree(folder).division)
        self.log = self.performance_log("Server")
        for name in ("mlperf_log_detail.txt", "mlperf_log_summary.txt"):
            (self.log.parent / name).write_bytes((real_runs()[run] / name).read_bytes())

    def check(self, **options: Any) -> Report:
        return super().check(select=["CON"], **options)

    def change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Set the entries that `change` makes of all there are."""
        original = read_detail(self.log)
        self.set(self.log, **change({key: original[key] for key in original}))


def times(key: str, factor: float) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda log: {key: log[key] * factor}


# The rule, what is run, and which figure of its detail log is changed how.
CHANGES: list[tuple[str, str, Callable[[dict[str, Any]], dict[str, Any]]]] = [
    ("CON001", "Server", lambda _: {"result_first_token_99__00_percentile_latency_ns": 1}),
    ("CON001", "Server", lambda _: {"result_time_to_output_token_max": 1}),
    ("CON001", "Offline", lambda log: {"result_50__00_percentile_latency_ns": log["result_max_latency_ns"] + 1}),
    ("CON001", "multi", lambda _: {"result_99__00_percentile_per_query_latency_ns": 1}),
    ("CON001", "Server", lambda log: {"result_first_token_max_latency_ns": log["result_max_latency_ns"] + 1}),
    ("CON002", "Server", times("result_completed_tokens_per_second", 1.01)),
    ("CON002", "Server", times("result_completed_samples_per_sec", 3)),
    ("CON002", "Server", times("result_completed_samples_per_sec", 0.5)),
    ("CON002", "Server", lambda _: {"power_end": "11-22-2099 00:00:00.000"}),
    ("CON002", "Offline", times("result_samples_per_second", 1.1)),
    ("CON002", "Offline", times("result_max_latency_ns", 2)),
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
    ("CON004", "Server", times("effective_target_qps", 1.001)),
    ("CON004", "Offline", times("result_tokens_per_second", 1.001)),
    ("CON004", "multi", lambda _: {"result_99__00_percentile_per_query_latency_ns": 1}),
    ("CON005", "passed", times("effective_target_qps", 1.5)),
]
H200 = "NVIDIA H200-SXM-141GB"


def too_fast(tree: Tree) -> None:
    system(accelerator_model_name=H200)(tree)
    performance("Offline", result_tokens_per_second=28_900, result_samples_per_second=28_900 / 284)(tree)


FEWER_TOKENS: Damage = performance("Server", result_completed_tokens_per_second=29000)
CASES = [
    *(Case(rule, partial(RealRun, run=run), lambda tree, c=change: tree.change(c)) for rule, run, change in CHANGES),
    *cases(partial(write_tree, scenarios=(Scenario.OFFLINE,)), [("CON007", too_fast)]),
    *cases(write_tree, [("CON006", FEWER_TOKENS)]),
]


def found(tree: Tree) -> list[Finding]:
    return list(tree.check(select=["CON"]).findings)


@pytest.mark.parametrize("run", RUNS)
def test_a_real_run_agrees_with_itself(run: str, tmp_path: Path) -> None:
    # Ten tokens an answer are not what the tree's accuracy.txt has.
    assert {finding.rule for finding in RealRun(tmp_path, run).check().findings} <= {"CON006"}


@pytest.mark.parametrize("run", ["Offline", "Server"])
def test_an_hour_of_summer_time_is_not_a_contradiction(run: str, tmp_path: Path) -> None:
    tree = RealRun(tmp_path, run)
    earlier = datetime.strptime(str(read_detail(tree.log)["power_begin"]), _CLOCK) - timedelta(hours=1)
    tree.set(tree.log, power_begin=earlier.strftime(_CLOCK)[:-3])
    assert "CON002" not in {finding.rule for finding in tree.check().findings}


def test_a_summary_of_another_run_is_found(tmp_path: Path) -> None:
    tree = RealRun(tmp_path, "Server")
    summary = tree.log.parent / "mlperf_log_summary.txt"
    summary.write_bytes((real_runs()["passed"] / summary.name).read_bytes())
    named = {finding.path.rpartition("/")[2] for finding in tree.check().findings if finding.rule == "CON004"}
    assert named == {summary.name}


def test_shorter_answers_than_the_scored_are_worth_a_warning(tree: Tree) -> None:
    FEWER_TOKENS(tree)
    assert [(finding.rule, finding.severity) for finding in found(tree)] == [("CON006", "warning")]


@pytest.mark.parametrize("value", ["x", None, True, [1], {"a": 1}, -1, 0, 10**400, float("nan")])
@pytest.mark.parametrize("run", RUNS)
def test_no_value_of_a_stranger_crashes_a_rule(run: str, value: Any, tmp_path: Path) -> None:
    tree = RealRun(tmp_path, run)
    keys = [key for key in read_detail(tree.log) if key.startswith(("result_", "effective_", "requested_", "early_"))]
    tree.set(tree.log, **{key.replace(".", "__"): value for key in keys if key != "effective_scenario"})
    assert tree.check().crashed == ()


@pytest.mark.parametrize(
    ("description", "rate", "expected"),
    [
        ({"accelerator_model_name": H200}, 28_800, 0),
        ({"accelerator_model_name": H200}, 28_900, 1),
        ({"accelerator_model_name": H200, "number_of_nodes": 2}, 28_900, 0),
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
    system(**description)(tree)
    performance("Offline", result_tokens_per_second=rate, result_samples_per_second=rate / 284)(tree)
    assert [f.severity for f in found(tree) if f.rule == "CON007"] == ["warning"] * expected


def test_an_open_system_may_run_a_smaller_model(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open")
    system(accelerator_model_name=H200)(tree)
    performance("Offline", result_tokens_per_second=10**6, result_samples_per_second=10**6 / 284)(tree)
    assert found(tree) == []
