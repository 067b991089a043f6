"""What follows from what the rules find: verdicts, skips, a finding's place, and what a rule's own failure costs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from manifest_tree import write_tied_tree
from submission_tree import BOOK, Tree, write_tree

from submitter.checker import Report, registry
from submitter.checker.finding import Problem, Severity
from submitter.checker.judge import CRASHED, NOT_JUDGED
from submitter.checker.registry import RuleBody, all_rules
from submitter.model import Scenario
from submitter.rulebook import Rulebook
from submitter.submission.files import Unavailable
from submitter.submission.runs import AccuracyRun, PerformanceRun
from submitter.submission.tree import Result, Submission

Replace = Callable[[str, RuleBody], None]


@pytest.fixture
def replace_rule(monkeypatch: pytest.MonkeyPatch) -> Replace:
    """Give a rule another body, as if it had been written so."""

    def put(rule_id: str, body: RuleBody) -> None:
        rules = tuple(replace(rule, body=body) if rule.id == rule_id else rule for rule in registry.all_rules())
        monkeypatch.setattr(registry, "all_rules", lambda: rules)

    return put


def verdicts(report: Report) -> dict[str, str]:
    return {result.key.scenario: result.verdict for result in report.results}


@pytest.mark.parametrize("scenarios", [(Scenario.OFFLINE, Scenario.SERVER), (Scenario.OFFLINE, Scenario.INTERACTIVE)])
@pytest.mark.parametrize("division", ["closed", "open"])
def test_a_valid_tree_breaks_no_rule(tmp_path: Path, division: str, scenarios: tuple[Scenario, ...]) -> None:
    tree = write_tree(tmp_path, division, scenarios)
    report = tree.check()
    assert tree.rules() == set()
    assert report.exit_code == 0
    assert verdicts(report) == dict.fromkeys(scenarios, "valid")
    assert not report.skipped


def test_one_wrong_result_leaves_the_other_valid(tree: Tree) -> None:
    tree.set(tree.performance_log("Server"), result_validity="INVALID")
    report = tree.check()
    assert verdicts(report) == {"Offline": "valid", "Server": "invalid"}
    assert {result.key.scenario: bool(result.row) for result in report.results} == {"Offline": True, "Server": False}


def test_a_finding_has_its_own_hint_or_its_rules(tree: Tree) -> None:
    tree.set(tree.performance_log(), effective_qsl_rng_seed=1)
    tree.result("Server").rename(tree.base / "Sever")
    hints = {rule.id: rule.hint for rule in all_rules()}
    assert hints["PRF004"]
    assert [finding.hint for finding in tree.found("PRF004")] == [hints["PRF004"]]
    assert ["Server" in finding.hint for finding in tree.found("STR005")] == [True]


def skipped_for(report: Report, rule: str) -> set[str]:
    return {skip.because for skip in report.skipped if skip.rule == rule}


def test_a_rule_is_skipped_where_one_that_it_requires_failed_above_or_below(tree: Tree) -> None:
    tree.system_json().write_text("[1]")  # STR002 of the system, above the runs
    assert skipped_for(tree.check(), "PRF004") == {"STR002"}
    write_tree(tree.root.with_name("other"))
    tree.root = tree.root.with_name("other")
    tree.performance_log().unlink()  # STR001 of a run, below its result
    report = tree.check()
    assert skipped_for(report, "PRV008") == {"STR001"}
    assert [skip.path.rpartition("/")[2] for skip in report.skipped if skip.rule == "PRV008"] == ["Offline"]


def test_what_the_rounds_checker_does_not_enforce_for_a_benchmark_is_of_the_written_rules(tree: Tree) -> None:
    tree.set(tree.performance_log(), effective_min_duration_ms=1)
    for benchmark, origin in ((tree.benchmark, "policy"), ("resnet", "official")):
        checker = msgspec.structs.replace(BOOK.checker, not_enforced_for={"PRF006": (benchmark,)})
        tree.book = msgspec.structs.replace(BOOK, checker=checker)
        assert [finding.origin for finding in tree.found("PRF006")] == [origin]
        official = {finding.rule for finding in tree.check(profile="official").findings}
        assert ("PRF006" in official) == (origin == "official")


def test_what_is_missing_is_reported_once_and_the_rest_is_skipped(tree: Tree) -> None:
    tree.performance_log().unlink()
    report = tree.check()
    assert [f.rule for f in report.findings if f.severity == "error"] == ["STR001"]
    run = tree.performance_log().parent.relative_to(tree.root).as_posix()
    skipped = {(skip.path, skip.because) for skip in report.skipped if skip.rule in ("PRF001", "PRF004", "PRF010")}
    assert skipped == {(run, "STR001")}


def test_a_second_system_is_judged_too(tree: Tree) -> None:
    other = tree.submitter / "results" / "4xH200" / tree.benchmark
    shutil.copytree(tree.base, other)
    report = tree.check()
    assert {f.rule for f in report.findings if f.severity == "error"} == {"SYS001"}
    assert {(r.key.system, r.verdict) for r in report.results} == {("2xH200", "valid"), ("4xH200", "invalid")}
    assert len(report.results) == 4


def test_a_finding_of_a_folder_costs_the_result_whose_file_it_names(tmp_path: Path) -> None:
    """PRV003 is about the whole submitter, and the changed file is one result's."""
    tree = write_tied_tree(tmp_path)
    (tree.result("Server") / "README.md").write_text("changed")
    (finding,) = tree.found("PRV003")
    assert finding.scope == tree.result("Server").relative_to(tree.root).as_posix()
    assert verdicts(tree.check()) == {"Offline": "valid", "Server": "invalid"}


