"""GitHub's annotations: workflow commands at files and lines, no more than it shows."""

from __future__ import annotations

import dataclasses

from read_reports import commands
from reports import HOSTILE, failing, finding, hostile, report_of, verdict_of
from submission_tree import Tree

from submitter.checker.finding import Severity
from submitter.checker.reporters import github
from submitter.quoting import printable


def test_annotations_stand_at_files_and_lines(tree: Tree) -> None:
    report = failing(tree)
    *reported, (kind, properties, closing) = commands(github.render(report, colour=False))
    assert (kind, properties) == ("error", {"title": "submitter check"})
    assert closing.startswith("FAIL: ")
    level = {"error": "error", "warning": "warning", "notice": "note"}
    assert {(level[kind], p["title"].split()[0], p["file"], p.get("line")) for kind, p, _ in reported} == {
        (f.severity.value, f.rule, f.path, str(f.line) if f.line else None) for f in report.findings
    }


def test_annotations_are_no_more_than_github_shows_and_the_gravest() -> None:
    findings = [finding("MEA004", Severity.WARNING, message=f"warning {number}") for number in range(30)]
    findings += [finding(message=f"error {number}", path=f"closed/{number}") for number in range(30)]
    findings += [
        finding("ACC002", message="the same everywhere", path=f"closed/{n}", origin="policy") for n in range(40)
    ]
    reported = commands(github.render(report_of([], findings), colour=False))
    kinds = [kind for kind, *_ in reported]
    assert (kinds.count("error"), kinds.count("warning"), kinds.count("notice")) == (10, 10, 0)
    assert kinds == [*sorted(kinds[:-1]), "error"]
    assert [message.splitlines()[0].split(":")[0] for _, _, message in reported[:2]] == ["error 0", "error 1"]
    assert reported[-1][2].startswith("FAIL: 70 errors, 30 warnings")
    (one, _) = commands(github.render(report_of([], findings[-40:]), colour=False))
    assert one[2].endswith("and 34 more")


def test_a_passing_check_leaves_one_notice() -> None:
    assert [kind for kind, *_ in commands(github.render(report_of([verdict_of()], []), colour=False))] == ["notice"]


def test_strangers_text_starts_no_workflow_command() -> None:
    rendered = github.render(hostile(), colour=False)
    reported = commands(rendered)
    assert len(reported) == 3
    assert reported[0][1]["file"] == printable(HOSTILE)
    raw = dataclasses.replace(
        hostile(), findings=(finding(message="x\n::error::pwned", path="a,b:c%\n::error::pwned"),)
    )
    assert [p.get("file") for _, p, _ in commands(github.render(raw, colour=False))] == ["a,b:c%\n::error::pwned", None]
