"""Annotations for GitHub Actions: workflow commands on the step's output.

GitHub shows ten errors, ten warnings and ten notices of a step and drops the others without a word. So findings of the
same kind become one annotation, the most important come first, and the last line says how many there are in truth.
"""

from __future__ import annotations

from submitter.checker.finding import Finding, Report, Severity
from submitter.checker.reporters._shared import asked, by_importance, counts, facts, place

_SHOWN_OF_EACH = 10
_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_PLACES_NAMED = 5


def render(report: Report, *, colour: bool) -> str:
    """Workflow commands, a line each, and the outcome as the last; `colour` is for terminals only."""
    lines = []
    # The closing line is an annotation too: one of the notices, or of the errors where the check failed.
    closing = Severity.ERROR if report.verdict == "fail" else Severity.NOTE
    left = dict.fromkeys(Severity, _SHOWN_OF_EACH) | {closing: _SHOWN_OF_EACH - 1}
    for kind in by_importance(report.findings):
        severity = kind[0].severity
        if left[severity]:
            left[severity] -= 1
            lines.append(_annotation(report, kind))
    outcome = f"{report.verdict.upper()}: {counts(report)}; {asked(report)}"
    lines.append(_command(_COMMAND[closing], {"title": "submitter check"}, outcome))
    return "\n".join(lines) + "\n"


def _annotation(report: Report, kind: list[Finding]) -> str:
    first = kind[0]
    told = [first.message + (f": {facts(first)}" if facts(first) else "")]
    if first.hint:
        told.append(f"To mend it: {first.hint}")
    if len(kind) > 1:
        named = [place(finding) for finding in kind[1 : 1 + _PLACES_NAMED]]
        more = len(kind) - 1 - len(named)
        told.append(f"Also in {', '.join(named)}" + (f" and {more:,} more" if more else ""))
    properties = {"file": report.located(first.path)}
    if first.line:
        properties["line"] = str(first.line)
    properties["title"] = f"{first.rule} ({first.origin})"
    return _command(_COMMAND[first.severity], properties, "\n".join(told))


def _command(name: str, properties: dict[str, str], message: str) -> str:
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {told}::{_data(message)}"


def _data(text: str) -> str:
    """A message as the runner decodes it: with no line break left, nothing in it can begin a command of its own."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
