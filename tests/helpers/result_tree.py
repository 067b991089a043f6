"""One small resnet result of any round with its compliance tests, for the rules of accuracy and compliance."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from submission_tree import line

from submitter import layout
from submitter.checker import Report, check
from submitter.checker.finding import Finding
from submitter.model import ResultKey
from submitter.rulebook import load_rulebook
from submitter.rulebook_tables import Seeds

SCORE = "accuracy=76.456%, good=38228, total=50000\n"
HASH = "hash=" + "a" * 64 + "\n"


class ResultTree:
    """closed/Acme/results/S/resnet/Offline, valid in `round_name` as far as accuracy and compliance go.

    `select` names the rules and families that judge it.
    """

    def __init__(
        self,
        root: Path,
        round_name: str,
        division: str = "closed",
        benchmark: str = "resnet",
        select: tuple[str, ...] = ("ACC", "CMP"),
    ) -> None:
        self.root, self.book, self.select = root, load_rulebook(round_name), select
        self.key = ResultKey(division, "Acme", "S", benchmark, "Offline")
        self.grammar = layout.layout_of(round_name)
        self._write_run(self.root / self.grammar.performance(self.key), self.book.seeds)
        self._write_run(self.accuracy, self.book.seeds, effective_test_mode="AccuracyOnly")
        (self.accuracy / layout.ACCURACY_LOG).write_text("[\n" + layout.ACCURACY_LOG + "\n\n...\n\n]\n")
        self.score.write_text(SCORE + HASH)
        for name in self.tests:
            test = self.book.compliance[name]
            audit = {f"effective_{key}": value for key, value in test.audit.items() if key != "mode"}
            self._write_run(self.log_of(name).parent, test.seeds or self.book.seeds, **audit)
            for file in test.verify:
                (self.test(name) / file).write_text("TEST PASS\n")
            for file in test.accuracy_files:
                (self.test(name) / "accuracy").mkdir(exist_ok=True)
                (self.test(name) / "accuracy" / file).write_text("x\n")
        system = self.root / self.grammar.system(division, "Acme", "S")
        system.parent.mkdir(parents=True)
        system.write_text(json.dumps({"system_type": "edge", "division": division}))

    def _write_run(self, folder: Path, seeds: Seeds, **changed: Any) -> None:
        folder.mkdir(parents=True)
        entries: dict[str, Any] = {
            "sut_name": "SUT",
            "qsl_reported_total_count": 50000,
            "effective_scenario": "Offline",
            "effective_test_mode": "PerformanceOnly",
            "effective_samples_per_query": 24576,
            "effective_min_duration_ms": 600000,
            "effective_min_query_count": 1,
            "effective_performance_sample_count": 1024,
            "result_validity": "VALID",
            "result_99.00_percentile_latency_ns": 1,
            "result_samples_per_second": 12.5,
        }
        entries |= {f"effective_{name}": seed for name, seed in seeds} | changed
        (folder / layout.DETAIL_LOG).write_text("".join(line(key, value) + "\n" for key, value in entries.items()))
        (folder / layout.SUMMARY_LOG).write_text("Result is : VALID\n")

    @property
    def tests(self) -> tuple[str, ...]:
        return self.book.benchmarks[self.key.benchmark].compliance if self.key.benchmark == "resnet" else ()

    @property
    def accuracy(self) -> Path:
        return self.root / self.grammar.accuracy(self.key)

    @property
    def score(self) -> Path:
        return self.accuracy / layout.ACCURACY_TEXT

    @property
    def accuracy_log(self) -> Path:
        return self.accuracy / layout.DETAIL_LOG

    def test(self, name: str) -> Path:
        return self.root / self.grammar.compliance(self.key, name)

    def log_of(self, name: str) -> Path:
        return self.root / self.grammar.compliance_performance(self.key, name) / layout.DETAIL_LOG

    def set(self, log: Path, key: str, value: Any) -> None:
        """Give an entry of a log another value; None drops it."""
        said = "" if value is None else line(key, value) + "\n"
        there = log.read_text()
        log.write_text(re.sub(rf'(?m)^.*"key": "{re.escape(key)}".*\n', said, there) if key in there else there + said)

    def add_error(self, log: Path) -> None:
        log.write_text(log.read_text() + line("error_runtime", "Sample with 0 tokens", error=True) + "\n")

    def check(self, *, profile: str = "full", select: tuple[str, ...] = ()) -> Report:
        report = check(self.root, self.book, select=select or self.select, profile=profile, jobs=1)
        assert not report.crashed, report.findings
        return report

    def findings(self, profile: str = "full", select: tuple[str, ...] = ()) -> list[Finding]:
        return list(self.check(profile=profile, select=select).findings)

    def errors(self, profile: str = "full") -> set[str]:
        return {finding.rule for finding in self.findings(profile) if finding.severity == "error"}

    def is_valid(self, profile: str = "official") -> bool:
        return self.check(profile=profile).results[0].verdict == "valid"
