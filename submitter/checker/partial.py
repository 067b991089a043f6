"""A submission under way: what is right, what is wrong, and what is only missing still."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from submitter.checker.finding import Finding, Partial, ResultVerdict, Severity
from submitter.checker.registry import Rule


def partial_of(verdicts: Iterable[ResultVerdict], findings: Iterable[Finding], rules: Mapping[str, Rule]) -> Partial:
    """Sort a check's outcome into three lists: results that are right, errors, and errors that tell of an absence."""
    wrong: list[str] = []
    missing: list[str] = []
    for finding in findings:
        if finding.severity is Severity.ERROR:
            rule = rules.get(finding.rule)
            list_ = missing if rule is not None and rule.absence else wrong
            required = f": {finding.required}" if finding.required else ""
            list_.append(f"{finding.path}: {finding.message}{required} ({finding.rule})")
    right = [verdict.path for verdict in verdicts if verdict.verdict != "invalid"]
    return Partial(tuple(right), tuple(dict.fromkeys(wrong)), tuple(dict.fromkeys(missing)))
