"""The check of an unfinished submission: what is right, what is wrong, and what is only missing so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from submitter.checker.finding import Finding, Partial, ResultVerdict, Severity
from submitter.checker.registry import Rule


def partial_of(verdicts: Iterable[ResultVerdict], findings: Iterable[Finding], rules: Mapping[str, Rule]) -> Partial:
    """Sort the outcome of a check into three lists: results without errors, errors, and errors about missing parts."""
    wrong: list[str] = []
    missing: list[str] = []
    for finding in findings:
        if finding.severity is Severity.ERROR:
            rule = rules.get(finding.rule)
            required = f": {finding.required}" if finding.required else ""
            line = f"{finding.path}: {finding.message}{required} ({finding.rule})"
            (missing if rule is not None and rule.absence else wrong).append(line)
    right = [verdict.path for verdict in verdicts if verdict.verdict != "invalid"]
    return Partial(right=tuple(right), wrong=tuple(dict.fromkeys(wrong)), missing=tuple(dict.fromkeys(missing)))
