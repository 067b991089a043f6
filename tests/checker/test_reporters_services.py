"""The formats that services read: SARIF, JUnit, GitHub's annotations and Markdown."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from reports import HOSTILE, finding, report_of, round_report, verdict_of
from submission_tree import SYSTEM, Tree

from submitter.checker.finding import Finding, Report, Severity, Waived
from submitter.checker.registry import all_rules
from submitter.checker.reporters import csv, github, junit, markdown, sarif, text
from submitter.checker.reporters import json as json_report
from submitter.quoting import printable


def failing(tree: Tree) -> Report:
    tree.set(tree.performance_log(), effective_qsl_rng_seed=1)
    tree.edit_json(tree.system_json(), status="sold")
    report = tree.check()
    assert report.verdict == "fail"
    return report


def waived(report: Report) -> Report:
    findings = (finding("MEA004"),)
    entry = Waived(rule="MEA004", title="title", why="agreed in issue 12", findings=findings)
    return dataclasses.replace(report, waived=(entry,))


# SARIF: the properties that the 2.1.0 schema allows where we write them; it allows no others.
SARIF_PROPERTIES = {
    "": {"$schema", "version", "runs", "inlineExternalProperties", "properties"},
    "run": {"tool", "invocations", "results", "automationDetails", "columnKind", "artifacts", "properties"},
    "driver": {"name", "semanticVersion", "version", "informationUri", "rules", "properties"},
    "rule": {
        "id",
        "name",
        "shortDescription",
        "fullDescription",
        "help",
        "helpUri",
        "defaultConfiguration",
        "properties",
    },
    "result": {
        "ruleId",
        "ruleIndex",
        "level",
        "message",
        "locations",
        "partialFingerprints",
        "suppressions",
        "properties",
    },
    "physicalLocation": {"artifactLocation", "region", "properties"},
    "suppression": {"kind", "status", "justification", "properties"},
    "invocation": {"executionSuccessful", "toolExecutionNotifications", "exitCode", "properties"},
}


def check_sarif(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The results of a SARIF log that must follow the format."""

    def only(name: str, value: dict[str, Any]) -> None:
        assert value.keys() <= SARIF_PROPERTIES[name], value.keys()

    only("", document)
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    only("run", run)
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    (invocation,) = run["invocations"]
    only("invocation", invocation)
    for notification in invocation["toolExecutionNotifications"]:
        assert notification["level"] in ("none", "note", "warning", "error")
        assert notification["message"]["text"]
    driver = run["tool"]["driver"]
    only("driver", driver)
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    for rule in driver["rules"]:
        only("rule", rule)
        assert rule["help"]["text"]
        assert rule["shortDescription"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
    prints = [result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]]
    assert len(prints) == len(set(prints))
    for result in run["results"]:
        only("result", result)
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        for location in result["locations"]:
            physical = location["physicalLocation"]
            only("physicalLocation", physical)
            assert re.fullmatch(r"[A-Za-z0-9/._~%-]+", physical["artifactLocation"]["uri"])
            if "region" in physical:
                assert physical["region"]["startLine"] >= 1
        for suppression in result.get("suppressions", []):
            only("suppression", suppression)
            assert suppression["kind"] in ("inSource", "external")
        yield result


def test_sarif_has_each_finding_with_its_rule_place_and_line(tree: Tree) -> None:
    report = failing(tree)
    document = json.loads(sarif.render(report, colour=False))
    results = list(check_sarif(document))
    told = {(r["ruleId"], r["level"], _uri(r), _line(r)) for r in results}
    assert told == {(f.rule, f.severity.value, f.path, f.line) for f in report.findings}
    assert any(line for *_, line in told)
    titles = {rule.id: rule.title for rule in all_rules()}
    for rule in document["runs"][0]["tool"]["driver"]["rules"]:
        assert rule["shortDescription"]["text"] == titles[rule["id"]]


def _uri(result: dict[str, Any]) -> str:
    return unquote(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])


def _line(result: dict[str, Any]) -> int | None:
    line: int | None = result["locations"][0]["physicalLocation"].get("region", {}).get("startLine")
    return line


def test_sarif_suppresses_what_is_waived_and_says_why() -> None:
    document = sarif.document(waived(report_of([verdict_of()], [finding()])))
    results = {result["ruleId"]: result for result in check_sarif(document)}
    assert "suppressions" not in results["PRF013"]
    assert results["MEA004"]["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": "agreed in issue 12"}
    ]


def test_a_fingerprint_outlives_figures_lines_and_neighbours() -> None:
    def prints(*findings: Finding) -> list[str]:
        document = sarif.document(report_of([verdict_of()], list(findings)))
        return [result["partialFingerprints"]["primaryLocationLineHash"] for result in check_sarif(document)]

    (before,) = prints(finding())
    assert prints(finding("ACC002"), finding(line=99, found="7 ms"))[1] == before
    assert prints(finding(path="closed/Other")) != [before]
    assert len(set(prints(finding(line=1), finding(line=2)))) == 2


