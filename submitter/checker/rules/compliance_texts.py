"""CMP: the texts of verifications, beyond the lines that the official checker looks for."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules.compliance import is_required
from submitter.compliance import verify_text
from submitter.layout import VERIFY_ACCURACY
from submitter.model import Scenario
from submitter.rulebook import Rulebook
from submitter.submission.accuracy_text import lines_of
from submitter.submission.runs import ComplianceRun

_FAILED = ("TEST FAIL", "TEST FAILED")


@rule(
    "CMP014",
    requires=["STR005", "STR007", "CMP003", "CMP011"],
    origin="integrity",
    source="compliance/*/run_verification.py: each check is reported once",
    hint="run the verification again, and copy what it wrote",
)
def verification_does_not_contradict_itself(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """A verification that says that the test passed does not say that it failed, too.

    The official checker looks for one line, wherever it is.
    """
    test = book.compliance.get(run.test)
    severity = None if is_required(run) else Severity.WARNING
    if test is None:
        return
    for name, required in test.verify.items():
        if run.files.kind(run.folder / name) is None:
            continue
        path, test_lines = run.folder / name, lines_of(run.text_of(name))
        if not verify_text(run.test, test, name, test_lines).passed:
            continue  # CMP003 reports it, unless two scores take the place of the verification
        subjects = {alternatives[0].partition(":")[0]: alternatives for alternatives in required}
        for number, line in enumerate(map(str.strip, test_lines), start=1):
            subject, colon, _ = line.partition(":")
            alternatives = subjects.get(subject) if colon else None
            if line in _FAILED or (alternatives and line not in alternatives and alternatives[0] != subject):
                passed = " or ".join(alternatives or ("TEST PASS",))
                message = "the verification says that the test failed, too"
                yield Problem(message, found=line, required=passed, path=str(path), line=number, severity=severity)


_SKIPPED = "First token check pass: Skipped"


@rule(
    "CMP016",
    requires=["STR005", "STR007", "CMP003", "CMP011"],
    origin="policy",
    source="compliance/TEST06/run_verification.py: the first token is not checked in Offline",
    hint="run the verification again with the scenario of the result",
)
def first_token_checked(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """TEST06 checked the first token, except in Offline.

    The official checker accepts a verification without this check in every scenario.
    """
    if run.test != "TEST06" or run.result.scenario is Scenario.OFFLINE:
        return
    path = run.folder / VERIFY_ACCURACY
    if run.files.kind(path) is None:
        return
    severity = None if is_required(run) else Severity.WARNING
    for number, line in enumerate(lines_of(run.text_of(VERIFY_ACCURACY)), start=1):
        if line.strip() == _SKIPPED:
            message = "the verification left out the first token"
            required = "First token check pass: True"
            yield Problem(
                message, found=line.strip(), required=required, path=str(path), line=number, severity=severity
            )
