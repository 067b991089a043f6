"""CMP: TEST06 verified again, from the answers that it logged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.logs import TRUNCATION_MARK, AccuracyEntry
from submitter.model import Scenario
from submitter.rulebook import Rulebook
from submitter.submission.files import Unavailable
from submitter.submission.runs import ComplianceRun

_TOKEN_BYTES = 4  # int32, the default of compliance/TEST06/run_verification.py
_TEST06 = "TEST06"


@rule(
    "CMP007",
    requires=["STR005", "STR007"],
    origin="policy",
    source="policies submission_rules.adoc, section Compliance Testing; compliance/TEST06/run_verification.py",
    hint="copy the compliance run's mlperf_log_accuracy.json here, whole",
)
def test06_holds(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """TEST06's answers pass when they are verified again here.

    The first token reported is the answer's first (not in Offline), the answer ends with at most one end-of-sequence
    token, and the number of tokens reported is the answer's. The official checker reads only what the text claims. A
    closed result must show what it claims, even of a test that the official checker does not ask of its benchmark.
    """
    if run.test != _TEST06:
        return
    path = str(run.answers_path)
    severity = None if run.result.is_closed else Severity.WARNING
    try:
        entries = run.answers
    except Unavailable as problem:
        missing = run.files.kind(run.answers_path) is None
        message = "the answers that TEST06 judged are missing" if missing else f"the answers {problem.reason}"
        if _is_truncated(run, book.round.accuracy_log_max_bytes):
            # Needless, and nobody can verify them again, but no rule forbids it.
            message, severity = "the answers that TEST06 judged are truncated", Severity.WARNING
        yield Problem(message, required=run.answers_path.name, path=path, severity=severity)
        return
    if not entries:
        message = "TEST06 logged no answer, so it shows nothing"
        yield Problem(message, found="0", required="100 answers", path=path, severity=Severity.WARNING)
    width = _token_bytes(entries)
    eos = _end_token(run, entries, width)
    for number, entry in enumerate(entries, start=2):  # line 1 of the log is its opening bracket
        for message, found, required in _wrong(entry, run.result.scenario, eos, width):
            hint = f"sample {entry.qsl_idx}: mend the harness and run TEST06 again"
            yield Problem(message, found=found, required=required, path=path, line=number, hint=hint, severity=severity)
            return  # one sample shows it


def _is_truncated(run: ComplianceRun, limit_bytes: int) -> bool:
    try:
        return TRUNCATION_MARK in run.files.read(run.answers_path, limit_bytes)
    except Unavailable:
        return False


def _token_bytes(entries: list[AccuracyEntry]) -> int:
    """How wide a token is: int32, unless every answer's length says int64, which the verification takes as well."""
    wide = all(entry.token_count and len(entry.data) == 2 * _TOKEN_BYTES * entry.token_count for entry in entries)
    return 2 * _TOKEN_BYTES if wide else _TOKEN_BYTES


def _wrong(entry: AccuracyEntry, scenario: Scenario, eos: bytes | None, width: int) -> Iterator[tuple[str, str, str]]:
    """What TEST06 finds wrong in one answer: message, found, required."""
    data = entry.data
    if not data or len(data) % width:
        yield f"the answer is no list of int{8 * width} tokens", f"{len(data)} bytes", f"a multiple of {width}"
        return
    tokens = len(data) // width
    if entry.token_count != tokens:
        yield "the number of tokens reported is not the answer's", str(entry.token_count), str(tokens)
    if scenario is not Scenario.OFFLINE:
        first = entry.token_data
        if first is None:
            yield "no first token was reported", "none", data[:width].hex()
        elif data[: len(first)] != first[: len(data)]:
            yield "the first token reported is not the answer's", first[:width].hex(), data[:width].hex()
    if eos is not None and tokens > 2 and data[-2 * width :] == eos * 2:
        yield "the answer ends with more than one end-of-sequence token", "2 or more", "at most 1"


def _end_token(run: ComplianceRun, entries: list[AccuracyEntry], width: int) -> bytes | None:
    """The end-of-sequence token: the rule book's for closed results, else what most answers end with, if most agree."""
    known = run.result.benchmark.eos_token_id
    if run.result.is_closed and known is not None:
        return known.to_bytes(width, "little")
    last = Counter(entry.data[-width:] for entry in entries if len(entry.data) >= width)
    token, count = last.most_common(1)[0] if last else (b"", 0)
    return token if count * 2 > len(entries) else None


@rule(
    "CMP013",
    requires=["STR005", "STR007", "CMP007"],
    origin="policy",
    source="inference_rules.adoc, sections Additional inference parameters, LLM Benchmarks: maximum output length",
    hint="answer with the benchmark's own max_new_tokens and min_new_tokens",
)
def answers_have_their_length(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The answers are neither longer than max_new_tokens, nor all cut before it, nor shorter than min_new_tokens.

    The closed division must generate as the reference does. One token more or less than max_new_tokens is what
    harnesses make of the end-of-sequence token. Answers of chance lengths seldom share the longest: in published logs
    two of a hundred.
    """
    benchmark = run.result.benchmark
    longest = benchmark.max_new_tokens
    if run.test != _TEST06 or longest is None or not run.result.is_closed:
        return
    try:
        entries = run.answers
    except Unavailable:
        return  # CMP007 says so
    path, width = str(run.answers_path), _token_bytes(entries)
    eos = _end_token(run, entries, width)
    lengths = Counter(len(entry.data) // width for entry in entries)
    if not lengths:
        return
    most, least = max(lengths), min(lengths)
    if most > longest + 1:
        yield Problem(
            "an answer is longer than max_new_tokens", found=f"{most} tokens", required=f"at most {longest}", path=path
        )
    if benchmark.min_new_tokens is not None and least < benchmark.min_new_tokens:
        yield Problem(
            "an answer is shorter than min_new_tokens",
            found=f"{least} tokens",
            required=str(benchmark.min_new_tokens),
            path=path,
        )
    ended = sum(len(e.data) // width == most and eos is not None and e.data.endswith(eos) for e in entries)
    cut = lengths[most] - ended
    if most < longest - 1 and cut >= _MANY_ANSWERS and cut >= _MANY_SHARE * len(entries):
        message = "answers were cut before max_new_tokens"
        yield Problem(
            message,
            found=f"{cut} of {len(entries)} end at {most} tokens",
            required=f"max_new_tokens {longest}",
            path=path,
        )


_MANY_ANSWERS = 5
_MANY_SHARE = 0.1