def test_sarif_says_that_a_rule_crashed() -> None:
    document = sarif.document(report_of([], [finding("INT001")], crashed=("PRF004",)))
    list(check_sarif(document))
    (invocation,) = document["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    assert any("PRF004" in note["message"]["text"] for note in invocation["toolExecutionNotifications"])


def test_sarif_keeps_to_what_a_service_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "_MAX_RESULTS", 3)
    findings = [finding("MEA004", Severity.WARNING, line=line) for line in range(1, 6)] + [finding()]
    document = sarif.document(report_of([verdict_of()], findings))
    assert [result["level"] for result in check_sarif(document)] == ["error", "warning", "warning"]
    assert "3 findings are left out" in json.dumps(document["runs"][0]["invocations"])


def test_paths_are_told_as_the_working_directory_sees_them(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree.root.parent)
    report = failing(tree)
    root = tree.root.name
    assert all(_uri(result).startswith(f"{root}/closed/") for result in sarif.document(report)["runs"][0]["results"])
    assert f"file={root}/closed/" in github.render(report, colour=False)
    monkeypatch.chdir(tree.root)
    assert all(_uri(result).startswith("closed/") for result in sarif.document(tree.check())["runs"][0]["results"])


def suites(report: Report) -> dict[str, dict[str, ElementTree.Element]]:
    """The test cases of a JUnit report by suite and name, all counts compared with what is there."""
    root = ElementTree.fromstring(junit.render(report, colour=False))
    assert root.tag == "testsuites"
    for element in [root, *root]:
        assert int(element.get("tests", "")) == len(list(element.iter("testcase")))
        assert int(element.get("failures", "")) == len(list(element.iter("failure")))
        assert int(element.get("skipped", "")) == len(list(element.iter("skipped")))
    found: dict[str, dict[str, ElementTree.Element]] = {}
    for suite in root:
        cases = found.setdefault(suite.get("name", ""), {})
        for case in suite:
            assert case.get("name") not in cases
            assert len(case.findall("failure")) <= 1
            cases[case.get("name", "")] = case
    return found


def test_junit_has_a_suite_a_benchmark_and_a_case_a_result(tree: Tree) -> None:
    tree.set(tree.performance_log(), effective_qsl_rng_seed=1, effective_schedule_rng_seed=2)
    report = tree.check()
    found = suites(report)
    cases = found[f"closed/Acme/results/{SYSTEM}/llama2-70b-99.9"]
    assert set(cases) == {"Offline", "Server"}
    failure = cases["Offline"].find("failure")
    assert failure is not None
    errors = [f for f in report.findings if f.severity is Severity.ERROR]
    assert len(errors) == 2
    assert all(f"at {f.path}:{f.line}" in (failure.text or "") for f in errors)
    assert all(f.hint in (failure.text or "") for f in errors)
    assert cases["Server"].find("failure") is None
    assert "58520.5 Tokens/s" in (cases["Server"].findtext("system-out") or "")
    around = found["around the results"]["closed/Acme"]
    assert around.find("failure") is None
    assert "PRV001" in (around.findtext("system-out") or "")


def test_junit_fails_the_results_below_a_folder_that_is_refused(tree: Tree) -> None:
    tree.edit_json(tree.system_json(), status="sold")
    report = tree.check()
    assert {result.verdict for result in report.results} == {"invalid"}
    found = suites(report)
    for case in found[f"closed/Acme/results/{SYSTEM}/llama2-70b-99.9"].values():
        told = case.findtext("failure") or ""
        assert "invalid because of errors in the folders above it" in told
        assert "sold" in told
    assert any(case.find("failure") is not None for case in found["around the results"].values())


