"""Annotations for GitHub Actions: workflow commands on the step's output.

GitHub shows ten errors, ten warnings and ten notices per step and silently drops the others. So findings of the same
kind become one annotation, the most important ones come first, and the last line gives the total counts.
"""

from __future__ import annotations

from submitter.checker.finding import Finding, Report, Severity
from submitter.checker.reporters._shared import by_importance, counts, coverage, facts, place

_SHOWN_OF_EACH = 10
_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_PLACES_NAMED = 5


def render(report: Report, *, colour: bool) -> str:
    """Workflow commands, one per line; the last one has the outcome. `colour` is for terminals only."""
    lines = []
    # The closing line is an annotation too: one of the notices, or of the errors where the check failed.
    closing = Severity.ERROR if report.verdict == "fail" else Severity.NOTE
    left = dict.fromkeys(Severity, _SHOWN_OF_EACH) | {closing: _SHOWN_OF_EACH - 1}
    for kind in by_importance(report.findings):
        severity = kind[0].severity
        if left[severity]:
            left[severity] -= 1
            lines.append(_annotation(report, kind))
    outcome = f"{report.verdict.upper()}: {counts(report)}; {coverage(report)}"
    lines.append(_command(_COMMAND[closing], {"title": "submitter check"}, outcome))
    return "\n".join(lines) + "\n"


def _annotation(report: Report, kind: list[Finding]) -> str:
    first = kind[0]
    lines = [first.message + (f": {facts(first)}" if facts(first) else "")]
    if first.hint:
        lines.append(f"Fix: {first.hint}")
    if len(kind) > 1:
        named = [place(finding) for finding in kind[1 : 1 + _PLACES_NAMED]]
        more = len(kind) - 1 - len(named)
        lines.append(f"Also in {', '.join(named)}" + (f" and {more:,} more" if more else ""))
    properties = {"file": report.located(first.path)}
    if first.line:
        properties["line"] = str(first.line)
    properties["title"] = f"{first.rule} ({first.origin})"
    return _command(_COMMAND[first.severity], properties, "\n".join(lines))


def _command(name: str, properties: dict[str, str], message: str) -> str:
    parameters = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {parameters}::{_data(message)}"


def _data(text: str) -> str:
    """A message in the encoding of workflow commands. It has no line breaks, so no text in it can begin a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
