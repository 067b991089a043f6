"""Writes small valid v6.1 submissions, and edits them: what every test of the checker starts from."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submitter.checker import Report, check
from submitter.checker.finding import Finding
from submitter.logs import DetailLog, parse_detail
from submitter.model import Scenario
from submitter.rulebook import Rulebook, load_rulebook

BOOK: Rulebook = load_rulebook("v6.1")
SUBMITTER, SYSTEM, BENCHMARK = "Acme", "2xH200", "llama2-70b-99.9"
EOS = 2
ANSWERS = 100
DATASET = 24576


def line(key: str, value: Any, *, error: bool = False, warning: bool = False) -> str:
    """One line of a detail log, as LoadGen 6.0.17 writes it."""
    metadata = {"is_error": error, "is_warning": warning, "file": "loadgen.cc", "line_no": 278, "pid": 7, "tid": 7}
    entry = {"key": key, "value": value, "time_ms": 0.031399, "namespace": "mlperf::logging"}
    return f":::MLLOG {json.dumps(entry | {'event_type': 'POINT_IN_TIME', 'metadata': metadata})}"


def performance_entries(scenario: Scenario) -> dict[str, Any]:
    """The entries of a valid performance log of llama2-70b, in LoadGen's order."""
    entries: dict[str, Any] = {
        "loadgen_version": "6.0.17 @ b66003e1",
        "loadgen_git_log_message": 'a "quoted" message\nof two lines',
        "loadgen_file_sha1": {"/README.md": "e850133b"},
        "sut_name": "PySUT",
        "qsl_reported_total_count": DATASET,
        "requested_scenario": scenario.loadgen_name,
        "requested_test_mode": "PerformanceOnly",
        "requested_min_query_count": DATASET if scenario is Scenario.OFFLINE else 100,
        "requested_use_token_latencies": True,
        "effective_scenario": scenario.loadgen_name,
        "effective_test_mode": "PerformanceOnly",
        "effective_samples_per_query": 147456 if scenario is Scenario.OFFLINE else 1,
        "effective_target_qps": 200,
        "effective_target_latency_ns": 0,
        "effective_min_duration_ms": 600000,
        "effective_min_query_count": 1 if scenario is Scenario.OFFLINE else 100,
        "effective_qsl_rng_seed": BOOK.seeds.qsl_rng_seed,
        "effective_sample_index_rng_seed": BOOK.seeds.sample_index_rng_seed,
        "effective_schedule_rng_seed": BOOK.seeds.schedule_rng_seed,
        "effective_accuracy_log_rng_seed": 0,
        "effective_accuracy_log_sampling_target": 0,
        "effective_performance_issue_same": False,
        "effective_performance_sample_count": DATASET,
        "effective_accuracy_sample_count": DATASET,
        "effective_sample_concatenate_permutation": True,
        "loaded_qsl_set": [12008, 15920, 20637],
        "generated_query_count": 147456,
        "power_begin": "08-30-2026 09:40:10.272",
        "power_end": "08-30-2026 09:52:40.243",
        "result_validity": "VALID",
        "result_min_duration_met": True,
        "result_min_queries_met": True,
        "early_stopping_met": True,
        "result_query_count": 147456,
    }
    if scenario is Scenario.OFFLINE:
        return entries | {"result_samples_per_second": 210.5, "result_tokens_per_second": 61980.25, "num_errors": 0}
    limits = BOOK.benchmark(BENCHMARK).token_latency[scenario]
    return entries | {
        "result_completed_samples_per_sec": 198.75,
        "result_first_token_99.00_percentile_latency_ns": limits.ttft_ns * 3 // 4,
        "result_time_per_output_token_99.00_percentile_ns": limits.tpot_ns * 3 // 4,
        "result_completed_tokens_per_second": 58520.5,
        "num_errors": 0,
    }


def accuracy_entries(scenario: Scenario) -> dict[str, Any]:
    kept = {k: v for k, v in performance_entries(scenario).items() if not k.startswith(("result_", "early_", "power_"))}
    return kept | {"requested_test_mode": "AccuracyOnly", "effective_test_mode": "AccuracyOnly"}


def audit_entries(scenario: Scenario) -> dict[str, Any]:
    """A TEST06 run: the audit file's settings in effect."""
    return performance_entries(scenario) | {
        "requested_min_query_count": 100,
        "effective_min_duration_ms": 0,
        "effective_accuracy_log_rng_seed": 720381539243781796,
        "effective_accuracy_log_sampling_target": 100,
        "effective_sample_concatenate_permutation": False,
    }


def log_text(entries: dict[str, Any]) -> str:
    return "\n".join(line(key, value) for key, value in entries.items()) + "\n"


def detail_log(**entries: Any) -> DetailLog:
    """A detail log with these entries and a system's name, parsed. A dot in a key is written `__`."""
    named = {"sut_name": "SUT"} | {name.replace("__", "."): value for name, value in entries.items()}
    return parse_detail(log_text(named).encode())


def tokens(*ids: int) -> str:
    return struct.pack(f"<{len(ids)}i", *ids).hex().upper()


def answer(index: int, ids: list[int], scenario: Scenario, **changed: Any) -> str:
    first = "" if scenario is Scenario.OFFLINE else f', "token_data" : "{changed.get("first", tokens(ids[0]))}"'
    count = changed.get("count", len(ids))
    data = changed.get("data", tokens(*ids))
    return f'{{ "seq_id" : {index}, "qsl_idx" : {index}, "data" : "{data}"{first}, "token_count" : {count} }}'