def test_a_finding_of_a_folder_that_names_no_result_costs_all_in_it(tmp_path: Path) -> None:
    tree = write_tied_tree(tmp_path)
    (tree.submitter / "src" / "README.md").write_text("changed")
    assert [finding.scope for finding in tree.found("PRV003")] == ["open/Acme"]
    assert set(verdicts(tree.check()).values()) == {"invalid"}


def _boom(submission: Submission, _: Rulebook) -> Iterator[Problem]:
    raise ZeroDivisionError(f"boom in {submission.path}")
    yield


def test_a_crashing_rule_is_our_fault_and_costs_nothing_else(tree: Tree, replace_rule: Replace) -> None:
    replace_rule("STR018", _boom)
    tree.set(tree.performance_log(), result_validity="INVALID", result_min_duration_met=False)
    report = tree.check()
    assert report.exit_code == 70
    assert report.crashed == ("STR018",)
    messages = {finding.rule: finding.message for finding in report.findings}
    assert "rule STR018 crashed: ZeroDivisionError: boom in ." in messages[CRASHED]
    assert "test_judge.py:" in messages[CRASHED]
    assert "PRF010" in messages


def test_what_a_crashed_rule_was_applied_to_is_not_valid(tree: Tree, replace_rule: Replace) -> None:
    def boom(run: PerformanceRun, _: Rulebook) -> Iterator[Problem]:
        if "Server" in run.path.parts:
            raise KeyError("boom")
        yield from ()

    replace_rule("PRF017", boom)
    assert verdicts(tree.check()) == {"Offline": "valid", "Server": "invalid"}


def _needs_what_nobody_reads(run: PerformanceRun, _: Rulebook) -> Iterator[Problem]:
    raise Unavailable(run.detail_path, "has no number under 'nothing'")
    yield


def test_what_could_not_be_judged_never_passes(tree: Tree, replace_rule: Replace) -> None:
    """Each reason is reported once, whichever rules it keeps from being applied."""
    replace_rule("PRF017", _needs_what_nobody_reads)
    replace_rule("PRF003", _needs_what_nobody_reads)
    report = tree.check()
    findings = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    assert [finding.rule for finding in findings] == [NOT_JUDGED] * 2
    assert all(f.message.startswith("has no number under 'nothing', so PRF0") for f in findings)
    assert verdicts(report) == {"Offline": "invalid", "Server": "invalid"}
    assert {skip.rule for skip in report.skipped} >= {"PRF003", "PRF017"}


def test_an_absence_that_another_error_explains_is_not_reported_twice(tree: Tree, replace_rule: Replace) -> None:
    replace_rule("PRF017", _needs_what_nobody_reads)
    for scenario in ("Offline", "Server"):
        tree.set(tree.performance_log(scenario), result_validity="INVALID")
    assert NOT_JUDGED not in {finding.rule for finding in tree.check().findings}


def test_an_absence_in_a_file_that_an_error_names_is_not_reported_twice(tree: Tree, replace_rule: Replace) -> None:
    """The accuracy run misses something in the performance log, which is refused already."""

    def needs_the_other_run(run: AccuracyRun, _: Rulebook) -> Iterator[Problem]:
        raise Unavailable(run.result.performance.detail_path, "has no number under 'nothing'")
        yield

    replace_rule("ACC010", needs_the_other_run)
    assert len([finding for finding in tree.check().findings if finding.rule == NOT_JUDGED]) == 2
    tree.set(tree.performance_log("Server"), result_validity="INVALID")
    named = [finding.path for finding in tree.check().findings if finding.rule == NOT_JUDGED]
    assert named == [tree.performance_log("Offline").relative_to(tree.root).as_posix()]


def test_the_absence_of_what_a_warning_needs_costs_nothing(tree: Tree, replace_rule: Replace) -> None:
    def needs_nothing(result: Result, _: Rulebook) -> Iterator[Problem]:
        raise Unavailable(result.path, "has nothing")
        yield

    replace_rule("MEA004", needs_nothing)
    report = tree.check()
    assert skipped_for(report, "MEA004") != set()
    assert NOT_JUDGED not in {finding.rule for finding in report.findings}
    assert set(verdicts(report).values()) == {"valid"}
