"""Every rule is found in damaged trees, and not before the damage: the CASES of all files in this folder."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path, PurePosixPath

import pytest
from rule_cases import Case

from submitter.checker import Finding, Report, Severity
from submitter.checker.finding import Origin
from submitter.checker.registry import OFFICIAL, all_rules, in_round
from submitter.model import Scenario
from submitter.rulebook import Rulebook

FILES = [f"{__package__}.{file.name}" for file in pkgutil.iter_modules([str(Path(__file__).parent)])]
CASES: list[Case] = [
    case for name in FILES if name != __name__ for case in getattr(importlib.import_module(name), "CASES", [])
]
SENTENCE = re.compile(r"[A-Z][a-z]* ")  # a name such as TTFT or LoadGen is not the beginning of one


def test_every_rule_has_a_case() -> None:
    """The cases are what the tests below damage and find: no rule is covered by being listed."""
    assert {case.rule for case in CASES} == {rule.id for rule in all_rules()}


@pytest.mark.parametrize("case", CASES, ids=[f"{case.rule}-{number}" for number, case in enumerate(CASES)])
def test_the_rule_finds_the_damage_and_nothing_before(case: Case, tmp_path: Path) -> None:
    tree = case.write(tmp_path / "submission")
    assert found(tree.check(), case.rule) == []
    case.damage(tree)
    report = tree.check()
    findings = found(report, case.rule)
    assert findings, report.findings
    for finding in findings:
        reads_well(finding)
    assert invalid(report) == refused(report, tree.book)

    official = tree.check(profile=OFFICIAL)
    assert bool(found(official, case.rule)) == any(finding.origin is Origin.OFFICIAL for finding in findings)
    assert invalid(official) == refused(official, tree.book)


def found(report: Report, rule: str) -> list[Finding]:
    assert not report.crashed, report.findings
    return [finding for finding in report.findings if finding.rule == rule]


def reads_well(finding: Finding) -> None:
    """Says what is wrong in lower case and without a full stop, where in the tree, and who demands it."""
    assert not finding.message.endswith((".", " "))
    start = SENTENCE.match(finding.message)
    assert start is None or start[0].strip() in list(Scenario), finding.message
    assert finding.path
    assert not PurePosixPath(finding.path).is_absolute()
    assert finding.source


def invalid(report: Report) -> set[str]:
    return {result.path for result in report.results if result.verdict == "invalid"}


def refused(report: Report, book: Rulebook) -> set[str]:
    """The results that an error was found at, above or within, but for rules that are about a folder as a whole."""
    spares = {rule.id for rule in all_rules() if (reported := in_round(rule, book)) and reported.spares_results}
    errors = [f for f in report.findings if f.severity is Severity.ERROR and f.rule not in spares]
    places = [PurePosixPath(finding.scope) for finding in errors]
    return {
        result.path
        for result in report.results
        if any(
            place.is_relative_to(result.path) or PurePosixPath(result.path).is_relative_to(place) for place in places
        )
    }
