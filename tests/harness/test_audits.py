"""TEST06's three questions, each answered both ways."""

from __future__ import annotations

from array import array

import pytest

from submitter.harness.audits import audit_file, mode_is, verify_test06, was_audited
from submitter.logs import AccuracyEntry, parse_detail
from submitter.model import Mode, Scenario

EOS = 2


def entry(tokens: list[int], first: list[int] | None = None, count: int | None = None) -> AccuracyEntry:
    data = array("i", tokens).tobytes()
    head = array("i", tokens[:1] if first is None else first).tobytes()
    return AccuracyEntry(0, data, head, len(tokens) if count is None else count)


@pytest.mark.parametrize(
    ("bad", "scenario", "failing"),
    [
        (entry([5, 6, EOS], first=[7]), Scenario.SERVER, "first_token"),
        (AccuracyEntry(0, array("i", [5, EOS]).tobytes(), None, 2), Scenario.SERVER, "first_token"),
        (entry([5, EOS, EOS]), Scenario.SERVER, "eos"),
        (entry([5, EOS, 6]), Scenario.OFFLINE, "eos"),
        (entry([5, 6, EOS], count=2), Scenario.OFFLINE, "length"),
        (AccuracyEntry(0, b"\x01\x02\x03", None, 1), Scenario.OFFLINE, "length"),
    ],
)
def test_each_fault_fails_its_own_question(bad: AccuracyEntry, scenario: Scenario, failing: str) -> None:
    good = [entry([5, 6, EOS]), entry([7, 8])]
    assert verify_test06(good, scenario, EOS).passed
    verdict = verify_test06([*good, bad], scenario, EOS)
    assert not verdict.passed
    assert getattr(verdict, failing) is False
    assert "TEST06 verification failed" in verdict.text()


def test_nothing_logged_is_no_pass() -> None:
    assert not verify_test06([], Scenario.OFFLINE, EOS).passed


def test_the_text_is_as_the_official_checker_reads_it() -> None:
    assert verify_test06([entry([5, EOS])], Scenario.SERVER, EOS).text().splitlines() == [
        "First token check pass: True",
        "EOS check pass: True",
        "Sample length check pass: True",
        "TEST06 verification complete",
    ]
    assert (
        verify_test06([entry([5, EOS])], Scenario.OFFLINE, EOS).text().startswith("First token check pass: Skipped\n")
    )


def test_audit_file_has_a_line_a_setting() -> None:
    assert audit_file({"mode": 2, "min_duration": 0}) == "*.*.mode = 2\n*.*.min_duration = 0\n"


def log_with(key: str, value: str) -> bytes:
    metadata = '"metadata": {"is_error": false, "is_warning": false}'
    return f':::MLLOG {{"key": "{key}", "value": {value}, {metadata}}}\n'.encode()


@pytest.mark.parametrize(("target", "audited"), [("100", True), ("0", False)])
def test_a_log_tells_whether_it_was_audited(target: str, audited: bool) -> None:
    assert was_audited(parse_detail(log_with("effective_accuracy_log_sampling_target", target))) is audited


def test_a_log_tells_its_mode() -> None:
    log = parse_detail(log_with("effective_test_mode", '"AccuracyOnly"'))
    assert mode_is(log, Mode.ACCURACY)
    assert not mode_is(log, Mode.TEST06)
