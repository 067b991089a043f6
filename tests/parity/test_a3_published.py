"""The survey's mutations on the tree that they were first tried on: AMD's llama2-70b-99.9 of v6.0, on eight MI355X."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from a3_mutations import ROWS, Row

from submitter.checker import check
from submitter.checker.finding import Severity
from submitter.rulebook import load_rulebook

SYSTEM, BENCHMARK = "8xMI355X_2xEPYC_9575F", "llama2-70b-99.9"


@dataclass(frozen=True)
class Published:
    root: Path

    @property
    def submitter(self) -> Path:
        return self.root / "closed" / "AMD"

    def result(self, scenario: str = "Offline") -> Path:
        return self.submitter / "results" / SYSTEM / BENCHMARK / scenario

    def system_json(self) -> Path:
        return self.submitter / "systems" / f"{SYSTEM}.json"


@pytest.fixture
def amd(published: Any, tmp_path: Path) -> Published:
    source, copy = Published(published("v6.0-part")[0]), Published(tmp_path / "submission")
    for name in ("documentation", "src"):
        shutil.copytree(source.submitter / name, copy.submitter / name, symlinks=True)
    copy.system_json().parent.mkdir(parents=True)
    shutil.copyfile(source.system_json(), copy.system_json())
    shutil.copytree(source.result().parent, copy.result().parent)
    return copy


def _found(place: Published) -> tuple[set[tuple[str, str, str]], dict[str, str]]:
    report = check(place.root, load_rulebook("v6.0"))
    assert not report.crashed
    said = {(f.rule, f.path, f.message) for f in report.findings if f.severity is not Severity.NOTE}
    return said, {result.key.scenario: result.verdict for result in report.results}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_mutation_is_found_and_costs_its_result(row: Row, amd: Published) -> None:
    before, verdicts = _found(amd)
    assert verdicts == dict.fromkeys(("Offline", "Server", "Interactive"), "valid")
    row.mutate(amd)
    after, verdicts = _found(amd)
    assert {rule for rule, *_ in after - before} >= set(row.rules)
    costs = {scenario for scenario, verdict in verdicts.items() if verdict != "valid"}
    assert costs & {"Offline", "Server"} == set(row.costs) & verdicts.keys() - {"Interactive"}
    assert "Interactive" not in row.costs or "Interactive" in costs
