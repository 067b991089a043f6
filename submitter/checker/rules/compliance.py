"""CMP: the compliance tests that lie in a result's folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from submitter.checker.files import Unavailable, Unreadable
from submitter.checker.finding import Problem, Severity, shown
from submitter.checker.registry import rule
from submitter.checker.rules.accuracy import values
from submitter.checker.runs import ComplianceRun
from submitter.checker.tree import Result
from submitter.logs import AccuracyEntry
from submitter.model import Scenario
from submitter.rulebook import Rulebook

_CHECK = "official: checks/compliance_check.py "
_TOKEN_BYTES = 4  # int32, the default of compliance/TEST06/run_verification.py
_TEST06 = "TEST06"

# LoadGen's audit settings, and where the detail log has them in effect.
_LOGGED = {
    "mode": "effective_test_mode",
    "min_duration": "effective_min_duration_ms",
    # In Offline LoadGen makes it a number of samples, and the effective number of queries 1.
    "min_query_count": "requested_min_query_count",
}
# What LoadGen calls an error of every run with an audit file: two configurations, and a limited number of queries.
_EXPECTED_ERRORS = ("Multiple conf files are used", "Max query count reached")
_MODES = {1: "AccuracyOnly", 2: "PerformanceOnly"}


@rule("CMP001", requires=["STR007"], source=_CHECK + "dir_exists_check; MODEL_CONFIG models_TEST*")
def tests_present(result: Result, book: Rulebook) -> Iterator[Problem]:
    """A closed result has all compliance tests of its benchmark."""
    if not result.is_closed:
        return
    for test in result.benchmark.compliance:
        if test not in result.compliance:
            hint = f"run {test} with its audit.config and copy its verification here"
            yield Problem(f"{test} is missing", required=f"{test}/", path=str(result.path / test), hint=hint)


@rule("CMP002", source="official: MODEL_CONFIG models_TEST*", severity="warning", origin="policy", requires=["STR007"])
def tests_known(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """A compliance folder is that of a test of the benchmark."""
    if run.test not in run.result.benchmark.compliance:
        known = ", ".join(run.result.benchmark.compliance) or "none"
        yield Problem(
            f"{run.test} is no test of {run.result.official_name}",
            found=run.test,
            required=known,
            path=str(run.folder),
            hint="remove the folder",
        )


@rule("CMP003", source=_CHECK + "dir_exists_check, accuracy_check, compliance_performance_check")
def verification_passed(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The test's verification is there, and says that the test passed.

    Demanded of closed results; an open result that has the test must have passed it.
    """
    test = book.compliance.get(run.test)
    for name, lines in (test.verify if test else {}).items():
        path = str(run.folder / name)
        hint = f"run the verification of {run.test} again, and the test if it fails"
        try:
            there = {line.strip(): number for number, line in enumerate(run.text_of(name).splitlines(), start=1)}
        except Unreadable as problem:
            yield Problem(problem.reason, path=path, hint=hint)
            continue
        except Unavailable:
            yield Problem("the test's verification is missing", required=name, path=path, hint=hint)
            continue
        for alternatives in lines:
            if any(_stands(line, there, name) for line in alternatives) or _same_accuracy(run, book, name):
                continue
            what = alternatives[0].partition(":")[0]
            said = next((line for line in there if line.startswith(what)), "")
            message = f"{run.test} did not pass" if what == alternatives[0] else f"{run.test}: {what} did not pass"
            yield Problem(message, said, " or ".join(alternatives), path, there.get(said), hint)


def _stands(line: str, there: dict[str, int], name: str) -> bool:
    """Whether a line is there. The performance verification may have more on the line, as the official check allows."""
    return line in there or (name != "verify_accuracy.txt" and any(line in other for other in there))


def _same_accuracy(run: ComplianceRun, book: Rulebook, name: str) -> bool:
    """TEST01 where outputs differ from run to run: two scores that must be nearly the same."""
    test = book.compliance[run.test]
    if test.accuracy_delta is None or name != "verify_accuracy.txt":
        return False
    try:
        texts = [run.text_of(f"accuracy/{which}_accuracy.txt") for which in ("baseline", "compliance")]
    except Unavailable:
        return False
    benchmark = run.result.benchmark
    for metric in benchmark.accuracy_targets(run.result.scenario):
        found = [values(text, metric, book) for text in texts]
        if not all(found) or not all(entries[-1][0] > 0 for entries in found):
            return False
        baseline, compliance = (entries[-1][0] for entries in found)
        if abs(1 - baseline / compliance) > benchmark.compliance_delta.get(metric, test.accuracy_delta):
            return False
    return True


