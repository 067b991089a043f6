"""GitHub's Markdown, for a job summary."""

from __future__ import annotations

import dataclasses
import html
import re

from reports import failing, finding, hostile, report_of, round_report, verdict_of
from submission_tree import SYSTEM, Tree

from submitter.checker.reporters import markdown


def test_the_job_summary_tells_verdict_results_and_findings(tree: Tree) -> None:
    rendered = markdown.render(failing(tree), colour=False)
    assert rendered.startswith("## ❌ submitter check: fail\n")
    rows = [line for line in rendered.splitlines() if line.startswith("| ❌")]
    assert len(rows) == 2
    assert f"| `closed/Acme/{SYSTEM}` | `llama2-70b-99.9` | `Offline` | 61980.2 Tokens/s |" in rows[0]
    assert "**SYS" in rendered
    assert "found `" in rendered
    assert rendered.count("<details") == rendered.count("</details>")


def test_the_job_summary_fits_what_github_takes() -> None:
    hint = "a long way to fix it " * 13
    report = round_report(systems=120, benchmarks=4, broken_systems=120)
    long = [
        dataclasses.replace(f, hint=hint + str(n), found="x" * 290, required="y" * 290)
        for n, f in enumerate(report.findings * 4)
    ]
    rendered = markdown.render(dataclasses.replace(report, findings=tuple(long)), colour=False)
    assert 500_000 < len(rendered.encode()) < 1 << 20
    assert rendered.count("<details") == rendered.count("</details>")
    assert "does not fit into a job summary" in rendered.splitlines()[-1]


def test_strangers_text_is_no_markup_in_the_job_summary() -> None:
    rendered = markdown.render(hostile(), colour=False)
    literal = re.compile(r"\\[!-/:-@\[-`{-~]|(`+)(?!`)(.+?)(?<!`)\1(?!`)")  # an escaped sign, or code
    for line in rendered.splitlines():
        prose = literal.sub("", line)
        if "<summary>" in line:
            summary = re.sub(r"^<details(?: open)?><summary>(.*)</summary>$", r"\1", line)
            assert html.escape(html.unescape(summary)) == summary
            continue
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)\|", line)) == 7
        # What is left holds no sign that could be read as markup, but our own.
        ours = re.sub(
            r"<br>|</?sub>|</?details( open)?>|\*\*[A-Z]{3}\d{3}\*\*|^- |^## |^> \*\*.*|^\|[-:|]+$|\|", "", prose
        )
        assert not re.search(r"[<>`*_\[\]|$]", ours), line
        assert "@all" not in ours
    assert "&lt;script&gt;" in rendered


def test_an_error_above_the_results_is_named_at_each() -> None:
    stray = finding("STR020", path="summary.csv", line=None, scope=".")
    rendered = markdown.render(report_of([verdict_of(verdict="invalid")] * 3, [stray]), colour=False)
    assert rendered.count("| STR020 around the results |") == 3
