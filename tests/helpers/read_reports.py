"""Reads reports back as the services do that they are written for; what these would refuse fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from xsd import Schema

from submitter.checker.finding import Report
from submitter.checker.reporters import junit

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


def is_web_page(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.scheme == "https" and bool(parts.netloc) and " " not in uri


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
    assert is_web_page(driver["informationUri"])
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    for rule in driver["rules"]:
        only("rule", rule)
        assert rule["help"]["text"]
        assert is_web_page(rule.get("helpUri", driver["informationUri"]))
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


JUNIT = Path(__file__).parents[1] / "fixtures/junit"
STRICT, WIDE = JUNIT / "windyroad.xsd", JUNIT / "jenkins-junit-10.xsd"


def suites(report: Report) -> dict[str, dict[str, ElementTree.Element]]:
    """The test cases of a JUnit report by suite and name; it must follow both schemas, and count what is there."""
    text = junit.render(report, colour=False)
    for schema in (STRICT, WIDE):
        assert Schema(schema).errors(text) == []
    root = ElementTree.fromstring(text)
    found: dict[str, dict[str, ElementTree.Element]] = {}
    for number, suite in enumerate(root):
        assert suite.get("id") == str(number)
        for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
            assert int(suite.get(attribute, "")) == len(list(suite.iter(tag)))
        cases = found.setdefault(suite.get("name", ""), {})
        for case in suite.iter("testcase"):
            assert case.get("name") not in cases
            cases[case.get("name", "")] = case
    return found


def suite_output(report: Report, name: str) -> str:
    """What a suite of the JUnit report says beside its cases."""
    root = ElementTree.fromstring(junit.render(report, colour=False))
    (suite,) = (suite for suite in root if suite.get("name") == name)
    return suite.findtext("system-out") or ""


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
