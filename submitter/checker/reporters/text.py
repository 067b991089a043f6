"""The report for a terminal: findings by result, each with what and where it is, who requires it, and how to fix it.

The report of a whole round must stay readable. So with more than a few results, a system without findings takes one
line, and what a rule finds in many benchmarks is shown in full only once, under `in many results`; an error still takes
one line at each result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from submitter.checker.finding import Finding, Partial, Report, ResultVerdict, Severity
from submitter.checker.reporters._shared import (
    AROUND,
    Group,
    Refusals,
    Same,
    count,
    counts,
    coverage,
    facts,
    figure,
    grouped,
    merged,
    origin_and_source,
    place,
    rules_of,
)
from submitter.quoting import printable
from submitter.units import S_PER_H, S_PER_MIN

_SEVERITY_STYLE = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}
_VERDICT = {"valid": ("✓", "green"), "invalid": ("✗", "red"), "preview": ("~", "yellow")}
_PAD = " " * 13
_ALL_RESULTS_SHOWN = 20
_MANY_BENCHMARKS = 5
_SAME_RULE_SHOWN = 5
_SAME_PLACES_SHOWN = 3
_SOURCE_CHARACTERS = 110

# A rule may be an error in one place and a warning in another; the two are counted separately.
_Kind = tuple[str, Severity]


def render(report: Report, *, colour: bool) -> str:
    """The report as text, with ANSI colours if `colour`."""
    return _Text(report, colour).report()


def _kind(finding: Finding) -> _Kind:
    return finding.rule, finding.severity


class _Text:
    """Renders one report. `common` has the kinds of finding that are shown under `in many results`."""

    def __init__(self, report: Report, colour: bool) -> None:
        self.whole = report
        self.colour = colour
        self.groups, self.around = grouped(report)
        self.refusals = Refusals(report, self.around)
        self.common: set[_Kind] = set()
        self.brief = len(report.results) > _ALL_RESULTS_SHOWN
        if self.brief:
            places: dict[_Kind, set[str]] = {}
            for group in self.groups:
                for finding in group.findings:
                    places.setdefault(_kind(finding), set()).add(group.folder)
            self.common = {kind for kind, folders in places.items() if len(folders) > _MANY_BENCHMARKS}

    def style(self, text: str, *names: str) -> str:
        if not self.colour or not text:
            return text
        from rich.style import Style  # takes 30 ms to import, and only terminals need it

        return Style.parse(" ".join(names)).render(text)

    def report(self) -> str:
        lines = self.banner() if self.whole.smoke else []
        systems: dict[str, list[Group]] = {}
        for group in self.groups:
            systems.setdefault(group.system, []).append(group)
        for system, groups in systems.items():
            quiet = [group for group in groups if self.is_quiet(group)]
            for group in groups:
                if group not in quiet:
                    lines += self.block(group)
            if quiet:
                lines.append(self.quiet_line(system, [result for group in quiet for result in group.results]))
                lines += [""] if len(quiet) < len(groups) else []
        lines += [""] if lines and lines[-1] else []
        if self.around:
            lines += [self.style(AROUND, "bold"), *self.findings(self.around, "", frozenset()), ""]
        lines += self.in_many()
        lines += self.waived()
        lines += self.partial(self.whole.partial) if self.whole.partial else []
        return "\n".join([*lines, self.closing()]) + "\n"

    def is_quiet(self, group: Group) -> bool:
        """Whether its system needs one line only: nothing is wrong in it, and every finding is under `in many results`.

        Its results are valid, or only errors in the folders above refuse them.
        """
        return self.brief and self.are_common(group.findings) and all(map(self.is_right, group.results))

    def is_right(self, result: ResultVerdict) -> bool:
        return result.verdict == "valid" or bool(self.refusals.of(result))

    def quiet_line(self, system: str, results: list[ResultVerdict]) -> str:
        """One line for results in which nothing is wrong."""
        above = [finding for result in results for finding in self.refusals.of(result)]
        verdict = f"invalid: {self.by(above)}" if above else "valid"
        sign, style = _VERDICT["invalid" if above else "valid"]
        return f"{self.style(sign, style)} {printable(system)}  {count(len(results), 'result')} {verdict}"

    def by(self, above: list[Finding]) -> str:
        """Which rules refuse results from above, and where they are reported."""
        return f"{rules_of(above)}, see '{AROUND}'"

    def are_common(self, findings: Iterable[Finding]) -> bool:
        """Whether all these findings are shown under `in many results`, and none is an error."""
        return all(f.severity is not Severity.ERROR and _kind(f) in self.common for f in findings)

    def block(self, group: Group) -> list[str]:
        findings = [f for f in group.findings if not self.are_common([f])]
        title = self.style(printable(group.folder), "bold")
        return [title, *self.table(group.results), *self.findings(findings, group.folder, self.common), ""]

    def banner(self) -> list[str]:
        lines = [
            "SMOKE RUN: not a submission",
            "Short runs that show that everything works. No figure below is a result.",
        ]
        for run in self.whole.full_runs:
            lines.append(f"The full run, in the campaign's folder: {run.command}   (about {_duration(run.expected_s)})")
        width = max(map(len, lines))
        framed = [f"│ {line.ljust(width)} │" for line in lines]
        box = [f"┌{'─' * (width + 2)}┐", *framed, f"└{'─' * (width + 2)}┘"]
        return [self.style(line, "yellow", "bold") for line in box] + [""]

    def table(self, results: list[ResultVerdict]) -> list[str]:
        figures = [figure(result.metric) for result in results]
        names = max(len(printable(result.key.scenario)) for result in results)
        values = max(len(value) for value, _ in figures)
        units = max(len(unit) for _, unit in figures)
        lines = []
        for result, (value, unit) in zip(results, figures, strict=True):
            sign, style = _VERDICT[result.verdict]
            mark = self.style(f"{sign} {printable(result.key.scenario).ljust(names)}", style)
            inferred = "  inferred" if result.inferred else ""
            power = "  {} {}".format(*figure(result.power)) if result.power else ""
            verdict = self.style(result.verdict, style)
            verdict += f": {self.by(above)}" if (above := self.refusals.of(result)) else ""
            lines.append(f"  {mark}  {value.rjust(values)} {unit.ljust(units)}  {verdict}{inferred}{power}")
        return lines

    def findings(self, findings: list[Finding], folder: str, common: Collection[_Kind]) -> list[str]:
        """Each finding once with all its places, then the hint and the source of its rule once.

        Errors of the kinds in `common` are shown in full elsewhere and take one line here.
        """
        entries = merged(findings)
        lines: list[str] = []
        shown: dict[_Kind, int] = {}
        for number, entry in enumerate(entries):
            first = entry.first
            kind = _kind(first)
            shown[kind] = shown.get(kind, 0) + 1
            following = entries[number + 1].first if number + 1 < len(entries) else None
            last = following is None or _kind(following) != kind
            if kind in common:
                lines += self.one_line(entry, folder)
                continue
            if shown[kind] <= _SAME_RULE_SHOWN:
                lines += self.entry(entry, folder)
            elif first.severity is Severity.ERROR:
                lines += self.one_line(entry, folder)
            elif last:
                more = shown[kind] - _SAME_RULE_SHOWN
                lines.append(f"{_PAD}{self.style(f'and {more:,} more of the same kind: see --format json', 'dim')}")
            if first.hint and (last or (following and following.hint != first.hint)):
                lines.append(f"{_PAD}{self.style('→', 'green')} {first.hint}")
            if last:
                lines.append(f"{_PAD}{self.style(_source(first), 'dim')}")
        return lines

    def heading(self, finding: Finding) -> str:
        style = _SEVERITY_STYLE[finding.severity]
        rule = self.style(finding.rule.ljust(8), style, *([] if finding.severity is Severity.NOTE else ["bold"]))
        tag = "" if finding.severity is Severity.ERROR else self.style(f"{finding.severity}: ", style)
        return f"     {rule}{tag}{finding.message}"

    def entry(self, same: Same, folder: str) -> list[str]:
        lines = [self.heading(same.first)]
        lines += [_PAD + text] if (text := facts(same.first)) else []
        for finding in same.findings[:_SAME_PLACES_SHOWN]:
            lines.append(_PAD + self.style(place(finding, folder), "dim"))
        if (more := len(same.findings) - _SAME_PLACES_SHOWN) > 0:
            lines.append(_PAD + self.style(f"and {count(more, 'more place')}", "dim"))
        return lines

    def one_line(self, same: Same, folder: str) -> list[str]:
        details = f": {facts(same.first)}" if facts(same.first) else ""
        more = f" and {len(same.findings) - 1:,} more" if len(same.findings) > 1 else ""
        return [f"{self.heading(same.first)}{details}  {self.style(place(same.first, folder) + more, 'dim')}"]

    def in_many(self) -> list[str]:
        """The findings that many benchmarks have in common, rule by rule."""
        found: dict[_Kind, list[Finding]] = {}
        folders: dict[_Kind, set[str]] = {}
        for group in self.groups:
            for finding in group.findings:
                if (kind := _kind(finding)) in self.common:
                    found.setdefault(kind, []).append(finding)
                    folders.setdefault(kind, set()).add(group.folder)
        if not found:
            return []
        lines = [self.style("in many results", "bold")]
        rank = list(Severity).index
        for kind in sorted(found, key=lambda kind: (rank(kind[1]), -len(found[kind]), kind[0])):
            first = found[kind][0]
            times = f"({count(len(found[kind]), 'time')} in {count(len(folders[kind]), 'benchmark')})"
            lines.append(f"{self.heading(first)} {times}")
            for example in found[kind][:_SAME_PLACES_SHOWN]:
                details = f": {facts(example)}" if facts(example) else ""
                lines.append(_PAD + self.style(f"such as {place(example)}", "dim") + details)
            lines += [f"{_PAD}{self.style('→', 'green')} {first.hint}"] if first.hint else []
            lines.append(f"{_PAD}{self.style(_source(first), 'dim')}")
        return [*lines, ""]

    def waived(self) -> list[str]:
        if not self.whole.waived:
            return []
        lines = [self.style("waived", "bold")]
        for waived in self.whole.waived:
            times = f"{len(waived.findings):,} ×"
            lines.append(
                f"     {self.style(waived.rule.ljust(8), 'yellow')}{times:>5} {waived.title}: {printable(waived.why)}"
            )
        return [*lines, ""]

    def partial(self, partial: Partial) -> list[str]:
        """What is right, wrong and missing in an unfinished submission."""
        lines = []
        parts = (("right", partial.right, "✓"), ("wrong", partial.wrong, "✗"), ("missing", partial.missing, "?"))
        for name, entries, sign in parts:
            lines.append(self.style(f"{name} ({len(entries):,})", "bold"))
            lines += [f"  {sign} {printable(entry)}" for entry in entries]
        return [*lines, ""]

    def closing(self) -> str:
        style = {"pass": "green", "fail": "red", "preview": "yellow"}[self.whole.verdict]
        verdict = self.style(self.whole.verdict.upper(), style, "bold")
        return f"{verdict}  {counts(self.whole)}; {coverage(self.whole)}"


def _source(finding: Finding) -> str:
    text = origin_and_source(finding)
    return text if len(text) <= _SOURCE_CHARACTERS else text[: _SOURCE_CHARACTERS - 3] + "..."


def _duration(duration_s: float) -> str:
    minutes = max(1, round(duration_s / S_PER_MIN))
    return f"{minutes} min" if minutes < 120 else f"{minutes * S_PER_MIN / S_PER_H:.1f} h"
