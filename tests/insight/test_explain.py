"""`submitter explain` on real runs of LoadGen: what it says is what the logs and LoadGen's own lines say."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import near_limit
import pytest
import real_loadgen
from near_limit import Case
from submission_tree import BOOK, Tree, detail_log, log_text
from typer.testing import CliRunner

from submitter import cli, early_stopping
from submitter.errors import InputError
from submitter.insight.explain import Condition, Explanation, RoundRequirements, explain
from submitter.logs import read_detail
from submitter.model import Scenario

CASES = {
    # One more over the limit than allowed, in a run long enough for the others.
    "latency": Case("server", early_stopping.queries_needed(2, 0.99) - 5, 2, seed=1),
    "ttft": Case("ttft", early_stopping.queries_needed(3, 0.99) - 7, 3, seed=2),
    "tpot": Case("tpot", early_stopping.queries_needed(3, 0.99) - 7, 3, seed=3),
    "far over": Case("ttft", 700, 60, seed=4),
    "few": Case("single", 60, 0, seed=5),
    "multi": Case("multi", 663, 0, seed=6),
    "passed": Case("server", 700, 0, seed=7),
}
Runs = dict[str, Path]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("runs")
    made = dict(zip(CASES, near_limit.run(folder / "near", list(CASES.values())), strict=True))
    return made | {"Offline": real_loadgen.run(folder / "offline", "Offline")}


def explained(folder: Path, requirements: RoundRequirements | None = None) -> Explanation:
    return explain(read_detail(folder / "mlperf_log_detail.txt"), requirements)


def condition(explanation: Explanation, name: str) -> Condition:
    (found,) = [condition for condition in explanation.conditions if condition.name == name]
    return found


@pytest.mark.parametrize("name", [*CASES, "Offline"])
def test_the_verdict_and_the_conditions_are_loadgens(name: str, runs: Runs) -> None:
    explanation = explained(runs[name])
    summary = (runs[name] / "mlperf_log_summary.txt").read_text()
    assert f"Result is : {explanation.verdict}" in summary
    said = re.findall(r"^  (.+) satisfied ?: (\w+)", summary, re.MULTILINE)
    names = {"Min duration": "minimum duration", "Min queries": "minimum queries"}
    met = {names.get(name, name.lower()): word == "Yes" for name, word in said}
    if explanation.scenario == "Offline":
        del met["early stopping"]  # which Offline does not have
    assert {c.name: c.met for c in explanation.conditions} == met
    assert explanation.valid == all(met.values())


@pytest.mark.parametrize("name", ["latency", "ttft", "tpot"])
def test_how_many_more_queries_is_loadgens_number(name: str, runs: Runs) -> None:
    log, taken = read_detail(runs[name] / "mlperf_log_detail.txt"), near_limit.latencies_of(runs[name])
    failed = condition(explained(runs[name]), "early stopping")
    compared = 0
    for key, kind, latencies_ns, limit_ns in (
        ("early_stopping_result", "latency", taken.query, near_limit.LIMIT_NS),
        ("early_stopping_ttft_result", "TTFT", taken.first_token, near_limit.LIMIT_NS),
        ("early_stopping_tpot_result", "TPOT", taken.per_token, near_limit.TPOT_LIMIT_NS),
    ):
        more = re.search(r"at least (\d+) more queries", str(log[key]))
        if more:
            compared += 1
            assert any(line.startswith(f"{kind}: {int(more[1]):,} more queries, all within") for line in failed.advice)
            # LoadGen logs no such count for tokens: it follows from the number of queries that are missing.
            over = sum(latency_ns > limit_ns for latency_ns in latencies_ns)
            assert any(line.startswith(f"{kind}: {over} of ") for line in failed.figures)
    assert compared == 1


def test_a_run_far_over_its_limit_needs_less_load(runs: Runs) -> None:
    explanation = explained(runs["far over"])
    assert {c.name for c in explanation.failed} == {"performance constraints", "early stopping"}
    assert any("over" in line for line in condition(explanation, "performance constraints").figures)
    assert any("more queries alone do not help" in line for line in condition(explanation, "early stopping").advice)
    less, why = explanation.advice
    found = re.fullmatch(r"or about (\d+)% less target QPS: ([\d.,]+) instead of 2,500", less)
    assert found is not None
    assert 0 < int(found[1]) < 100
    assert why.startswith("TTFT: an estimate: latency is assumed")


def test_a_system_that_cannot_keep_up_gets_the_rate_that_it_completed(runs: Runs) -> None:
    log = read_detail(runs["far over"] / "mlperf_log_detail.txt")
    entries = {key: log[key] for key in log}
    entries["result_first_token_50.00_percentile_latency_ns"] = near_limit.LIMIT_NS * 2
    entries["result_completed_samples_per_sec"] = 1250.0
    less, why = explain(detail_log(**entries)).advice
    assert less == "or about 50% less target QPS: 1,250 instead of 2,500"
    assert "completed" in why


def test_too_few_queries_for_an_estimate(runs: Runs) -> None:
    failed = condition(explained(runs["few"]), "early stopping")
    assert not failed.met
    assert failed.advice[0].startswith("4 more queries")


@pytest.mark.parametrize("name", ["latency", "few", "Offline"])
def test_a_run_too_short_and_too_few(name: str, runs: Runs) -> None:
    log = read_detail(runs[name] / "mlperf_log_detail.txt")
    changed = {"result_min_duration_met": False, "result_min_queries_met": False, "result_validity": "INVALID"}
    entries = {key: log[key] for key in log} | changed
    entries |= {"effective_min_duration_ms": 600_000, "effective_min_query_count": 10_000}
    explanation = explain(detail_log(**entries))
    assert "too short" in condition(explanation, "minimum duration").figures[0]
    assert " more " in condition(explanation, "minimum duration").advice[0]
    assert "more queries" in condition(explanation, "minimum queries").advice[0]


def test_a_valid_run_over_the_rounds_own_limits_is_not_valid_here(runs: Runs) -> None:
    requirements = RoundRequirements(600_000, BOOK.benchmark("llama2-70b-99.9").token_latency[Scenario.INTERACTIVE])
    log = read_detail(runs["tpot"] / "mlperf_log_detail.txt")
    keys = {
        "result_validity": "VALID",
        "early_stopping_met": True,
        "result_time_per_output_token_99.00_percentile_ns": 10**9,
    }
    explanation = explain(detail_log(**{key: log[key] for key in log} | keys), requirements)
    assert {c.name for c in explanation.failed} == {"the round's duration", "the round's limits"}
    assert not explanation.valid


def cli_explain(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, ["explain", *arguments])


def test_the_command_on_a_log_folder(runs: Runs) -> None:
    done = cli_explain(str(runs["ttft"]))
    assert "LoadGen calls this Server run INVALID because of early stopping." in done.output
    assert "✗ early stopping" in done.output
    assert "What would pass:" in done.output
    content = json.loads(cli_explain(str(runs["ttft"]), "--format", "json").output)
    assert content["verdict"] == "INVALID"
    assert {c["name"]: c["met"] for c in content["conditions"]}["early stopping"] is False
    assert "What would pass" not in cli_explain(str(runs["passed"] / "mlperf_log_detail.txt")).output


def test_the_command_on_a_result_has_the_rounds_limits(tree: Tree) -> None:
    assert "the round's limits" in cli_explain(str(tree.result("Server"))).output


@pytest.mark.parametrize(
    ("entries", "reported"),
    [
        ({}, "has no verdict"),
        ({"effective_test_mode": "AccuracyOnly"}, "accuracy run"),
        ({"result_validity": 5}, "has no verdict"),
        ({"result_validity": "VALID", "effective_scenario": "Sever"}, "scenario"),
        ({"result_validity": "VALID"}, "scenario"),
    ],
)
def test_a_log_without_a_verdict_cannot_be_explained(entries: dict[str, Any], reported: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=reported):
        explain(detail_log(**entries))
    (tmp_path / "mlperf_log_detail.txt").write_text(log_text({"sut_name": "SUT"} | entries))
    done = cli_explain(str(tmp_path))
    assert isinstance(done.exception, InputError)
    assert reported in done.exception.message
    assert str(tmp_path) in done.exception.message


@pytest.mark.parametrize("name", ["ttft", "latency", "few", "multi", "Offline"])
def test_no_value_of_a_stranger_crashes_it(name: str, runs: Runs) -> None:
    dice = random.Random(3)
    values = ["x", None, True, [1], -1, 0, 1, 10**400, 10**11, 0.5, float("nan")]
    log = read_detail(runs[name] / "mlperf_log_detail.txt")
    entries = {key: log[key] for key in log}
    read = [key for key in entries if key.startswith(("result_", "effective_", "requested_", "early_", "generated_"))]
    # Without these two there is nothing to explain.
    undecided = [key for key in read if key not in ("result_validity", "effective_scenario")]
    assert len(undecided) > 50
    for key in undecided:
        explanation = explain(detail_log(**entries | {key: dice.choice(values)}))
        assert explanation.verdict == log["result_validity"]
        assert len(explanation.conditions) >= 2
