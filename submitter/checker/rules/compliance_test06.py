"""CMP: the answers that TEST06 logged, verified again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.compliance import test06
from submitter.logs import TRUNCATION_MARK, AccuracyEntry
from submitter.rulebook import Rulebook
from submitter.submission.files import Unavailable
from submitter.submission.runs import ComplianceRun

_TEST06 = "TEST06"
# Answers were cut if at least this many, and this share of all, end without an EOS at the greatest length.
_MANY_ANSWERS = 5
_MANY_SHARE = 0.1
# An answer that was tokenized again from its text has up to this share of tokens more or less than were generated.
# In the published logs it is 2 of 128.
_TOKENIZED_AGAIN_SHARE = 1 / 32


@rule(
    "CMP007",
    requires=["STR005", "STR007"],
    origin="policy",
    source="policies submission_rules.adoc, section Compliance Testing; compliance/TEST06/run_verification.py",
    hint="copy the complete mlperf_log_accuracy.json of the compliance run here",
)
def logged_answers_pass(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The answers that TEST06 logged pass when they are verified again.

    The first token reported is the answer's first (not in Offline), the answer ends with at most one end-of-sequence
    token, and the number of tokens reported is that of the answer. The official checker reads only the text of the
    verification. A closed result must show what it claims, even for a test that the official checker does not require.
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
            # Truncation is not needed and prevents verification, but no rule forbids it.
            message, severity = "the answers that TEST06 judged are truncated", Severity.NOTE
        yield Problem(message, required=run.answers_path.name, path=path, severity=severity)
        return
    width = test06.token_bytes_of(entries)
    scenario, eos = run.result.scenario, _end_token(run, entries, width)
    verdict = test06.verify(entries, scenario, eos, token_bytes=width, as_official=True)
    for reason in verdict.reasons[:1]:  # one sample is enough to show it
        hint = f"sample {reason.sample}: fix the harness and run TEST06 again" if entries else ""
        yield Problem(
            reason.message,
            found=reason.found,
            required=reason.required,
            path=path,
            line=reason.line,
            hint=hint,
            severity=severity if entries else Severity.WARNING,
        )


def _is_truncated(run: ComplianceRun, limit_bytes: int) -> bool:
    try:
        return TRUNCATION_MARK in run.files.read(run.answers_path, limit_bytes)
    except Unavailable:
        return False


def _end_token(run: ComplianceRun, entries: list[AccuracyEntry], width: int) -> int | None:
    """The end-of-sequence token: the rule book's for closed results, else the token that most answers end with."""
    known = run.result.benchmark.eos_token_id
    return known if run.result.is_closed and known is not None else test06.usual_end(entries, width)


@rule(
    "CMP013",
    requires=["STR005", "STR007", "CMP007"],
    origin="policy",
    source="inference_rules.adoc, sections Additional inference parameters, LLM Benchmarks: maximum output length",
    hint="generate with the benchmark's max_new_tokens and min_new_tokens",
)
def answer_lengths(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """No answer is longer than max_new_tokens or shorter than min_new_tokens, and none is cut before max_new_tokens.

    The closed division must generate as the reference does. One token more or less than max_new_tokens is allowed,
    because harnesses differ in how they count the end-of-sequence token. No model generates the begin-of-sequence
    token: an answer that begins with it was tokenized again from its text, which gives a few tokens more or less. Many
    answers of the same greatest length mean a cut: answers that end on their own seldom share it, in published logs
    two of a hundred.
    """
    benchmark = run.result.benchmark
    longest = benchmark.max_new_tokens
    if run.test != _TEST06 or longest is None or not run.result.is_closed:
        return
    try:
        entries = run.answers
    except Unavailable:
        return  # CMP007 reports it
    path, width = str(run.answers_path), test06.token_bytes_of(entries)
    token = _end_token(run, entries, width)
    eos = None if token is None else token.to_bytes(width, "little", signed=True)
    lengths = Counter(len(entry.data) // width for entry in entries)
    if not lengths:
        return
    most, least = max(lengths), min(lengths)
    bos = None if benchmark.bos_token_id is None else benchmark.bos_token_id.to_bytes(width, "little", signed=True)
    too_long = [n for e in entries if (n := _generated(e, width, bos)) > _allowed(e, longest, bos)]
    if too_long:
        found = f"{max(too_long)} tokens"
        message = "an answer is longer than max_new_tokens"
        yield Problem(message, found=found, required=f"at most {longest}", path=path)
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


def _begins_again(entry: AccuracyEntry, bos: bytes | None) -> bool:
    return bos is not None and entry.data.startswith(bos)


def _generated(entry: AccuracyEntry, width: int, bos: bytes | None) -> int:
    """The number of an answer's tokens, without a begin-of-sequence token."""
    return len(entry.data) // width - _begins_again(entry, bos)


def _allowed(entry: AccuracyEntry, longest: int, bos: bytes | None) -> int:
    return longest + (max(1, round(longest * _TOKENIZED_AGAIN_SHARE)) if _begins_again(entry, bos) else 1)
