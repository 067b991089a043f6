"""The report as GitHub's Markdown, for a job's summary: the verdict, the results, the findings folded away.

Names and values are strangers' text. As code they are shown letter by letter; in prose each sign that Markdown or HTML
could read is escaped, and an @ mentions nobody.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from submitter.checker.finding import Finding, Report, ResultVerdict, Severity
from submitter.checker.reporters._shared import (
    AROUND,
    asked,
    asked_by,
    count,
    counts,
    figure,
    grouped,
    merged,
    place,
)
from submitter.quoting import printable

# GitHub drops the whole summary of a step over 1 MiB; other steps' words and our last line need some of it.
_MAX_BYTES = 900 * 1024
_PLACES_NAMED = 5
_SIGN = {"pass": "✅", "fail": "❌", "preview": "🟡", "valid": "✅", "invalid": "❌"}
_MARK = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.NOTE: "ℹ️"}
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>()#+.!|~@&:$-])")
_BACKTICKS = re.compile(r"`+")


def render(report: Report, *, colour: bool) -> str:
    """The report as Markdown of at most 1 MiB; `colour` is for terminals only."""
    head = f"## {_SIGN[report.verdict]} submitter check: {report.verdict}\n\n{counts(report)}; {asked(report)}.\n"
    parts, size = [head], len(head.encode())
    for part in _sections(report):
        size += len(part.encode())
        if size > _MAX_BYTES:
            parts.append("\n**There is more than a job summary holds:** see the text, JSON or SARIF report.\n")
            break
        parts.append(part)
    return "".join(parts)


def _sections(report: Report) -> Iterator[str]:
    """The most important first: what is left out for its size is at the end."""
    if report.smoke:
        yield "\n> **A smoke run, no submission:** short runs that show that everything works.\n"
    if report.partial:
        for name, entries in (
            ("wrong", report.partial.wrong),
            ("missing", report.partial.missing),
            ("right", report.partial.right),
        ):
            yield _folded(f"{len(entries):,} {name}", [f"- {_prose(entry)}\n" for entry in entries])
    invalid = [result for result in report.results if result.verdict != "valid"]
    yield from _table(f"{len(invalid):,} not valid", invalid, is_open=True)
    groups, around = grouped(report)
    found = [(AROUND, around)] if around else []
    found += [(group.folder, group.findings) for group in groups if group.findings]
    # The folders with errors first.
    for folder, findings in sorted(found, key=lambda pair: not _number(pair[1], Severity.ERROR)):
        told = [count(number, severity) for severity in Severity if (number := _number(findings, severity))]
        yield _folded(f"{folder}: {', '.join(told)}", _findings(findings, folder))
    for waived in report.waived:
        title = f"waived: {waived.rule}, {count(len(waived.findings), 'finding')}"
        yield _folded(title, [f"{_prose(waived.title)}: {_prose(waived.why)}\n\n", *_findings(waived.findings, "")])
    valid = [result for result in report.results if result.verdict == "valid"]
    yield from _table(f"{len(valid):,} valid", valid, is_open=len(report.results) <= 20)


def _number(findings: Iterable[Finding], severity: Severity) -> int:
    return sum(finding.severity is severity for finding in findings)


def _table(title: str, results: list[ResultVerdict], *, is_open: bool) -> Iterator[str]:
    if not results:
        return
    rows = ["| | system | benchmark | scenario | result | |\n", "|---|---|---|---|--:|---|\n"]
    for result in results:
        key = result.key
        system = _code(f"{key.division}/{key.submitter}/{key.system}", in_table=True)
        names = f"{system} | {_code(key.benchmark, in_table=True)} | {_code(key.scenario, in_table=True)}"
        notes = ["inferred"] if result.inferred else []
        notes += [" ".join(figure(result.power))] if result.power else []
        value = " ".join(figure(result.metric))
        rows.append(f"| {_SIGN[result.verdict]} | {names} | {value} | {', '.join(notes)} |\n")
    yield _folded(title, rows, is_open=is_open)


def _folded(title: str, lines: Iterable[str], *, is_open: bool = False) -> str:
    """A part that opens on a click; a blank line ends the HTML, so that Markdown is read again."""
    tag = "<details open>" if is_open else "<details>"
    return f"\n{tag}<summary>{html.escape(printable(title))}</summary>\n\n{''.join(lines)}\n</details>\n"


def _findings(findings: Iterable[Finding], folder: str) -> Iterator[str]:
    for entry in merged(findings):
        first = entry.first
        told = [f"- {_MARK[first.severity]} **{first.rule}** {_prose(first.message)}"]
        told += [f"found {_code(first.found)}"] if first.found else []
        told += [f"required {_code(first.required)}"] if first.required else []
        places = [_code(place(finding, folder)) for finding in entry.findings[:_PLACES_NAMED] if finding.path]
        places += [f"{len(entry.findings) - len(places):,} more"] if len(entry.findings) > _PLACES_NAMED else []
        lines = [", ".join(told), ", ".join(places)]
        lines += [f"→ {_prose(first.hint)}"] if first.hint else []
        lines.append(f"<sub>{_prose(asked_by(first))}</sub>")
        yield "<br>".join(line for line in lines if line) + "\n"


def _prose(text: str) -> str:
    """Text that shows as it is written: every punctuation mark escaped, and nothing behind an @ that it could name."""
    return _PUNCTUATION.sub(r"\\\1", printable(text)).replace("@", "@\u200b")


def _code(text: str, *, in_table: bool = False) -> str:
    """Text as code: shown letter by letter, between more backticks than stand together in it."""
    text = printable(text) or " "
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    if in_table:  # a table ends its cell at a bar before code is looked for
        text = text.replace("|", "\\|")
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"