@rule(
    "CMP004", source="policies submission_rules.adoc, section Inference: <test_id>/performance/run_1", origin="policy"
)
def logs_present(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The test's LoadGen log is there.

    Without it nobody can see that the audit settings were in effect. The official checker demands it of TEST01 and
    TEST04 only.
    """
    test = book.compliance.get(run.test)
    if test is None or run.files.kind(run.detail_path) is not None:
        return
    demanded = test.logs_required and run.result.is_closed
    yield Problem(
        "the compliance run's log is missing, so its audit settings cannot be seen",
        path=str(run.detail_path),
        severity=None if demanded else Severity.WARNING,
        hint="copy the logs of the compliance run here",
    )


@rule(
    "CMP005",
    requires=["STR002", "CMP004"],
    origin="integrity",
    source="compliance/<test>/audit.config; mlcommons/inference #2672",
    hint="run the test again with its audit.config: LoadGen must find it under the name it is given",
)
def audit_in_effect(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The compliance run was made under the test's audit settings.

    Where LoadGen does not find the audit file, it silently makes a plain performance run.
    """
    test = book.compliance.get(run.test)
    if test is None or run.files.kind(run.detail_path) is None:
        return
    for name, value in test.audit.items():
        key = _LOGGED.get(name, f"effective_{name}")
        required: object = _MODES[value] if name == "mode" else value
        found = run.log[key]
        if found is None or found != required:
            problem = f"{name} is not the audit's"
            yield Problem(problem, shown(found), str(required), str(run.detail_path), run.line(key))


@rule(
    "CMP006",
    requires=["STR002"],
    origin="integrity",
    source="LoadGen's is_error",
    hint="mend its cause and run the test again",
)
def no_errors(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen logged no error in the compliance run."""
    if run.files.kind(run.detail_path) is None:
        return
    for error in run.log.errors:
        text = shown(error.value)
        if not any(expected in text for expected in (*_EXPECTED_ERRORS, *book.ignored_errors)):
            yield Problem("LoadGen logged an error", text, "", str(run.detail_path), error.line)


@rule(
    "CMP007",
    requires=["STR005", "STR007"],
    origin="integrity",
    source="compliance/TEST06/run_verification.py",
    hint="copy the compliance run's mlperf_log_accuracy.json here, whole",
)
def test06_holds(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """TEST06's answers pass when they are verified again here.

    The first token reported is the answer's first (not in Offline), the answer ends with at most one end-of-sequence
    token, and the number of tokens reported is the answer's. The official checker reads only what the text claims.
    """
    if run.test != _TEST06:
        return
    path = str(run.answers_path)
    try:
        entries = run.answers
    except Unavailable as problem:
        missing = run.files.kind(run.answers_path) is None
        message = "the answers that TEST06 judged are missing" if missing else f"the answers {problem.reason}"
        yield Problem(message, required=run.answers_path.name, path=path)
        return
    if not entries:
        yield Problem("TEST06 logged no answer", found="0", required="100 answers", path=path)
    eos = _end_token(run, entries)
    for number, entry in enumerate(entries, start=2):  # line 1 of the log is its opening bracket
        for message, found, required in _wrong(entry, run.result.scenario, eos):
            yield Problem(
                message, found, required, path, number, f"sample {entry.qsl_idx}: mend the harness and run TEST06 again"
            )
            return  # one sample shows it


def _wrong(entry: AccuracyEntry, scenario: Scenario, eos: bytes | None) -> Iterator[tuple[str, str, str]]:
    """What TEST06 finds wrong in one answer: message, found, required."""
    data = entry.data
    if not data or len(data) % _TOKEN_BYTES:
        yield "the answer is no list of int32 tokens", f"{len(data)} bytes", f"a multiple of {_TOKEN_BYTES}"
        return
    tokens = len(data) // _TOKEN_BYTES
    if entry.token_count != tokens:
        yield "the number of tokens reported is not the answer's", str(entry.token_count), str(tokens)
    if scenario is not Scenario.OFFLINE:
        first = entry.token_data
        if first is None:
            yield "no first token was reported", "none", data[:_TOKEN_BYTES].hex()
        elif data[: len(first)] != first[: len(data)]:
            yield "the first token reported is not the answer's", first[:_TOKEN_BYTES].hex(), data[:_TOKEN_BYTES].hex()
    if eos is not None and tokens > 2 and data[-2 * _TOKEN_BYTES :] == eos * 2:
        yield "the answer ends with more than one end-of-sequence token", "2 or more", "at most 1"


def _end_token(run: ComplianceRun, entries: list[AccuracyEntry]) -> bytes | None:
    """The end-of-sequence token: the rule book's for closed results, else what most answers end with, if most agree."""
    known = run.result.benchmark.eos_token_id
    if run.result.is_closed and known is not None:
        return known.to_bytes(_TOKEN_BYTES, "little")
    last = Counter(entry.data[-_TOKEN_BYTES:] for entry in entries if len(entry.data) >= _TOKEN_BYTES)
    token, count = last.most_common(1)[0] if last else (b"", 0)
    return token if count * 2 > len(entries) else None
