"""JUnit XML, which most CI services display: a test suite per benchmark of a system, a test case per result.

There is no standard. The report follows both schemas that services validate against: that of Ant's JUnit tasks, as
github.com/windyroad/JUnit-Schema has it, and the wider junit-10.xsd of Jenkins' xUnit plugin. So a case has a failure,
a mark as skipped, or nothing; figures, warnings and notes are in the output of its suite.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from xml.etree import ElementTree

from submitter.checker.finding import Finding, Report, ResultVerdict, Severity
from submitter.checker.reporters._shared import (
    AROUND,
    RANK,
    Group,
    Refusals,
    facts,
    figure,
    grouped,
    origin_and_source,
    place,
)
from submitter.quoting import printable

_FOLDER = "(the folder)"  # no scenario is called so, so no result has this name


def render(report: Report, *, colour: bool) -> str:
    """The report as one XML document; `colour` is for terminals only."""
    groups, around = grouped(report)
    root = ElementTree.Element("testsuites")
    above: dict[str, list[Finding]] = {}
    for finding in around:
        above.setdefault(finding.scope, []).append(finding)
    refusals = Refusals(report, around)
    for group in groups:
        _group(_Suite(root, report, group.folder), group, refusals)
    if around:
        suite = _Suite(root, report, AROUND)
        for scope, findings in above.items():
            suite.case(scope or "(the whole tree)", findings)
        suite.close()
    if report.waived:
        suite = _Suite(root, report, "waived")
        for waived in report.waived:
            suite.case(f"{waived.rule}: {waived.title}", output=map(_line, waived.findings), skipped=waived.why)
        suite.close()
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _group(suite: _Suite, group: Group, refusals: Refusals) -> None:
    for result in group.results:
        own = group.by_result.get(result.path, [])
        invalid = "" if _errors(own) else _errors_elsewhere(result, group, refusals)
        skipped = "a smoke run, not a result" if result.verdict == "preview" else ""
        output = [" ".join(figure(result.metric))]
        suite.case(result.key.scenario, own, output=output, invalid=invalid, skipped=skipped)
    if group.folder_findings:
        suite.case(_FOLDER, group.folder_findings)
    suite.close()


def _errors_elsewhere(result: ResultVerdict, group: Group, refusals: Refusals) -> str:
    """Why a result without an error of its own is invalid: the errors of the folders that contain it."""
    if result.verdict != "invalid":
        return ""
    found = [*group.folder_findings, *refusals.of(result)]
    return "invalid because of errors in the folders above it\n" + "\n".join(map(_line, _errors(found)))


class _Suite:
    """A test suite in the making. `close` completes it: its counts and its output come after the cases."""

    def __init__(self, root: ElementTree.Element, report: Report, name: str) -> None:
        self._name = printable(name)
        self._output: list[str] = []
        attributes = {
            "name": self._name,
            "package": "submitter",
            "id": str(len(root)),
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "hostname": "localhost",  # required, but the report does not say where it was made
            "time": "0",
        }
        self._element = ElementTree.SubElement(root, "testsuite", attributes)
        properties = ElementTree.SubElement(self._element, "properties")
        for property_name, value in (("round", report.round), ("profile", report.profile)):
            ElementTree.SubElement(properties, "property", name=property_name, value=value)

    def case(
        self,
        name: str,
        findings: Iterable[Finding] = (),
        *,
        output: Iterable[str] = (),
        invalid: str = "",
        skipped: str = "",
    ) -> None:
        """Add a test case, with one failure for all its errors: readers of the format do not expect a second one.

        It fails also because of `invalid`, a text whose first line is the message. `output` stands before its warnings
        and notes. One that does not fail is marked as skipped if `skipped` says why.
        """
        findings = sorted(findings, key=lambda finding: (RANK[finding.severity], finding.rule))
        case = ElementTree.SubElement(self._element, "testcase", classname=self._name, name=printable(name), time="0")
        if errors := _errors(findings):
            rules = ", ".join(sorted({finding.rule for finding in errors}))
            failure = ElementTree.SubElement(case, "failure", type=rules, message=f"{rules}: {errors[0].message}")
            failure.text = "\n".join(map(_line, errors))
        elif invalid:
            failure = ElementTree.SubElement(case, "failure", type="folder", message=invalid.partition("\n")[0])
            failure.text = invalid
        elif skipped:
            ElementTree.SubElement(case, "skipped", message=printable(skipped))
        shown = [*output, *(_line(finding) for finding in findings if finding.severity is not Severity.ERROR)]
        if shown:
            self._output += [f"{printable(name)}: {shown[0]}", *shown[1:]]

    def close(self) -> None:
        """Write the suite's output and its counts."""
        for tag, text in (("system-out", "\n".join(self._output)), ("system-err", "")):
            ElementTree.SubElement(self._element, tag).text = text
        for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
            self._element.set(attribute, str(sum(1 for _ in self._element.iter(tag))))
        self._element.set("errors", "0")


def _errors(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def _line(finding: Finding) -> str:
    heading = f"{finding.severity} {finding.rule}: {finding.message}"
    parts = [f"{heading}: {facts(finding)}" if facts(finding) else heading, f"  at {place(finding)}"]
    parts += [f"  fix: {finding.hint}"] if finding.hint else []
    return "\n".join([*parts, f"  {origin_and_source(finding)}"])