def test_junit_skips_what_is_waived_and_what_is_no_result() -> None:
    found = suites(waived(report_of([verdict_of(verdict="preview")], [])))
    skipped = found["waived"]["MEA004: title"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "agreed in issue 12"
    assert found["closed/Acme/results/s/b"]["Offline"].find("skipped") is not None


COMMAND = re.compile(r"::(error|warning|notice) ((?:\w+=[^,:\n]*)(?:,\w+=[^,:\n]*)*)::(.*)")


def commands(rendered: str) -> list[tuple[str, dict[str, str], str]]:
    """The workflow commands of an output that must hold nothing else, as the runner decodes them."""

    def decoded(value: str) -> str:
        for sign, code in (("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C"), ("%", "%25")):
            value = value.replace(code, sign)
        return value

    found = []
    assert "\r" not in rendered
    for line in rendered.splitlines():
        match = COMMAND.fullmatch(line)
        assert match, line
        properties = dict(pair.split("=", 1) for pair in match[2].split(","))
        found.append((match[1], {name: decoded(value) for name, value in properties.items()}, decoded(match[3])))
    return found


def test_annotations_stand_at_files_and_lines(tree: Tree) -> None:
    report = failing(tree)
    *told, (kind, properties, closing) = commands(github.render(report, colour=False))
    assert (kind, properties) == ("error", {"title": "submitter check"})
    assert closing.startswith("FAIL: ")
    level = {"error": "error", "warning": "warning", "notice": "note"}
    assert {(level[kind], p["title"].split()[0], p["file"], p.get("line")) for kind, p, _ in told} == {
        (f.severity.value, f.rule, f.path, str(f.line) if f.line else None) for f in report.findings
    }


def test_annotations_are_no_more_than_github_shows_and_the_gravest() -> None:
    findings = [finding("MEA004", Severity.WARNING, message=f"warning {number}") for number in range(30)]
    findings += [finding(message=f"error {number}", path=f"closed/{number}") for number in range(30)]
    findings += [
        finding("ACC002", message="the same everywhere", path=f"closed/{n}", origin="policy") for n in range(40)
    ]
    told = commands(github.render(report_of([], findings), colour=False))
    kinds = [kind for kind, *_ in told]
    assert (kinds.count("error"), kinds.count("warning"), kinds.count("notice")) == (10, 10, 0)
    assert kinds == [*sorted(kinds[:-1]), "error"]
    assert [message.splitlines()[0].split(":")[0] for _, _, message in told[:2]] == ["error 0", "error 1"]
    assert told[-1][2].startswith("FAIL: 70 errors, 30 warnings")
    (one, _) = commands(github.render(report_of([], findings[-40:]), colour=False))
    assert one[2].endswith("and 34 more")


def test_a_passing_check_leaves_one_notice() -> None:
    assert [kind for kind, *_ in commands(github.render(report_of([verdict_of()], []), colour=False))] == ["notice"]


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
    hint = "a long way to mend it " * 13
    report = round_report(systems=120, benchmarks=4, broken_systems=120)
    long = [
        dataclasses.replace(f, hint=hint + str(n), found="x" * 290, required="y" * 290)
        for n, f in enumerate(report.findings * 4)
    ]
    rendered = markdown.render(dataclasses.replace(report, findings=tuple(long)), colour=False)
    assert 500_000 < len(rendered.encode()) < 1 << 20
    assert rendered.count("<details") == rendered.count("</details>")
    assert "does not fit into a job summary" in rendered.splitlines()[-1]


def hostile(**changed: Any) -> Report:
    """A report in which every text that a stranger may have written is hostile."""
    system = printable(HOSTILE)
    result = verdict_of(HOSTILE, HOSTILE, "Offline", "invalid", row={"Organization": HOSTILE, "notes": "@SUM(A1)"})
    words = {name: system for name in ("message", "found", "required", "hint", "path")}
    findings = [finding(scope=result.path, **words), finding("SYS001", scope="closed/Acme", **words)]
    waivers = (Waived(rule="MEA004", title=system, why=HOSTILE, findings=(finding("MEA004", **words),)),)
    valid = verdict_of(HOSTILE, HOSTILE, HOSTILE, row={"Organization": HOSTILE, "notes": "-1+cmd|'/C calc'!A0"})
    return report_of([result, valid], findings, waived=waivers, **changed)


@pytest.mark.parametrize("reporter", [csv, github, json_report, junit, markdown, sarif, text])
def test_strangers_text_leaves_every_format_whole(reporter: ModuleType) -> None:
    rendered = reporter.render(hostile(), colour=False)
    rendered.encode("utf-8")
    for sign in ("\x00", "\x1b", "\u202e"):
        assert sign not in rendered or reporter is csv
    checks: dict[ModuleType, Callable[[str], object]] = {
        json_report: json.loads,
        sarif: lambda text: list(check_sarif(json.loads(text))),
        junit: lambda text: ElementTree.fromstring(text),
        github: commands,
    }
    checks.get(reporter, len)(rendered)


def test_strangers_text_starts_no_workflow_command() -> None:
    rendered = github.render(hostile(), colour=False)
    told = commands(rendered)
    assert len(told) == 3
    assert told[0][1]["file"] == printable(HOSTILE)
    raw = dataclasses.replace(
        hostile(), findings=(finding(message="x\n::error::pwned", path="a,b:c%\n::error::pwned"),)
    )
    assert [p.get("file") for _, p, _ in commands(github.render(raw, colour=False))] == ["a,b:c%\n::error::pwned", None]


def test_strangers_text_is_text_in_xml() -> None:
    found = suites(hostile())
    case = found[printable(f"closed/Acme/results/{HOSTILE}/{HOSTILE}")]["Offline"]
    assert printable(HOSTILE) in (case.findtext("failure") or "")


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
