"""JUnit XML, which most CI services display: a test suite per benchmark of a system, a test case per result."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

from submitter.checker.finding import Finding, Report, ResultVerdict, Severity
from submitter.checker.reporters._shared import AROUND, RANK, Group, facts, figure, grouped, origin_and_source, place
from submitter.quoting import printable

_FOLDER = "(the folder)"  # no scenario is called so, so no result has this name


def render(report: Report, *, colour: bool) -> str:
    """The report as one XML document; `colour` is for terminals only."""
    groups, around = grouped(report)
    root = ElementTree.Element("testsuites", name=f"submitter check, round {report.round}, profile {report.profile}")
    above: dict[str, list[Finding]] = {}
    for finding in around:
        above.setdefault(finding.scope, []).append(finding)
    for group in groups:
        _group(root, group, above)
    if around:
        suite = ElementTree.SubElement(root, "testsuite", name=AROUND)
        for scope, findings in above.items():
            _case(suite, scope or "(the whole tree)", findings)
    if report.waived:
        suite = ElementTree.SubElement(root, "testsuite", name="waived")
        for waived in report.waived:
            case = _case(suite, f"{waived.rule}: {waived.title}", ())
            ElementTree.SubElement(case, "skipped", message=printable(waived.why))
            _text(case, "system-out", map(_line, waived.findings))
    for suite in root:
        _count(suite)
    _count(root)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _group(root: ElementTree.Element, group: Group, above: dict[str, list[Finding]]) -> None:
    suite = ElementTree.SubElement(root, "testsuite", name=printable(group.folder))
    for result in group.results:
        own = group.by_result.get(result.path, [])
        invalid = "" if _errors(own) else _errors_elsewhere(result, group, above)
        case = _case(suite, result.key.scenario, own, " ".join(figure(result.metric)), invalid)
        if result.verdict == "preview":
            ElementTree.SubElement(case, "skipped", message="a smoke run, not a result")
    if group.folder_findings:
        _case(suite, _FOLDER, group.folder_findings)


def _errors_elsewhere(result: ResultVerdict, group: Group, above: dict[str, list[Finding]]) -> str:
    """Why a result without an error of its own is invalid: the errors of the folders that contain it."""
    if result.verdict != "invalid":
        return ""
    parts = result.path.split("/")
    found = [*group.folder_findings]
    for scope in ("", *("/".join(parts[:end]) for end in range(1, len(parts)))):
        found += above.get(scope, [])
    return "invalid because of errors in the folders above it\n" + "\n".join(map(_line, _errors(found)))


def _case(
    suite: ElementTree.Element, name: str, findings: Iterable[Finding], figure: str = "", invalid: str = ""
) -> ElementTree.Element:
    """A test case, with one failure for all its errors: readers of the format do not expect a second one."""
    findings = sorted(findings, key=lambda finding: (RANK[finding.severity], finding.rule))
    case = ElementTree.SubElement(suite, "testcase", classname=suite.get("name", ""), name=printable(name), time="0")
    if findings:
        case.set("file", findings[0].path)
    if errors := _errors(findings):
        rules = ", ".join(sorted({finding.rule for finding in errors}))
        _text(case, "failure", map(_line, errors)).set("message", f"{rules}: {errors[0].message}")
    elif invalid:
        _text(case, "failure", [invalid]).set("message", invalid.partition("\n")[0])
    others = [_line(finding) for finding in findings if finding.severity is not Severity.ERROR]
    if figure or others:
        _text(case, "system-out", [figure, *others] if figure else others)
    return case


def _errors(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def _text(case: ElementTree.Element, tag: str, lines: Iterable[str]) -> ElementTree.Element:
    element = ElementTree.SubElement(case, tag)
    element.text = "\n".join(lines)
    return element


def _line(finding: Finding) -> str:
    heading = f"{finding.severity} {finding.rule}: {finding.message}"
    parts = [f"{heading}: {facts(finding)}" if facts(finding) else heading, f"  at {place(finding)}"]
    parts += [f"  fix: {finding.hint}"] if finding.hint else []
    return "\n".join([*parts, f"  {origin_and_source(finding)}"])


def _count(suite: ElementTree.Element) -> None:
    suite.set("tests", str(sum(1 for _ in suite.iter("testcase"))))
    for attribute, tag in (("failures", "failure"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(1 for _ in suite.iter(tag))))
    suite.set("errors", "0")
