"""Small results of mlcommons/endpoints of each kind, and edits of them: what breaks a rule, what is harmless, what is
hostile. The official checker judges the same ones, where it is there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from endpoints_tree import EndpointsTree

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
    ("EPT011", LLAMA, edit("summary", "tps", ...)),
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
    ("EPT022", LLAMA, edit("accuracy", "accuracy_scores/0/score/rouge1", ...)),
    ("EPT022", LLAMA, edit("accuracy", "accuracy_scores/0/score", "good")),
    ("EPT022", REASONING, edit("accuracy", "accuracy_scores/0/score", {"bleu": 1})),
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
    (LLAMA, edit("config", "type", "Offline")),
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