def answers(entries: list[str]) -> str:
    return "[\n" + ",\n".join(entries) + "\n]\n"


def system_description(division: str) -> dict[str, str]:
    fields = dict.fromkeys(BOOK.system.required_fields, "N/A")
    return fields | {
        "division": division,
        "submitter": SUBMITTER,
        "status": "available",
        "system_type": "datacenter",
        "system_name": "two H200",
        "number_of_nodes": "1",
        "accelerators_per_node": "2",
        "host_networking": "Ethernet, 400 Gb/s",
        "host_network_card_count": "2",
    }


@dataclass
class Tree:
    """A submission under `root`, judged by `book`; `base` is the folder of its benchmark."""

    root: Path
    division: str
    benchmark: str = BENCHMARK
    book: Rulebook = BOOK

    @property
    def submitter(self) -> Path:
        return self.root / self.division / SUBMITTER

    @property
    def base(self) -> Path:
        return self.submitter / "results" / SYSTEM / self.benchmark

    def result(self, scenario: str = "Offline") -> Path:
        return self.base / scenario

    def performance_log(self, scenario: str = "Offline") -> Path:
        return self.result(scenario) / "performance" / "run_1" / "mlperf_log_detail.txt"

    def accuracy(self, scenario: str = "Offline") -> Path:
        return self.result(scenario) / "accuracy"

    def system_json(self) -> Path:
        return self.submitter / "systems" / f"{SYSTEM}.json"

    def set(self, log: Path, **changed: Any) -> None:
        """Give entries of a detail log other values; None drops the line. A dot in a key is written `__`."""
        names = {name.replace("__", "."): value for name, value in changed.items()}
        entries = {e["key"]: e["value"] for e in map(_entry, log.read_text().splitlines())} | names
        log.write_text(log_text({k: v for k, v in entries.items() if v is not None}))

    def edit_json(self, path: Path, **changed: Any) -> None:
        """Set fields of a JSON file; None drops the field."""
        content = json.loads(path.read_text()) | changed
        path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))

    def replace(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def check(self, **options: Any) -> Report:
        return check(self.root, self.book, **options)

    def found(self, rule: str) -> list[Finding]:
        """The findings of one rule, after a check that must not crash."""
        report = self.check()
        assert not report.crashed, report.findings
        return [finding for finding in report.findings if finding.rule == rule]

    def rules(self) -> set[str]:
        """The ids of all rules that found something, notes left out."""
        report = self.check()
        assert not report.crashed, report.findings
        return {finding.rule for finding in report.findings if finding.severity != "note"}


def _entry(text: str) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(text.removeprefix(":::MLLOG"))
    return entry


SCORE = (
    "{'rouge1': 44.4495, 'rouge2': 22.0868, 'rougeL': 28.8592, 'rougeLsum': 42.0187, 'gen_len': 27342219, "
    "'gen_num': 24576, 'gen_tok_len': 6984484, 'tokens_per_sample': 284.2}\n"
)


def write_result(tree: Tree, scenario: Scenario) -> None:
    result = tree.result(scenario.value)
    for folder, entries in (
        ("performance/run_1", performance_entries(scenario)),
        ("accuracy", accuracy_entries(scenario)),
        ("TEST06/performance/run_1", audit_entries(scenario)),
    ):
        (result / folder).mkdir(parents=True)
        (result / folder / "mlperf_log_detail.txt").write_text(log_text(entries))
        (result / folder / "mlperf_log_summary.txt").write_text("Result is : VALID\n")
    short = answers([answer(index, [11, 12, 13, EOS], scenario) for index in range(3)])
    (result / "accuracy" / "mlperf_log_accuracy.json").write_text(short)
    digest = hashlib.sha256(short.encode()).hexdigest()
    (result / "accuracy" / "accuracy.txt").write_text(f"{SCORE}\nhash={digest}\n")
    (result / "TEST06" / "accuracy").mkdir()
    audited = [answer(index, [20 + index, 12, 13, EOS], scenario) for index in range(ANSWERS)]
    (result / "TEST06" / "accuracy" / "mlperf_log_accuracy.json").write_text(answers(audited))
    first = "Skipped" if scenario is Scenario.OFFLINE else "True"
    (result / "TEST06" / "verify_accuracy.txt").write_text(
        f"First token check pass: {first}\nEOS check pass: True\nSample length check pass: True\n"
    )
    fields = dict.fromkeys(BOOK.measurements.required_fields, "fp8")
    (result / "measurements.json").write_text(json.dumps(fields))
    (result / "README.md").write_text("How to repeat this: make run, in src/.\n")
    (result / "user.conf").write_text("# ours\nllama2-70b.*.min_duration = 600000\nllama2-70b.*.target_qps = 200\n")


def write_tree(
    root: Path,
    division: str = "closed",
    scenarios: tuple[Scenario, ...] = (Scenario.OFFLINE, Scenario.SERVER),
    benchmark: str = BENCHMARK,
) -> Tree:
    """A valid submission: one system, one benchmark, its scenarios with their TEST06, and no manifest."""
    tree = Tree(root, division, benchmark)
    for scenario in scenarios:
        write_result(tree, scenario)
    for name in ("src", "systems", "documentation"):
        (tree.submitter / name).mkdir()
    (tree.submitter / "src" / "README.md").write_text("The code.\n")
    for topic, text in (("calibration", "None."), ("bandwidth", "Two cards of 400 Gb/s.")):
        (tree.submitter / "documentation" / f"{topic}.adoc").write_text(f"{text}\n")
    tree.system_json().write_text(json.dumps(system_description(division)))
    return tree
