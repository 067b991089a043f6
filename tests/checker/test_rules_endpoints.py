"""EPT: every rule has a tree that passes it and an edit that fails it; and what is special to these results."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from endpoints_tree import EndpointsTree, accuracy, config, summary

from submitter.checker.registry import all_rules
from submitter.rulebook import load_rulebook

Edit = Callable[[EndpointsTree], object]

LLAMA: dict[str, Any] = {}
VISION: dict[str, Any] = {"benchmark": "qwen3-vl-235b-a22b", "scenarios": ("Offline", "Server", "Interactive")}
VIDEO: dict[str, Any] = {"benchmark": "wan-2.2-t2v-a14b", "scenarios": ("Offline", "SingleStream")}
REASONING: dict[str, Any] = {"benchmark": "gpt-oss-120b", "scenarios": ("Offline", "Server", "Interactive")}
EDGE: dict[str, Any] = {
    "benchmark": "llama3.1-8b-edge",
    "scenarios": ("Offline", "SingleStream"),
    "system_type": "edge",
}
OPEN: dict[str, Any] = {"benchmark": "deepseek-r1", "division": "open", "scenarios": ("Server",)}
NETWORK: dict[str, Any] = {"division": "network"}
KINDS = {"llama": LLAMA, "vision": VISION, "video": VIDEO, "reasoning": REASONING, "edge": EDGE, "open": OPEN}

P99 = "early_stopping_percentiles/99"
RUNTIME = "settings/runtime/"


def edit(kind: str, where: str, value: object, scenario: str | None = None) -> Edit:
    return lambda tree: tree.set(kind, where, value, scenario)


def remove(kind: str) -> Edit:
    return lambda tree: tree.path(kind).unlink()


def write(kind: str, text: str) -> Edit:
    return lambda tree: tree.write(tree.path(kind), text)


def audit(name: str, content: object) -> Edit:
    return lambda tree: tree.write(tree.path(f"audit/audit_{name}.json"), content)


def _rename(new: str) -> Edit:
    return lambda tree: tree.base.rename(tree.base.parent / new)


def _networked(tree: EndpointsTree) -> None:
    path = next(tree.submitter.glob("systems/*.json"))
    text = path.read_text()
    tree.write(path, text.replace('"cooling"', '"is_network": "true", "cooling"'))


# Rule, tree, edit that the rule must object to. The official checker refuses the result of each rule of its origin.
CASES: list[tuple[str, dict[str, Any], Edit]] = [
    ("EPT001", LLAMA, remove("config")),
    ("EPT001", LLAMA, remove("summary")),
    ("EPT001", LLAMA, remove("accuracy")),
    ("EPT003", {"division": "open"}, _rename("llama2-70b-99.9")),
    ("EPT004", LLAMA, edit("config", "type", "online")),
    ("EPT004", LLAMA, edit("config", "type", "submission")),
    ("EPT004", LLAMA, edit("config", "type", ..., "Server")),
    ("EPT004", LLAMA, edit("config", "type", "interactive", "Server")),
    ("EPT004", VISION, edit("config", "type", 5, "Interactive")),
    ("EPT005", LLAMA, edit("config", "type", "server", "Server")),
    ("EPT005", VISION, edit("config", "type", "offline", "Interactive")),
    ("EPT006", LLAMA, edit("config", RUNTIME + "dataloader_random_seed", 42)),
    ("EPT006", LLAMA, edit("config", RUNTIME + "scheduler_random_seed", ...)),
    ("EPT007", LLAMA, edit("config", RUNTIME + "min_duration_ms", 599_999)),
    ("EPT007", LLAMA, edit("config", RUNTIME + "min_duration_ms", ...)),
    ("EPT007", LLAMA, edit("config", RUNTIME + "min_duration_ms", "600s")),
    ("EPT008", LLAMA, edit("summary", "duration_ns", 599 * 10**9)),
    ("EPT009", VISION, edit("summary", "latency/" + P99, 12_000_000_001, "Server")),
    ("EPT009", VISION, edit("summary", "latency/" + P99, 1_500_000_001, "Interactive")),
    ("EPT009", VISION, edit("summary", "latency/" + P99, ..., "Server")),
    ("EPT010", LLAMA, edit("summary", "ttft/" + P99, 2_000_000_000, "Server")),
    ("EPT010", LLAMA, edit("summary", "tpot/" + P99, 100_000_000, "Server")),
    ("EPT010", REASONING, edit("summary", "tpot/" + P99, 15_000_000, "Interactive")),
    ("EPT010", LLAMA, edit("summary", "tpot", {}, "Server")),
    ("EPT011", LLAMA, edit("summary", "tps", ..., "Server")),
    ("EPT011", LLAMA, edit("summary", "duration_ns", 0)),
    ("EPT011", LLAMA, edit("config", "type", "Offline")),
    ("EPT011", EDGE, edit("summary", "latency/early_stopping_percentiles/90", ..., "SingleStream")),
    ("EPT011", VIDEO, edit("summary", "latency/avg", None, "SingleStream")),
    ("EPT012", LLAMA, edit("summary", "n_samples_failed", 3)),
    ("EPT013", {"division": "open"}, _networked),
    ("EPT014", LLAMA, lambda tree: tree.path("performance/power").mkdir()),
    ("EPT015", VIDEO, lambda tree: tree.path("audit/audit_output_caching_test.json").unlink()),
    ("EPT015", VIDEO, audit("output_caching_test", {"test": "output_caching_test", "passed": False})),
    ("EPT015", VIDEO, audit("output_caching_test", {"test": "other", "passed": True})),
    ("EPT015", LLAMA, audit("consistency_output_test", "{")),
    ("EPT015", OPEN, audit("consistency_output_test", {"test": "consistency_output_test", "passed": False})),
    ("EPT016", REASONING, edit("summary", "output_sequence_lengths/avg", 1150)),
    ("EPT016", REASONING, edit("summary", "output_sequence_lengths/avg", 1407)),
    ("EPT016", REASONING, edit("summary", "output_sequence_lengths", {})),
    ("EPT020", LLAMA, edit("accuracy", "accuracy_scores", [])),
    ("EPT020", OPEN, edit("accuracy", "accuracy_scores", [{"total_samples": 4388}])),
    ("EPT021", VISION, edit("accuracy", "accuracy_scores/0/score", 0.78)),
    ("EPT021", VISION, edit("accuracy", "accuracy_scores/0/score", {"f1": "0.70"}, "Interactive")),
    ("EPT021", VISION, edit("accuracy", "accuracy_scores/0/score", {"bleu": 1})),
    ("EPT022", LLAMA, edit("accuracy", "accuracy_scores/0/score/rouge1", 12.5)),
    ("EPT022", REASONING, edit("accuracy", "accuracy_scores/0/score", 0.5)),
    ("EPT023", LLAMA, edit("accuracy", "accuracy_scores/0/total_samples", 13367)),
    ("EPT023", LLAMA, edit("accuracy", "accuracy_scores/0/total_samples", ...)),
    ("EPT024", LLAMA, edit("accuracy", "n_samples_failed", 1)),
    ("EPT025", VIDEO, lambda tree: shutil.rmtree(tree.path("accuracy/videos"))),
    ("STR002", LLAMA, write("config", "a: [1, 2")),
    ("STR002", LLAMA, write("config", "- 1\n- 2\n")),
    ("STR002", LLAMA, write("summary", "[1]")),
    ("STR002", LLAMA, edit("accuracy", "accuracy_scores", {"a": 1})),
    ("STR002", LLAMA, edit("accuracy", "accuracy_scores", ["a"])),
]
# What looks wrong, and is none of the official checker's business.
HARMLESS: list[tuple[dict[str, Any], Edit]] = [
    (LLAMA, edit("config", "type", "Online", "Server")),
    (LLAMA, edit("config", "type", "OFFLINE")),
    (LLAMA, edit("config", "type", "server", "Server")),
    (VISION, edit("config", "type", ..., "Interactive")),
    (EDGE, edit("config", "type", "offline", "SingleStream")),
    (LLAMA, edit("summary", "qps", ...)),
    (REASONING, edit("summary", "qps", ..., "Interactive")),
    (LLAMA, edit("summary", "ttft/" + P99, 10**12)),
    (VISION, edit("summary", "ttft", {}, "Server")),
    (REASONING, edit("summary", "output_sequence_lengths/avg", 1150.38)),
    (LLAMA, lambda tree: shutil.rmtree(tree.path("audit"))),
    (LLAMA, lambda tree: tree.path("config").rename(tree.path("config.yml"))),
    (LLAMA, edit("accuracy", "accuracy_scores/0/score/rouge1", 12.5)),
    (LLAMA, edit("accuracy", "accuracy_scores/0/total_samples", "13368")),
    (VISION, edit("accuracy", "accuracy_scores/0/score", {"f1": "0.79"})),
    (VISION, edit("accuracy", "accuracy_scores/0/score", "0.79")),
    (OPEN, edit("accuracy", "accuracy_scores/0/score", 0.0)),
    (OPEN, lambda tree: tree.path("").rename(tree.base / "online")),
    (LLAMA, edit("summary", "min_duration_ms", 700_000)),
]


COVERED = {rule for rule, *_ in CASES} | {"EPT002"}  # test_round_v6_0_has_no_figure_for_them


@pytest.mark.parametrize(
    ("rule", "kind", "change"), CASES, ids=[f"{number} {rule}" for number, (rule, _, _) in enumerate(CASES)]
)
def test_a_broken_tree_breaks_the_rule(tmp_path: Path, rule: str, kind: dict[str, Any], change: Edit) -> None:
    tree = EndpointsTree(tmp_path, **kind)
    assert rule not in tree.rules()
    change(tree)
    assert rule in tree.rules()
    if {one.id: one.origin for one in all_rules()}[rule] == "official":
        assert not all(tree.valid().values())


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
    assert all(tree.valid().values())


def test_round_v6_0_has_no_figure_for_them(tmp_path: Path) -> None:
    report = EndpointsTree(tmp_path).check(load_rulebook("v6.0"), "official")
    assert "EPT002" in {finding.rule for finding in report.findings}
    assert {result.verdict for result in report.results} == {"invalid"}
    assert "EPT002" not in EndpointsTree(tmp_path / "next").rules()


def test_before_v6_nobody_reads_their_files(tmp_path: Path) -> None:
    assert "STR001" in EndpointsTree(tmp_path).rules(load_rulebook("v5.1"))


def test_figures_are_the_official_checkers(tmp_path: Path) -> None:
    """Offline counts samples even of language models; Server counts tokens; Interactive requests."""
    tree = EndpointsTree(tmp_path, **REASONING)
    values = {result.key.scenario: result.metric and result.metric.value for result in tree.check().results}
    measured = summary("gpt-oss-120b", "Server")
    assert values == {
        "Offline": measured["n_samples_issued"] / (measured["duration_ns"] / 1e9),
        "Server": measured["tps"],
        "Interactive": measured["qps"],
    }


def test_latencies_are_told_in_the_results_unit(tmp_path: Path) -> None:
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


STEPS = list(zip("abcdefgh", "bcdefghi", strict=True))
HOSTILE = {
    "alias bomb": "a: &a [x,x]\n" + "".join(f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in STEPS),
    "merge bomb": "a: &a {x: 1, y: 2}\n"
    + "".join(f"{new}: &{new} {{<<: [{', '.join(['*' + old] * 9)}], {new}{new}: 1}}\n" for old, new in STEPS),
    "deep": "a: " + "[" * 5000,
    "deep mapping": "".join(" " * depth + "a:\n" for depth in range(300)),
    "long": "a: b\n" * 100_000,
    "digits": "a: " + "9" * 10_000,
    "tag": "a: !!python/object/apply:os.system ['true']",
    "empty integer": "a: !!int ''",
    "no date": "a: 2020-13-45",
    "bool": "a: !!bool maybe",
    "key": "? [a, b]\n: c",
    "binary": "a: \x00\x01",
    "nothing": "",
    "recursive": "a: &a [*a]",
    "own": "&a {<<: *a, b: 1}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_configurations_are_findings(tmp_path: Path, text: str) -> None:
    tree = EndpointsTree(tmp_path)
    tree.write(tree.path("config"), text)
    assert tree.valid("full") == {"Offline": False, "Server": True}


def test_wrongly_typed_values_are_findings(tmp_path: Path) -> None:
    """Every value of every file, each replaced by something of another type: never a crash, never a better verdict."""
    tree = EndpointsTree(tmp_path, **VISION)
    originals = {
        "config": config("Server"),
        "summary": summary("qwen3-vl-235b-a22b", "Server"),
        "accuracy": accuracy("qwen3-vl-235b-a22b", "Server"),
    }
    for kind, content in originals.items():
        for name in content:
            for value in (None, [], {}, "", "x", -1, 1e400, True, [[]], 10**400):
                tree.set(kind, name, value, "Server")
                tree.check()
        tree.write(tree.path(kind, "Server"), content)
