"""SARIF: each finding with its rule, its place and its line, for code scanning services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from read_reports import check_sarif
from reports import failing, finding, report_of, verdict_of, waived
from submission_tree import Tree

from submitter.checker.finding import Finding, Severity
from submitter.checker.registry import all_rules
from submitter.checker.reporters import github, sarif
from submitter.version import PROJECT_URL, VERSION

REPOSITORY = Path(__file__).resolve().parents[3]


def test_sarif_has_each_finding_with_its_rule_place_and_line(tree: Tree) -> None:
    report = failing(tree)
    document = json.loads(sarif.render(report, colour=False))
    results = list(check_sarif(document))
    reported = {(r["ruleId"], r["level"], _uri(r), _line(r)) for r in results}
    assert reported == {(f.rule, f.severity.value, f.path, f.line) for f in report.findings}
    assert any(line for *_, line in reported)
    titles = {rule.id: rule.title for rule in all_rules()}
    for rule in document["runs"][0]["tool"]["driver"]["rules"]:
        assert rule["shortDescription"]["text"] == titles[rule["id"]]


def _uri(result: dict[str, Any]) -> str:
    return unquote(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])


def _line(result: dict[str, Any]) -> int | None:
    line: int | None = result["locations"][0]["physicalLocation"].get("region", {}).get("startLine")
    return line


def test_sarif_suppresses_what_is_waived_and_says_why() -> None:
    document = sarif.document(waived(report_of([verdict_of()], [finding()])))
    results = {result["ruleId"]: result for result in check_sarif(document)}
    assert "suppressions" not in results["PRF013"]
    assert results["MEA004"]["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": "agreed in issue 12"}
    ]


def test_a_fingerprint_outlives_figures_lines_and_neighbours() -> None:
    def prints(*findings: Finding) -> list[str]:
        document = sarif.document(report_of([verdict_of()], list(findings)))
        return [result["partialFingerprints"]["primaryLocationLineHash"] for result in check_sarif(document)]

    (before,) = prints(finding())
    assert prints(finding("ACC002"), finding(line=99, found="7 ms"))[1] == before
    assert prints(finding(path="closed/Other")) != [before]
    assert len(set(prints(finding(line=1), finding(line=2)))) == 2


def test_sarif_says_that_a_rule_crashed() -> None:
    document = sarif.document(report_of([], [finding("INT001")], crashed=("PRF004",)))
    list(check_sarif(document))
    (invocation,) = document["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    assert any("PRF004" in note["message"]["text"] for note in invocation["toolExecutionNotifications"])


def test_sarif_keeps_to_what_a_service_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "_MAX_RESULTS", 3)
    findings = [finding("MEA004", Severity.WARNING, line=line) for line in range(1, 6)] + [finding()]
    document = sarif.document(report_of([verdict_of()], findings))
    assert [result["level"] for result in check_sarif(document)] == ["error", "warning", "warning"]
    assert "3 findings are left out" in json.dumps(document["runs"][0]["invocations"])


def test_paths_are_relative_to_the_working_directory(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree.root.parent)
    report = failing(tree)
    root = tree.root.name
    assert all(_uri(result).startswith(f"{root}/closed/") for result in sarif.document(report)["runs"][0]["results"])
    assert f"file={root}/closed/" in github.render(report, colour=False)
    monkeypatch.chdir(tree.root)
    assert all(_uri(result).startswith("closed/") for result in sarif.document(tree.check())["runs"][0]["results"])


def test_each_rule_has_its_page() -> None:
    """Every helpUri leads to a heading of docs/rules.md, as GitHub makes anchors of headings."""
    document = sarif.document(report_of([verdict_of()], [finding(rule.id) for rule in all_rules()]))
    list(check_sarif(document))
    text = (REPOSITORY / "docs/rules.md").read_text("utf-8")
    headings = [line.lstrip("#").strip() for line in text.splitlines() if line.startswith("#")]
    anchors = {github_anchor(heading): heading for heading in headings}
    assert len(anchors) == len(headings)
    for rule in document["runs"][0]["tool"]["driver"]["rules"]:
        page, _, fragment = rule["helpUri"].partition("#")
        assert page == f"{PROJECT_URL}/blob/v{VERSION}/docs/rules.md"
        assert anchors[fragment].startswith(f"{rule['id']}: ")


def github_anchor(heading: str) -> str:
    """Lower case; letters, digits, hyphens and underscores are kept, a blank becomes a hyphen."""
    kept = (sign for sign in heading.lower() if sign.isalnum() or sign in "-_ ")
    return "".join(kept).replace(" ", "-")


def test_a_crash_has_no_page_of_its_own() -> None:
    document = sarif.document(report_of([], [finding("INT001")], crashed=("PRF004",)))
    (rule,) = document["runs"][0]["tool"]["driver"]["rules"]
    assert "helpUri" not in rule
