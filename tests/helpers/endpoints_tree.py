"""Writes small valid v6.1 submissions of results that mlcommons/endpoints measured, and edits them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from submission_tree import BOOK, SUBMITTER, SYSTEM, system_description

from submitter.checker import Report, check

TYPES = {"Offline": "offline"}
# A benchmark of each kind: what its scores look like, and how long its answers are.
SCORES: dict[str, Any] = {
    "llama3.1-8b": {"rouge1": 38.8, "rouge2": 15.9, "rougeL": 24.5, "rougeLsum": 35.8, "gen_len": 8167644},
    "qwen3-vl-235b-a22b": 0.79,
    "wan-2.2-t2v-a14b": 70.5,
}


def config(scenario: str) -> dict[str, Any]:
    """The settings that the checker reads, as the tool writes them."""
    return {
        "name": "run",
        "type": TYPES.get(scenario, "online"),
        "model_params": {"name": "some/model", "streaming": "on"},
        "settings": {
            "runtime": {
                "min_duration_ms": BOOK.round.min_duration_ms,
                "dataloader_random_seed": BOOK.seeds.sample_index_rng_seed,
                "scheduler_random_seed": BOOK.seeds.schedule_rng_seed,
            },
            "load_pattern": {"type": "poisson", "target_qps": 10.0},
        },
    }


def _spread(value_ns: float) -> dict[str, Any]:
    shares = {share: value_ns for share in ("50", "90", "95", "99", "99.9")}
    return {"min": value_ns, "max": value_ns, "avg": value_ns, "early_stopping_percentiles": shares}


def summary(benchmark: str, scenario: str) -> dict[str, Any]:
    """What was measured: all latencies at a half of their limits."""
    numbers = BOOK.benchmarks[benchmark]
    limits = next((limit for name, limit in numbers.token_latency.items() if name.value == scenario), None)
    return {
        "n_samples_issued": 13368,
        "n_samples_completed": 13368,
        "n_samples_failed": 0,
        "duration_ns": 660 * 10**9,
        "qps": 20.25,
        "tps": 2601.5,
        "latency": _spread(1.25e9 / 2),
        "ttft": _spread((limits.ttft_ns if limits else 10**9) / 2),
        "tpot": _spread((limits.tpot_ns if limits else 10**8) / 2),
        "output_sequence_lengths": {"min": 1, "max": 2048, "avg": 1300.5},
    }


def accuracy(benchmark: str, scenario: str) -> dict[str, Any]:
    numbers = BOOK.benchmarks[benchmark]
    samples = next(numbers.accuracy_samples(name) for name in BOOK.unit if name.value == scenario)
    entry = {"dataset_name": "d", "score": SCORES.get(benchmark, 90.0), "total_samples": samples, "complete": True}
    performance = {"dataset_name": "performance", "dataset_type": "performance", "score": 1.0, "total_samples": 7}
    return {"accuracy_scores": [entry | {"dataset_type": "accuracy"}, performance]}


class EndpointsTree:
    """A submission under `root`, judged by `book`: one system, one benchmark, its scenarios."""

    def __init__(
        self,
        root: Path,
        benchmark: str = "llama3.1-8b",
        scenarios: tuple[str, ...] = ("Offline", "Server"),
        division: str = "closed",
        system_type: str = "datacenter",
        submitter: str = SUBMITTER,
    ) -> None:
        self.root, self.book = root, BOOK
        self.submitter = root / division / submitter
        self.base = self.submitter / "results" / SYSTEM / benchmark
        self.scenarios = scenarios
        description = system_description(division) | {"system_type": system_type, "submitter": submitter}
        self.write(self.submitter / "systems" / f"{SYSTEM}.json", description)
        self.write(self.submitter / "src" / "README.md", "The code.\n")
        for topic, text in (("calibration", "None."), ("bandwidth", "Two cards of 400 Gb/s.")):
            self.write(self.submitter / "documentation" / f"{topic}.adoc", text)
        for scenario in scenarios:
            folder = self.base / scenario
            self.write(folder / "config.yaml", config(scenario))
            self.write(folder / "performance" / "result_summary.json", summary(benchmark, scenario))
            self.write(folder / "accuracy" / "accuracy_results.json", accuracy(benchmark, scenario))
            self.write(folder / "measurements.json", dict.fromkeys(BOOK.measurements.required_fields, "fp8"))
            self.write(folder / "README.md", "How to repeat this: make run, in src/.\n")
            for name, stems in BOOK.benchmarks[benchmark].accuracy_files.items():
                for stem in stems:
                    self.write(folder / "accuracy" / name / f"{stem}.mp4", "film")
            for test in BOOK.benchmarks[benchmark].compliance:
                audit = BOOK.endpoints.audits.get(test) if BOOK.endpoints else None
                if audit:
                    self.write(folder / "audit" / f"audit_{audit}.json", {"test": audit, "passed": True})

    @staticmethod
    def write(path: Path, content: object) -> None:
        """JSON is YAML, too."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    def path(self, kind: str, scenario: str | None = None) -> Path:
        name = {
            "config": "config.yaml",
            "summary": "performance/result_summary.json",
            "accuracy": "accuracy/accuracy_results.json",
        }.get(kind, kind)
        return self.base / (scenario or self.scenarios[0]) / name

    def set(self, kind: str, where: str, value: object, scenario: str | None = None) -> None:
        """Give what stands at a path such as `accuracy_scores/0/score` another value; `...` removes it."""
        path = self.path(kind, scenario)
        content = json.loads(path.read_text())
        *parents, last = where.split("/")
        place = content
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place[part]
        key = int(last) if isinstance(place, list) else last
        if value is ...:
            del place[key]
        else:
            place[key] = value
        path.write_text(json.dumps(content))

    def check(self, *, profile: str = "full") -> Report:
        report = check(self.root, self.book, profile=profile, jobs=1)
        assert not report.crashed, report.findings
        return report

    def rules(self) -> set[str]:
        return {finding.rule for finding in self.check().findings}

    def valid(self, profile: str = "official") -> dict[str, bool]:
        """By scenario folder, whether its result is valid."""
        return {result.key.scenario: result.verdict == "valid" for result in self.check(profile=profile).results}
