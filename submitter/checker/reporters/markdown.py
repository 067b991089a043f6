"""The report as GitHub's Markdown, for a job summary: the verdict, the results, and the findings in folded sections.

Names and values are untrusted text. In code they are shown literally; in prose every character that Markdown or HTML
could interpret is escaped, and an @ does not mention anybody.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from submitter.checker.finding import Finding, Report, ResultVerdict, Severity
from submitter.checker.reporters._shared import (
    AROUND,
    Refusals,
    count,
    counts,
    coverage,
    figure,
    grouped,
    merged,
    origin_and_source,
    place,
    rules_of,
)
from submitter.quoting import printable
from submitter.units import BYTES_PER_KIB

# GitHub drops a step's summary if it is over 1 MiB; some of that is left for other text in it and for our last line.
_MAX_BYTES = 900 * BYTES_PER_KIB
_PLACES_NAMED = 5
_SIGN = {"pass": "✅", "fail": "❌", "preview": "🟡", "valid": "✅", "invalid": "❌"}
_MARK = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.NOTE: "ℹ️"}
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>()#+.!|~@&:$-])")
_BACKTICKS = re.compile(r"`+")


def render(report: Report, *, colour: bool) -> str:
    """The report as Markdown of at most 1 MiB; `colour` is for terminals only."""
    head = f"## {_SIGN[report.verdict]} submitter check: {report.verdict}\n\n{counts(report)}; {coverage(report)}.\n"
    parts, size = [head], len(head.encode())
    for part in _sections(report):
        size += len(part.encode())
        if size > _MAX_BYTES:
            parts.append("\n**The rest does not fit into a job summary:** see the text, JSON or SARIF report.\n")
            break
        parts.append(part)
    return "".join(parts)


def _sections(report: Report) -> Iterator[str]:
    """The sections, the most important first: what does not fit is left out at the end."""
    if report.smoke:
        yield "\n> **A smoke run, not a submission:** short runs that show that everything works.\n"
    if report.partial:
        for name, entries in (
            ("wrong", report.partial.wrong),
            ("missing", report.partial.missing),
            ("right", report.partial.right),
        ):
            yield _folded(f"{len(entries):,} {name}", [f"- {_prose(entry)}\n" for entry in entries])
    invalid = [result for result in report.results if result.verdict != "valid"]
    groups, around = grouped(report)
    refusals = Refusals(report, around)
    yield from _table(f"{len(invalid):,} not valid", invalid, refusals, is_open=True)
    found = [(AROUND, around)] if around else []
    found += [(group.folder, group.findings) for group in groups if group.findings]
    # The folders with errors first.
    for folder, findings in sorted(found, key=lambda pair: not _number(pair[1], Severity.ERROR)):
        totals = [count(number, severity) for severity in Severity if (number := _number(findings, severity))]
        yield _folded(f"{folder}: {', '.join(totals)}", _findings(findings, folder))
    for waived in report.waived:
        title = f"waived: {waived.rule}, {count(len(waived.findings), 'finding')}"
        yield _folded(title, [f"{_prose(waived.title)}: {_prose(waived.why)}\n\n", *_findings(waived.findings, "")])
    valid = [result for result in report.results if result.verdict == "valid"]
    yield from _table(f"{len(valid):,} valid", valid, refusals, is_open=len(report.results) <= 20)


def _number(findings: Iterable[Finding], severity: Severity) -> int:
    return sum(finding.severity is severity for finding in findings)


def _table(title: str, results: list[ResultVerdict], refusals: Refusals, *, is_open: bool) -> Iterator[str]:
    if not results:
        return
    rows = ["| | system | benchmark | scenario | result | |\n", "|---|---|---|---|--:|---|\n"]
    for result in results:
        key = result.key
        system = _code(f"{key.division}/{key.submitter}/{key.system}", in_table=True)
        names = f"{system} | {_code(key.benchmark, in_table=True)} | {_code(key.scenario, in_table=True)}"
        notes = [f"{rules_of(above)} {AROUND}"] if (above := refusals.of(result)) else []
        notes += ["inferred"] if result.inferred else []
        notes += [" ".join(figure(result.power))] if result.power else []
        value = " ".join(figure(result.metric))
        rows.append(f"| {_SIGN[result.verdict]} | {names} | {value} | {', '.join(notes)} |\n")
    yield _folded(title, rows, is_open=is_open)


def _folded(title: str, lines: Iterable[str], *, is_open: bool = False) -> str:
    """A section that opens on a click. The blank line after the HTML makes GitHub read Markdown again."""
    tag = "<details open>" if is_open else "<details>"
    return f"\n{tag}<summary>{html.escape(printable(title))}</summary>\n\n{''.join(lines)}\n</details>\n"


def _findings(findings: Iterable[Finding], folder: str) -> Iterator[str]:
    for entry in merged(findings):
        first = entry.first
        parts = [f"- {_MARK[first.severity]} **{first.rule}** {_prose(first.message)}"]
        parts += [f"found {_code(first.found)}"] if first.found else []
        parts += [f"required {_code(first.required)}"] if first.required else []
        places = [_code(place(finding, folder)) for finding in entry.findings[:_PLACES_NAMED] if finding.path]
        places += [f"{len(entry.findings) - len(places):,} more"] if len(entry.findings) > _PLACES_NAMED else []
        lines = [", ".join(parts), ", ".join(places)]
        lines += [f"→ {_prose(first.hint)}"] if first.hint else []
        lines.append(f"<sub>{_prose(origin_and_source(first))}</sub>")
        yield "<br>".join(line for line in lines if line) + "\n"


def _prose(text: str) -> str:
    """Text that is shown as it is written: punctuation is escaped, and an @ is separated from the name after it."""
    return _PUNCTUATION.sub(r"\\\1", printable(text)).replace("@", "@\u200b")


def _code(text: str, *, in_table: bool = False) -> str:
    """Text as code, which is shown literally; the fence has more backticks than any run of them in the text."""
    text = printable(text) or " "
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    if in_table:  # a table splits cells at bars before it recognizes code
        text = text.replace("|", "\\|")
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"
