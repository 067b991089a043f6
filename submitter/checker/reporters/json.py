"""The report as versioned JSON, for programs; `schemas/report.schema.json` describes it."""

from __future__ import annotations

import json
import math
from typing import Any

from submitter.checker.finding import Finding, Report, ResultVerdict, Waived
from submitter.checker.reporters._shared import Refusals

VERSION = 1


def render(report: Report, *, colour: bool) -> str:
    """The report as one JSON object, with one result or finding per line; `colour` is for terminals only.

    So a diff of two reports is readable. The encoder's own indentation is several times slower.
    """
    fields = (f"{json.dumps(name)}: {_value(value)}" for name, value in document(report).items())
    return "{\n  " + ",\n  ".join(fields) + "\n}\n"


def _value(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[\n    " + ",\n    ".join(json.dumps(item, allow_nan=False) for item in value) + "\n  ]"
    return json.dumps(value, allow_nan=False)


def document(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    partial = report.partial
    refusals = Refusals(report, report.findings)
    return {
        "version": VERSION,
        "round": report.round,
        "profile": report.profile,
        "verdict": report.verdict,
        "smoke": report.smoke,
        "results": [_result(result, refusals) for result in report.results],
        "findings": [_finding(finding) for finding in report.findings],
        "waived": [_waived(waived) for waived in report.waived],
        "partial": partial
        and {"right": list(partial.right), "wrong": list(partial.wrong), "missing": list(partial.missing)},
        "full_runs": [{"command": run.command, "expected_s": run.expected_s} for run in report.full_runs],
        "crashed": list(report.crashed),
        "summary": report.summary,
    }


def _result(result: ResultVerdict, refusals: Refusals) -> dict[str, Any]:
    metric = result.metric
    return {
        "path": result.path,
        "division": result.key.division,
        "submitter": result.key.submitter,
        "system": result.key.system,
        "benchmark": result.key.benchmark,
        "scenario": result.key.scenario,
        "verdict": result.verdict,
        "metric": {"value": metric.value, "unit": metric.unit} if metric and math.isfinite(metric.value) else None,
        "inferred": result.inferred,
        "refused_by": list(dict.fromkeys(finding.rule for finding in refusals.of(result))),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "origin": finding.origin.value,
        "path": finding.path,
        "line": finding.line,
        "message": finding.message,
        "found": finding.found,
        "required": finding.required,
        "hint": finding.hint,
        "source": finding.source,
    }


def _waived(waived: Waived) -> dict[str, Any]:
    return {
        "rule": waived.rule,
        "title": waived.title,
        "why": waived.why,
        "findings": [_finding(finding) for finding in waived.findings],
    }
