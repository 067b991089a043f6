"""The report for a terminal: grouped by result, each finding with where, what, why and how to mend it."""

from __future__ import annotations

from pathlib import PurePosixPath

from submitter.checker.finding import Finding, Report, ResultVerdict, Severity, printable

_STYLES = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}
_SEVERITY_STYLE = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}
_VERDICT = {"valid": ("✓", "green"), "invalid": ("✗", "red"), "preview": ("~", "yellow")}
_RANK = {severity: rank for rank, severity in enumerate(Severity)}
_PAD = " " * 13
_SAME_RULE_SHOWN = 5
_SAME_PLACES_SHOWN = 3


def render(report: Report, *, colour: bool) -> str:
    """The report as text; ANSI colours only where `colour` says so."""
    return _Text(colour).report(report)


class _Text:
    def __init__(self, colour: bool) -> None:
        self.colour = colour

    def style(self, text: str, *names: str) -> str:
        if not self.colour or not text:
            return text
        return f"\033[{';'.join(_STYLES[name] for name in names)}m{text}\033[0m"

    def report(self, report: Report) -> str:
        lines: list[str] = []
        if report.smoke:
            lines += self.banner(report)
        rest = list(report.findings)
        groups: dict[str, list[ResultVerdict]] = {}
        for result in report.results:
            groups.setdefault(str(PurePosixPath(result.path).parent), []).append(result)
        for folder, results in groups.items():
            lines += [self.style(printable(folder), "bold"), *self.table(results)]
            own, rest = _split(rest, folder)
            lines += [*self.findings(own, folder), ""]
        if rest:
            lines += [self.style("around the results", "bold"), *self.findings(rest, ""), ""]
        lines += self.waived(report)
        lines.append(self.closing(report))
        return "\n".join(lines) + "\n"

    def banner(self, report: Report) -> list[str]:
        lines = [
            "SMOKE RUN: not a submission",
            "Short runs that show that everything works. No figure below is a result.",
        ]
        for run in report.full_runs:
            lines.append(f"The full run: {run.command}   (about {_duration(run.expected_s)})")
        width = max(map(len, lines))
        framed = [f"│ {line.ljust(width)} │" for line in lines]
        box = [f"┌{'─' * (width + 2)}┐", *framed, f"└{'─' * (width + 2)}┘"]
        return [self.style(line, "yellow", "bold") for line in box] + [""]

    def table(self, results: list[ResultVerdict]) -> list[str]:
        figures = [_figure(result) for result in results]
        names = max(len(printable(result.key.scenario)) for result in results)
        values = max(len(value) for value, _ in figures)
        units = max(len(unit) for _, unit in figures)
        lines = []
        for result, (value, unit) in zip(results, figures, strict=True):
            sign, style = _VERDICT[result.verdict]
            mark = self.style(f"{sign} {printable(result.key.scenario).ljust(names)}", style)
            inferred = "  inferred" if result.inferred else ""
            verdict = self.style(result.verdict, style)
            lines.append(f"  {mark}  {value.rjust(values)} {unit.ljust(units)}  {verdict}{inferred}")
        return lines

    def findings(self, findings: list[Finding], folder: str) -> list[str]:
        """Findings that say the same of several files become one, and a hint stands once for its rule."""
        same: dict[tuple[str, ...], list[Finding]] = {}
        for finding in findings:
            key = (finding.rule, finding.severity, finding.hint, finding.message, finding.found, finding.required)
            same.setdefault(key, []).append(finding)
        entries = sorted(same.values(), key=lambda entry: (_RANK[entry[0].severity], entry[0].rule, entry[0].hint))
        lines: list[str] = []
        kind: tuple[str, str] | None = None
        for number, entry in enumerate(entries):
            first = entry[0]
            shown = sum((other[0].rule, other[0].message) == (first.rule, first.message) for other in entries[:number])
            if shown < _SAME_RULE_SHOWN:
                lines += self.entry(entry, folder)
            elif shown == _SAME_RULE_SHOWN:
                lines.append(f"{_PAD}{self.style('and more of the same kind: see --format json', 'dim')}")
            kind = (first.rule, first.hint)
            following = entries[number + 1][0] if number + 1 < len(entries) else None
            if first.hint and (following is None or (following.rule, following.hint) != kind):
                lines.append(f"{_PAD}{self.style('→', 'green')} {first.hint}")
        return lines

    def entry(self, same: list[Finding], folder: str) -> list[str]:
        first = same[0]
        style = _SEVERITY_STYLE[first.severity]
        rule = self.style(first.rule.ljust(8), style, *([] if first.severity is Severity.NOTE else ["bold"]))
        tag = "" if first.severity is Severity.ERROR else self.style(f"{first.severity}: ", style)
        lines = [f"     {rule}{tag}{first.message}"]
        facts = [f"found {first.found}"] if first.found else []
        facts += [f"required {first.required}"] if first.required else []
        if facts:
            lines.append(_PAD + ", ".join(facts))
        for finding in same[:_SAME_PLACES_SHOWN]:
            lines.append(_PAD + self.style(_place(finding, folder), "dim"))
        if len(same) > _SAME_PLACES_SHOWN:
            lines.append(_PAD + self.style(f"and {len(same) - _SAME_PLACES_SHOWN} more places", "dim"))
        return lines

    def waived(self, report: Report) -> list[str]:
        if not report.waived:
            return []
        lines = [self.style("waived, because the run was short", "bold")]
        for waived in report.waived:
            times = f"{len(waived.findings)} ×"
            lines.append(f"     {self.style(waived.rule.ljust(8), 'yellow')}{times:>5} {waived.title}: {waived.why}")
        return [*lines, ""]

    def closing(self, report: Report) -> str:
        counts = report.summary
        style = {"pass": "green", "fail": "red", "preview": "yellow"}[report.verdict]
        verdict = self.style(report.verdict.upper(), style, "bold")
        found = [
            _count(counts["errors"], "error"),
            _count(counts["warnings"], "warning"),
            _count(counts["notes"], "note"),
        ]
        results = _count(counts["results"], "result")
        states = ", ".join(f"{counts[state]} {state}" for state in ("valid", "invalid", "preview") if counts[state])
        checked = f"{counts['rules']} rules of round {report.round} on {_count(counts['files'], 'file')}"
        crashed = f"; crashed: {', '.join(report.crashed)}" if report.crashed else ""
        return f"{verdict}  {', '.join(found)} in {results} ({states}); {checked}{crashed}"


def _split(findings: list[Finding], folder: str) -> tuple[list[Finding], list[Finding]]:
    """The findings that concern a folder or what lies in it, and the others."""
    own: list[Finding] = []
    others: list[Finding] = []
    for finding in findings:
        concerned = finding.scope == folder or finding.scope.startswith(folder + "/")
        (own if concerned else others).append(finding)
    return own, others


def _place(finding: Finding, folder: str) -> str:
    where = PurePosixPath(finding.path)
    shown = str(where.relative_to(folder)) if folder and where.is_relative_to(folder) else finding.path
    if shown == ".":
        shown = finding.path
    return f"{shown}:{finding.line}" if finding.line else shown


def _figure(result: ResultVerdict) -> tuple[str, str]:
    if result.metric is None:
        return "no figure", ""
    value = result.metric.value
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"), result.metric.unit


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
