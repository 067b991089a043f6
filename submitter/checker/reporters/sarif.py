"""SARIF 2.1.0, for code scanning services: each rule with its help, each finding with file and line.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0; GitHub documents which parts it reads under `SARIF
support for code scanning`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from submitter.checker.catalogue import anchor
from submitter.checker.finding import Finding, Report
from submitter.checker.registry import Rule, all_rules
from submitter.checker.reporters._shared import RANK, counts, coverage, facts, origin_and_source
from submitter.version import PROJECT_URL, VERSION

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
# The rules as this version has them: a later one may have other titles, from which the anchors are made.
_RULES_PAGE = f"{PROJECT_URL}/blob/v{VERSION}/docs/rules.md"
# GitHub rejects a file with more results; the least severe are left out, and a notification says so.
_MAX_RESULTS = 25_000


def render(report: Report, *, colour: bool) -> str:
    """The report as one SARIF log; `colour` is for terminals only."""
    return json.dumps(document(report), allow_nan=False) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The report as plain data: one run, with waived findings as suppressed results."""
    found = [(finding, "") for finding in report.findings]
    found += [(finding, waived.why) for waived in report.waived for finding in waived.findings]
    found.sort(key=lambda pair: RANK[pair[0].severity])
    kept = found[:_MAX_RESULTS]
    index = {rule: place for place, rule in enumerate(sorted({finding.rule for finding, _ in kept}))}
    examples = {finding.rule: finding for finding, _ in kept}
    known = {rule.id: rule for rule in all_rules()}
    identities = _identities(finding for finding, _ in kept)
    notifications = [{"level": "note", "message": {"text": f"{report.verdict}: {counts(report)}; {coverage(report)}"}}]
    if len(found) > len(kept):
        left = f"{len(found) - len(kept):,} findings are left out: see --format json"
        notifications.append({"level": "warning", "message": {"text": left}})
    for rule in report.crashed:
        text = f"rule {rule} crashed: this is a defect of the checker, not of the submission"
        notifications.append({"level": "error", "message": {"text": text}})
    run = {
        "tool": {
            "driver": {
                "name": "submitter",
                "semanticVersion": VERSION,
                "informationUri": PROJECT_URL,
                "rules": [_rule(known.get(rule), examples[rule]) for rule in index],
            }
        },
        "automationDetails": {"id": f"submitter/{report.round}/{report.profile}"},
        "invocations": [
            {"executionSuccessful": not report.crashed, "toolExecutionNotifications": notifications},
        ],
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(report, finding, why, index[finding.rule], identity)
            for (finding, why), identity in zip(kept, identities, strict=True)
        ],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule | None, example: Finding) -> dict[str, Any]:
    """A rule as the registry has it; where the registry has none, as for a crash, as its `example` finding has it."""
    title = rule.title if rule else "the checker could not judge"
    why = rule.why if rule else example.message
    hint = (rule.hint if rule else "") or example.hint
    help_parts = [why] if why else []
    help_parts += [f"Fix: {hint}"] if hint else []
    help_parts.append(f"Required by {origin_and_source(example)}")
    return {
        "id": example.rule,
        "shortDescription": {"text": title},
        "fullDescription": {"text": why or title},
        "help": {"text": "\n\n".join(help_parts)},
        **({"helpUri": f"{_RULES_PAGE}#{anchor(rule)}"} if rule else {}),
        "defaultConfiguration": {"level": (rule.severity if rule else example.severity).value},
        "properties": {"tags": [example.origin.value]},
    }


def _result(report: Report, finding: Finding, why: str, rule_index: int, identity: str) -> dict[str, Any]:
    text = finding.message + (f": {facts(finding)}" if facts(finding) else "")
    # An empty path is the folder that holds the divisions.
    uri = quote(report.located(finding.path) or ".", errors="backslashreplace")
    location: dict[str, Any] = {"artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"}}
    if finding.line:
        location["region"] = {"startLine": finding.line}
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        # SARIF's levels have the same names as our severities.
        "level": finding.severity.value,
        "message": {"text": f"{text}. Fix: {finding.hint}" if finding.hint else text},
        "locations": [{"physicalLocation": location}],
        # GitHub matches alerts by this. Its default is a hash of the line's text, which changes with every LoadGen run.
        "partialFingerprints": {"primaryLocationLineHash": identity},
    }
    if why:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": why}]
    return result


def _identities(findings: Iterator[Finding]) -> list[str]:
    """A name for each finding that stays the same when figures and lines change.

    It is a hash of rule, file and message, and the finding's number among those that have these in common.
    """
    times: dict[tuple[str, str, str], int] = {}
    identities = []
    for finding in findings:
        key = (finding.rule, finding.path, finding.message)
        times[key] = times.get(key, 0) + 1
        digest = hashlib.sha256("\0".join(key).encode("utf-8", "backslashreplace")).hexdigest()[:16]
        identities.append(f"{digest}:{times[key]}")
    return identities
