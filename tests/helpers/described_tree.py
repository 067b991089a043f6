"""Writes a result of any round with what describes it, its system and its measurement, and edits these."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from submitter.checker import Finding, Report, check
from submitter.layout import layout_of
from submitter.rulebook import load_rulebook

SYSTEM, BENCHMARK = "S1", "llama2-70b-99.9"


class DescribedTree:
    """One result of one round, with all that SYS and MEA look at. Only these judge it, but for MEA004."""

    def __init__(self, root: Path, round_name: str, division: str = "closed") -> None:
        self.book = load_rulebook(round_name)
        self.root = root
        self.submitter = root / division / "Acme"
        tail = Path(SYSTEM, BENCHMARK, "Offline")
        self.result = self.submitter / "results" / tail
        is_old = not layout_of(round_name).nested
        self.measurements = self.submitter / "measurements" / tail if is_old else self.result
        self.code = self.submitter / ("code" if is_old else "src") / BENCHMARK
        self.json = self.measurements / (f"{SYSTEM}_ours_Offline.json" if is_old else "measurements.json")
        self.description = self.submitter / "systems" / f"{SYSTEM}.json"
        for folder in (self.result / "performance" / "run_1", self.measurements, self.code, self.description.parent):
            folder.mkdir(parents=True, exist_ok=True)
        (self.code / "README.md").write_text("The code.\n")
        for name in self.book.measurements.required_files:
            (self.measurements / name).write_text("*.Offline.target_qps = 1\n*.*.sample_concatenate_permutation = 1\n")
        self.json.write_text(json.dumps(dict.fromkeys(self.book.measurements.required_fields, "fp8")))
        fields = dict.fromkeys(self.book.system.required_fields, "N/A")
        fields |= {"division": division, "submitter": "acme", "status": "Available", "system_type": "datacenter"}
        self.description.write_text(json.dumps(fields | {"number_of_nodes": 1, "accelerators_per_node": "8"}))

    def describe(self, **changed: Any) -> None:
        """Set fields of the system description; `...` drops the field."""
        self._edit(self.description, changed)

    def measure(self, **changed: Any) -> None:
        self._edit(self.json, changed)

    def _edit(self, path: Path, changed: dict[str, Any]) -> None:
        content = json.loads(path.read_text()) | changed
        path.write_text(json.dumps({key: value for key, value in content.items() if value is not ...}))

    def check(self, *, profile: str = "full") -> Report:
        report = check(self.root, self.book, select=["SYS", "MEA"], ignore=["MEA004"], profile=profile, jobs=1)
        assert not report.crashed
        return report

    def findings(self, severity: str = "error") -> list[Finding]:
        """What the round's official checker says."""
        return [finding for finding in self.check(profile="official").findings if finding.severity == severity]

    def rules(self) -> set[str]:
        return {finding.rule for finding in self.findings()}
