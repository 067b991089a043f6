"""A report's verdict and exit code, by what was found and what fails it."""

from __future__ import annotations

import dataclasses

import pytest
from reports import finding, report_of, verdict_of

from submitter.checker.finding import Partial, Report, Severity

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


def report(*severities: Severity, **changed: object) -> Report:
    return report_of([verdict_of()], [finding(severity=severity) for severity in severities], **changed)


@pytest.mark.parametrize(
    ("found", "fail_on", "verdict", "exit_code"),
    [
        ([], ERROR, "pass", 0),
        ([WARNING, NOTE], ERROR, "pass", 0),
        ([NOTE, ERROR], ERROR, "fail", 1),
        ([NOTE], WARNING, "pass", 0),
        ([WARNING], WARNING, "fail", 1),
        ([NOTE], NOTE, "fail", 1),
        ([], NOTE, "pass", 0),
        ([ERROR], None, "fail", 0),
        ([WARNING], None, "pass", 0),
    ],
)
def test_what_is_as_severe_as_the_threshold_fails(
    found: list[Severity], fail_on: Severity | None, verdict: str, exit_code: int
) -> None:
    made = report(*found, fail_on=fail_on)
    assert (made.verdict, made.exit_code) == (verdict, exit_code)


def test_a_smoke_run_that_does_not_fail_is_a_preview() -> None:
    assert (report(smoke=True).verdict, report(smoke=True).exit_code) == ("preview", 0)
    assert (report(ERROR, smoke=True).verdict, report(ERROR, smoke=True).exit_code) == ("fail", 1)


def test_a_crash_of_ours_is_70_whatever_was_found() -> None:
    assert report(crashed=("PRF004",)).exit_code == 70
    assert report(ERROR, crashed=("PRF004",), fail_on=None).exit_code == 70


def test_a_partial_report_fails_by_what_is_wrong_only() -> None:
    partial = Partial((), (), ("a file is missing",))
    assert report(ERROR, partial=partial).verdict == "pass"
    assert report(partial=dataclasses.replace(partial, wrong=("a seed",))).verdict == "fail"


def test_paths_are_located_from_the_working_directory() -> None:
    assert report(root="trees/mine").located("closed/Acme") == "trees/mine/closed/Acme"
    assert report().located("closed/Acme") == "closed/Acme"


def test_a_verdicts_path_is_its_results() -> None:
    assert verdict_of("s", "b", "Server").path == "closed/Acme/results/s/b/Server"
