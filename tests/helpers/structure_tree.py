"""Writes a small submitter of any round, valid as far as the rules of structure go, and edits it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from submission_tree import line, log_text, performance_entries

from submitter.checker import Report, check
from submitter.layout import layout_of
from submitter.model import ResultKey, Scenario
from submitter.rulebook import load_rulebook

SYSTEM, BENCHMARK = "S1", "llama2-70b-99.9"
BOTH, NONE = {"Offline", "Server"}, set[str]()


class StructureTree:
    """A submitter of one round with two results, and all that STR looks at. Only STR judges it."""

    def __init__(self, root: Path, round_name: str, division: str = "closed") -> None:
        self.root, self.book, self.division = root, load_rulebook(round_name), division
        self.layout = layout_of(round_name)
        self.submitter = root / division / "Acme"
        self.base = self.submitter / "results" / SYSTEM / BENCHMARK
        for scenario in sorted(BOTH):
            self.add(scenario)
        self.write(self.at(self.layout.system(division, "Acme", SYSTEM)), json.dumps({"system_type": "datacenter"}))
        self.write(self.code / BENCHMARK / "README.md")
        for name in ("calibration.md", "bandwidth.md"):
            self.write(self.submitter / "documentation" / name)

    def at(self, path: PurePosixPath) -> Path:
        return self.root / path

    @property
    def code(self) -> Path:
        return self.at(self.layout.code(self.division, "Acme"))

    @property
    def run(self) -> Path:
        return self.base / "Offline" / "performance" / "run_1"

    def add(self, scenario: str) -> None:
        key = ResultKey(self.division, "Acme", SYSTEM, BENCHMARK, scenario)
        for folder in (self.layout.performance(key), self.layout.accuracy(key)):
            self.write(self.at(folder) / "mlperf_log_detail.txt", line("effective_scenario", scenario) + "\n")
            self.write(self.at(folder) / "mlperf_log_summary.txt", "Result is : VALID\n")
        self.write(self.at(self.layout.accuracy(key)) / "mlperf_log_accuracy.json", "[]")
        self.write(self.at(self.layout.accuracy(key)) / "accuracy.txt")
        self.write(self.at(self.layout.measurements(key)) / "user.conf")
        name = "measurements.json" if self.layout.nested else f"{SYSTEM}.json"
        self.write(self.at(self.layout.measurements(key)) / name, "{}")
        self.write(self.at(self.layout.compliance(key, "TEST06")) / "verify_accuracy.txt")

    @staticmethod
    def write(path: Path, text: str = "text\n") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run_well(self, scenario: Scenario, **changed: object) -> None:
        """Give a result a performance run and a description of its measurement that hold."""
        seeds = {f"effective_{name}": seed for name, seed in self.book.seeds}
        key = ResultKey(self.division, "Acme", SYSTEM, BENCHMARK, scenario.value)
        log = self.at(self.layout.performance(key)) / "mlperf_log_detail.txt"
        self.write(log, log_text(performance_entries(scenario) | seeds | changed))
        fields = dict.fromkeys(self.book.measurements.required_fields, "fp8")
        self.write(self.at(self.layout.measurements(key)) / f"{SYSTEM}.json", json.dumps(fields))
        self.write(self.at(self.layout.measurements(key)) / "README.md")

    def check(self, *, profile: str = "full", **options: Any) -> Report:
        report = check(self.root, self.book, **{"select": ["STR"]} | options, profile=profile, jobs=1)
        assert not report.crashed, report.findings
        return report

    def rules(self, profile: str = "official") -> set[str]:
        return {finding.rule for finding in self.check(profile=profile).findings}

    def refused(self, **options: Any) -> set[str]:
        """The scenarios whose results the round's official checker refuses."""
        results = self.check(profile="official", **options).results
        return {result.key.scenario for result in results if result.verdict == "invalid"}


Edit = Callable[[StructureTree], object]


def rename(old: str, new: str) -> Edit:
    """Another name of a scenario, wherever it has a folder."""

    def rename_folders(tree: StructureTree) -> None:
        for top in ("results", "measurements", "compliance"):
            folder = tree.submitter / top / SYSTEM / BENCHMARK
            if folder.exists():
                (folder / old).rename(folder / new)

    return rename_folders


def drop(scenario: str) -> Edit:
    return lambda tree: shutil.rmtree(tree.base / scenario)


def describe(system_type: str) -> Edit:
    text = json.dumps({"system_type": system_type})
    return lambda tree: tree.write(tree.submitter / "systems" / f"{SYSTEM}.json", text)


def large(tree: StructureTree) -> None:
    with (tree.code / "weights").open("wb") as file:
        file.truncate(tree.book.round.file_max_bytes + 1)


def write(*parts: str) -> Edit:
    return lambda tree: tree.write(tree.submitter.joinpath(*parts))


def link(target: str) -> Edit:
    return lambda tree: (tree.submitter / "link").symlink_to(target)


def unlink(name: str) -> Edit:
    return lambda tree: (tree.base / "Offline" / name).unlink()
