"""What a verification's text claims, and the verifications of TEST01 and TEST09."""

from __future__ import annotations

import pytest

from submitter.compliance import Reason, test01, test09, verify_text
from submitter.rulebook import load_rulebook

BOOK = load_rulebook("v6.1")


@pytest.mark.parametrize(
    ("test", "name", "text", "reasons"),
    [
        ("TEST07", "verify_accuracy.txt", "TEST07 Verification Summary\nso: TEST PASS", []),
        (
            "TEST07",
            "verify_accuracy.txt",
            "Accuracy check pass: False\nTEST FAIL",
            [Reason("TEST07 did not pass", "", "TEST PASS")],
        ),
        ("TEST01", "verify_accuracy.txt", " TEST PASS ", []),
        ("TEST01", "verify_accuracy.txt", "so: TEST PASS", [Reason("TEST01 did not pass", "", "TEST PASS")]),
        ("TEST09", "verify_output_len.txt", "TEST PASSED", []),
        (
            "TEST06",
            "verify_accuracy.txt",
            "First token check pass: Skipped\nEOS check pass: False\nSample length check pass: True",
            [Reason("TEST06: EOS check pass did not pass", "EOS check pass: False", "EOS check pass: True", 2)],
        ),
        (
            "TEST06",
            "verify_accuracy.txt",
            "EOS check pass: True\nSample length check pass: True",
            [
                Reason(
                    "TEST06: First token check pass did not pass",
                    "",
                    "First token check pass: True or First token check pass: Skipped",
                )
            ],
        ),
    ],
)
def test_a_text_claims_what_its_lines_say(test: str, name: str, text: str, reasons: list[Reason]) -> None:
    verdict = verify_text(test, BOOK.compliance[test], name, text.split("\n"))
    assert list(verdict.reasons) == reasons
    assert verdict.passed is (reasons == [])


@pytest.mark.parametrize(
    ("baseline", "compliance", "message"),
    [
        (76.0, 76.7, ""),
        (76.7, 76.0, ""),
        (76.0, 76.8, "the scores differ: acc 76 and 76.8"),
        (77.0, 76.0, "the scores differ: acc 77 and 76"),
        (0.0, 76.0, "a score has no acc"),
        (76.0, None, "a score has no acc"),
    ],
)
def test_two_scores_of_test01(baseline: float, compliance: float | None, message: str) -> None:
    verdict = test01.verify({"acc": baseline}, {"acc": compliance}, {"acc": 0.01})
    assert [reason.message for reason in verdict.reasons] == [message] * bool(message)
    assert verdict.passed is (message == "")


@pytest.mark.parametrize(
    ("mean", "found"), [(1150.38, None), (1406.02, None), (1150.3, "1150.3"), (1406.1, "1406.1"), (None, "")]
)
def test_the_mean_length_of_test09(mean: float | None, found: str | None) -> None:
    verdict = test09.verify(mean, 1150.38, 1406.02)
    assert [reason.found for reason in verdict.reasons] == ([] if found is None else [found])
    assert all(reason.required == "1150.38 to 1406.02 tokens" for reason in verdict.reasons)
