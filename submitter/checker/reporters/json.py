"""The report for programs: versioned JSON, described by `schemas/report.schema.json`."""

from __future__ import annotations

import json
import math
from typing import Any

from submitter.checker.finding import Finding, Report, ResultVerdict

VERSION = 1


def render(report: Report, *, colour: bool) -> str:
    """The report as one JSON object; `colour` is for terminals only."""
    return json.dumps(document(report), indent=2, allow_nan=False) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return {
        "version": VERSION,
        "round": report.round,
        "profile": "full",
        "verdict": report.verdict,
        "smoke": report.smoke,
        "results": [_result(result) for result in report.results],
        "findings": [_finding(finding) for finding in report.findings],
        "waived": [
            {
                "rule": waived.rule,
                "title": waived.title,
                "why": waived.why,
                "findings": [_finding(finding) for finding in waived.findings],
            }
            for waived in report.waived
        ],
        "full_runs": [{"command": run.command, "expected_s": run.expected_s} for run in report.full_runs],
        "crashed": list(report.crashed),
        "summary": report.summary,
    }


def _result(result: ResultVerdict) -> dict[str, Any]:
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
