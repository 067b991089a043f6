"""JUnit: a suite a benchmark, a case a result."""

from __future__ import annotations

from pathlib import Path

import pytest
from read_reports import STRICT, WIDE, suite_output, suites
from reports import HOSTILE, failing, finding, hostile, report_of, verdict_of, waived
from submission_tree import SYSTEM, Tree
from xsd import Schema

from submitter.checker.finding import Severity
from submitter.checker.reporters import junit
from submitter.quoting import printable


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
    assert "Server: 58520.5 Tokens/s" in suite_output(report, f"closed/Acme/results/{SYSTEM}/llama2-70b-99.9")
    around = found["around the results"]["closed/Acme"]
    assert around.find("failure") is None
    assert "PRV001" in suite_output(report, "around the results")


def test_junit_fails_the_results_below_a_folder_that_is_refused(tree: Tree) -> None:
    tree.edit_json(tree.system_json(), status="sold")
    report = tree.check()
    assert {result.verdict for result in report.results} == {"invalid"}
    found = suites(report)
    for case in found[f"closed/Acme/results/{SYSTEM}/llama2-70b-99.9"].values():
        reported = case.findtext("failure") or ""
        assert "invalid because of errors in the folders above it" in reported
        assert "sold" in reported
    assert any(case.find("failure") is not None for case in found["around the results"].values())


def test_junit_skips_what_is_waived_and_previews() -> None:
    report = waived(report_of([verdict_of(verdict="preview")], []))
    found = suites(report)
    skipped = found["waived"]["MEA004: title"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "agreed in issue 12"
    assert "MEA004" in suite_output(report, "waived")
    assert found["closed/Acme/results/s/b"]["Offline"].find("skipped") is not None


def test_strangers_text_is_text_in_xml() -> None:
    found = suites(hostile())
    case = found[printable(f"closed/Acme/results/{HOSTILE}/{HOSTILE}")]["Offline"]
    assert printable(HOSTILE) in (case.findtext("failure") or "")


def test_both_schemas_are_read_in_full(tree: Tree) -> None:
    """What each refuses: both the kinds of mistake that an earlier report had, and those that one alone refuses."""
    text = junit.render(failing(tree), colour=False)
    strict, wide = Schema(STRICT), Schema(WIDE)
    for old, new, refusing in (
        (' time="0"', "", [strict]),
        ("<testcase ", '<testcase file="a" ', [strict, wide]),
        ("<testsuites>", '<testsuites skipped="1">', [strict, wide]),
        ("<testsuites>", '<testsuites name="n">', [strict]),
        (' type="', ' kind="', [strict, wide]),
        ('hostname="localhost"', 'hostname=""', [strict]),
        ('errors="0"', 'errors="none"', [strict]),
        (' errors="0"', "", [strict, wide]),
        ("<system-err />", "", [strict]),
        ("<properties>", "<testcases /><properties>", [strict, wide]),
        ('timestamp="2', 'timestamp="x2', [strict]),
    ):
        assert old in text
        spoiled = text.replace(old, new)
        for schema in (strict, wide):
            assert bool(schema.errors(spoiled)) == (schema in refusing), (old, new)


@pytest.mark.parametrize("file", [STRICT, WIDE], ids=lambda file: file.stem)
def test_a_full_validator_agrees(tree: Tree, file: Path) -> None:
    xmlschema = pytest.importorskip("xmlschema")
    for report in (failing(tree), hostile(), waived(report_of([verdict_of(verdict="preview")], []))):
        xmlschema.XMLSchema(str(file)).validate(junit.render(report, colour=False))


def test_junit_names_an_error_at_the_root_at_each_result() -> None:
    stray = finding("STR020", path="summary.csv", line=None, scope=".")
    rendered = junit.render(report_of([verdict_of(verdict="invalid")] * 3, [stray]), colour=False)
    refused = [failure for failure in rendered.split("</failure>") if "errors in the folders above it" in failure]
    assert len(refused) == 3
    assert all("STR020" in failure for failure in refused)
