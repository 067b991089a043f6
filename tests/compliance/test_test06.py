"""TEST06's three checks, each answered both ways, for our own runs and as the official script answers."""

from __future__ import annotations

from array import array

import pytest

from submitter.compliance import test06
from submitter.logs import AccuracyEntry
from submitter.model import Scenario
from submitter.rulebook import load_rulebook

EOS = 2
FIRST_TOKEN, OF_EOS, LENGTH = range(3)


def entry(tokens: list[int], first: list[int] | None = None, count: int | None = None) -> AccuracyEntry:
    data = array("i", tokens).tobytes()
    head = array("i", tokens[:1] if first is None else first).tobytes()
    return AccuracyEntry(9, data, head, len(tokens) if count is None else count)


GOOD = [entry([5, 6, EOS]), entry([7, 8])]


@pytest.mark.parametrize(
    ("bad", "scenario", "failing", "message"),
    [
        (entry([5, 6, EOS], first=[7]), Scenario.SERVER, FIRST_TOKEN, "is not that of the answer"),
        (AccuracyEntry(9, array("i", [5, EOS]).tobytes(), None, 2), Scenario.SERVER, FIRST_TOKEN, "no first token"),
        (entry([5, 6, EOS], first=[]), Scenario.INTERACTIVE, FIRST_TOKEN, "no first token"),
        (entry([5, EOS, EOS]), Scenario.SERVER, OF_EOS, "more than one end-of-sequence token"),
        (entry([5, EOS, 6]), Scenario.OFFLINE, OF_EOS, "inside the answer"),
        (entry([EOS, EOS]), Scenario.OFFLINE, OF_EOS, "inside the answer"),
        (entry([5, 6, EOS], count=2), Scenario.OFFLINE, LENGTH, "number of tokens reported"),
        (AccuracyEntry(9, b"\x01\x02\x03", None, 1), Scenario.OFFLINE, LENGTH, "not a list of int32 tokens"),
        (AccuracyEntry(9, b"", None, 0), Scenario.OFFLINE, LENGTH, "not a list of int32 tokens"),
    ],
)
def test_each_fault_fails_its_own_check(bad: AccuracyEntry, scenario: Scenario, failing: int, message: str) -> None:
    good = test06.verify(GOOD, scenario, EOS)
    assert good.passed
    verdict = test06.verify([*GOOD, bad, bad], scenario, EOS)
    assert not verdict.passed
    assert [number for number in range(4) if verdict.lines[number] != good.lines[number]] == [failing, 3]
    assert verdict.lines[failing].endswith(": False")
    assert verdict.lines[3] == "TEST06 verification failed"
    (reason,) = verdict.reasons  # of two that fail a check, the first
    assert message in reason.message
    assert (reason.line, reason.sample) == (4, 9)


@pytest.mark.parametrize(
    ("answer", "scenario"),
    [
        (entry([5, EOS, 6]), Scenario.OFFLINE),
        (entry([EOS, EOS]), Scenario.OFFLINE),
        (entry([5, 6], first=[]), Scenario.SERVER),
        (entry([5], first=[5, 6]), Scenario.SERVER),
    ],
)
def test_our_own_runs_are_held_to_more_than_the_official_script_asks(answer: AccuracyEntry, scenario: Scenario) -> None:
    assert test06.verify([answer], scenario, EOS, as_official=True).passed
    assert not test06.verify([answer], scenario, EOS).passed


def test_every_check_that_fails_is_a_reason() -> None:
    verdict = test06.verify([entry([5, 6], first=[7], count=3), entry([5, EOS, EOS])], Scenario.SERVER, EOS)
    assert [reason.line for reason in verdict.reasons] == [2, 2, 3]
    assert verdict.lines[:3] == (
        "First token check pass: False",
        "EOS check pass: False",
        "Sample length check pass: False",
    )


def test_nothing_logged_is_no_pass() -> None:
    verdict = test06.verify([], Scenario.OFFLINE, EOS)
    assert not verdict.passed
    assert verdict.lines[3] == "TEST06 verification failed"
    assert [reason.message for reason in verdict.reasons] == ["TEST06 logged no answer, so it shows nothing"]


def test_the_text_is_as_the_official_checker_reads_it() -> None:
    assert test06.verify([entry([5, EOS])], Scenario.SERVER, EOS).text == (
        "First token check pass: True\n"
        "EOS check pass: True\n"
        "Sample length check pass: True\n"
        "TEST06 verification complete\n"
    )
    assert test06.verify([entry([5, EOS])], Scenario.OFFLINE, EOS).lines[0] == "First token check pass: Skipped"


@pytest.mark.parametrize("scenario", [Scenario.OFFLINE, Scenario.SERVER])
def test_the_text_has_the_lines_that_the_rule_book_asks_for(scenario: Scenario) -> None:
    (required,) = load_rulebook("v6.1").compliance["TEST06"].verify.values()
    lines = test06.verify(GOOD, scenario, EOS).lines
    assert all(set(alternatives) & set(lines) for alternatives in required)


def test_tokens_of_eight_bytes_are_seen_and_judged() -> None:
    def wide(tokens: list[int]) -> AccuracyEntry:
        data = array("q", tokens).tobytes()
        return AccuracyEntry(0, data, data[:8], len(tokens))

    answers = [wide([5, 6, EOS]), wide([7, EOS, EOS])]
    assert test06.token_bytes_of(answers) == 8
    assert test06.token_bytes_of([*answers, *GOOD]) == 4
    verdict = test06.verify(answers, Scenario.SERVER, EOS, token_bytes=8, as_official=True)
    assert [(reason.line, reason.found) for reason in verdict.reasons] == [(3, "2 or more")]
    assert test06.usual_end(answers, 8) == EOS


def test_what_most_answers_end_with_is_their_end() -> None:
    assert test06.usual_end([entry([5, EOS]), entry([EOS]), entry([7])], 4) == EOS
    assert test06.usual_end([entry([5, EOS]), entry([7])], 4) is None
    assert test06.usual_end([], 4) is None
