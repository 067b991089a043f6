"""EPT: what a result of mlcommons/endpoints must have, and what is special to these results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from endpoints_cases import CASES as EDITS
from endpoints_cases import EDGE, HARMLESS, HOSTILE, KINDS, LLAMA, REASONING, VIDEO, VISION, Edit
from endpoints_tree import EndpointsTree, summary
from rule_cases import Case

from submitter.rulebook import load_rulebook


def of_v6_0(tree: EndpointsTree) -> None:
    """Judge it by a round that has no figure for such results."""
    tree.book = load_rulebook("v6.0")


CASES = [
    *(Case(rule, partial(EndpointsTree, **kind), change) for rule, kind, change in EDITS),
    Case("EPT002", partial(EndpointsTree, **LLAMA), of_v6_0),
]


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_valid_tree_breaks_no_rule(tmp_path: Path, kind: dict[str, Any]) -> None:
    report = EndpointsTree(tmp_path, **kind).check()
    assert [finding for finding in report.findings if finding.severity != "note"] == []
    assert {result.verdict for result in report.results} == {"valid"}
    assert not report.skipped


@pytest.mark.parametrize(("kind", "change"), HARMLESS, ids=list(map(str, range(len(HARMLESS)))))
def test_what_the_official_checker_lets_pass_passes_its_profile(
    tmp_path: Path, kind: dict[str, Any], change: Edit
) -> None:
    tree = EndpointsTree(tmp_path, **kind)
    change(tree)
    assert set(tree.valid().values()) == {True}


def test_round_v6_0_has_no_figure_for_them(tmp_path: Path) -> None:
    tree = EndpointsTree(tmp_path)
    of_v6_0(tree)
    assert set(tree.valid().values()) == {False}


def test_before_v6_nobody_reads_their_files(tmp_path: Path) -> None:
    tree = EndpointsTree(tmp_path)
    tree.book = load_rulebook("v5.1")
    assert "STR001" in tree.rules()


def test_figures_are_the_published_ones(tmp_path: Path) -> None:
    """All scenarios of a language model count tokens."""
    tree = EndpointsTree(tmp_path, **REASONING)
    values = {result.key.scenario: result.metric and result.metric.value for result in tree.check().results}
    measured = summary("gpt-oss-120b", "Server")
    assert values == dict.fromkeys(("Offline", "Server", "Interactive"), measured["tps"])


def test_latencies_are_reported_in_the_results_unit(tmp_path: Path) -> None:
    values = [
        (result.metric.value, result.metric.unit)
        for kind in (EDGE, VIDEO)
        for result in EndpointsTree(tmp_path / kind["benchmark"], **kind).check().results
        if result.key.scenario == "SingleStream" and result.metric
    ]
    latency_ns = summary("wan-2.2-t2v-a14b", "SingleStream")["latency"]["avg"]
    assert values == [(latency_ns / 1e6, "Latency (ms)"), (latency_ns / 1e9, "Latency (s)")]


def test_a_result_with_one_of_loadgens_logs_is_loadgens(tmp_path: Path) -> None:
    tree = EndpointsTree(tmp_path)
    tree.write(tree.path("accuracy/mlperf_log_detail.txt"), ":::MLLOG {}")
    assert "STR001" in {f.rule for f in tree.check().findings if "/Offline/" in f.path}


def test_user_conf_is_loadgens_alone(tmp_path: Path) -> None:
    tree = EndpointsTree(tmp_path)
    assert not tree.path("user.conf").exists()
    assert "MEA002" not in tree.rules()
    tree.path("README.md").unlink()
    assert "MEA002" in tree.rules()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_configurations_are_findings(tmp_path: Path, text: str) -> None:
    tree = EndpointsTree(tmp_path)
    tree.write(tree.path("config"), text)
    assert tree.valid("full") == {"Offline": False, "Server": True}


WRONG_TYPES = (None, [], {}, "", "x", float("inf"), True, [[]], 10**400)
# What a result must have: without it there is an error. The data set that is scored first is the accuracy run's.
DEMANDED = {
    "config": {"type", "settings", "settings/runtime"}
    | {f"settings/runtime/{key}" for key in ("min_duration_ms", "dataloader_random_seed", "scheduler_random_seed")},
    "summary": {"latency", "latency/early_stopping_percentiles", "latency/early_stopping_percentiles/99"},
    "accuracy": {"accuracy_scores", "accuracy_scores/0", "accuracy_scores/0/score", "accuracy_scores/0/total_samples"},
}


def places(value: object, above: str = "") -> Iterator[str]:
    """The path of everything in a document, as `EndpointsTree.set` takes it."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield f"{above}{key}"
        yield from places(part, f"{above}{key}/")


def outcome(tree: EndpointsTree) -> tuple[set[str], bool]:
    """What Server's files are accused of, and whether its result is valid nevertheless."""
    report = tree.check()
    (valid,) = (result.verdict == "valid" for result in report.results if result.key.scenario == "Server")
    return {finding.rule for finding in report.findings if "/Server" in finding.path}, valid


@pytest.mark.parametrize("kind", DEMANDED)
def test_a_value_of_a_wrong_type_is_no_better_than_none(tmp_path: Path, kind: str) -> None:
    """Every value of every file, at any depth: what must be there must be of its type, too."""
    tree = EndpointsTree(tmp_path, **VISION)
    path = tree.path(kind, "Server")
    content = json.loads(path.read_text())
    demanded = set()
    for place in places(content):
        if place.endswith("dataset_type"):
            continue  # any other value says that the score is not the accuracy run's, which none at all does not
        tree.set(kind, place, ..., "Server")
        missed, valid = outcome(tree)
        if not valid:
            demanded.add(place)
        for value in WRONG_TYPES:
            tree.write(path, content)
            tree.set(kind, place, value, "Server")
            found, valid_still = outcome(tree)
            assert found >= missed or "STR002" in found, (place, value)
            assert valid_still <= valid, (place, value)
        tree.write(path, content)
    assert demanded == DEMANDED[kind]


@pytest.mark.parametrize(
    ("score", "normalized", "missed"),
    [
        (0.8365, 85.33, []),
        (0.8363, 85.33, ["overall_accuracy"]),
        (0.8365, 85.31, ["normalized_single_turn_score"]),
        (0.8363, 0.85, ["overall_accuracy", "normalized_single_turn_score"]),
    ],
)
def test_the_written_targets_apply_where_the_official_checker_compares_none(
    tmp_path: Path, score: float, normalized: float, missed: list[str]
) -> None:
    """qwen3.6-27b: 0.97 of 86.23 and of 87.96; the official checker has 0.99 of the former, for LoadGen's results."""
    tree = EndpointsTree(tmp_path, benchmark="qwen3.6-27b", scenarios=("SingleStream",), system_type="edge")
    tree.set("accuracy", "accuracy_scores/0/score", score)
    tree.set("accuracy", "accuracy_scores/0/breakdown", {"normalized_single_turn_score": normalized})
    found = [finding for finding in tree.check().findings if finding.rule == "EPT022"]
    assert [finding.message for finding in found] == [f"{name} misses the target" for name in missed]
    assert {finding.severity for finding in found} <= {"error"}
