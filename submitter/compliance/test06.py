"""TEST06: the answers that a performance run logged are consistent, and none continues after its end.

Of 100 logged answers (mlcommons/inference, compliance/TEST06/README.md) it checks three things: the first token that
was reported early is the first of the answer, an answer ends with at most one end-of-sequence token (EOS), and the
number of tokens reported is the length of the answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Literal

from submitter.compliance import AuditPlan, Reason, Verdict, audit_settings
from submitter.logs import AccuracyEntry
from submitter.model import Mode, Scenario
from submitter.rulebook import Rulebook

_TOKEN_BYTES = 4  # int32, the default of compliance/TEST06/run_verification.py
_TYPES: dict[int, Literal["i", "q"]] = {_TOKEN_BYTES: "i", 2 * _TOKEN_BYTES: "q"}
_FIRST_TOKEN, _EOS, _LENGTH, _ANSWERS = "First token", "EOS", "Sample length", "answers"


def plan(book: Rulebook, official: str) -> AuditPlan:
    return AuditPlan(mode=Mode.TEST06, settings=audit_settings(book, official, Mode.TEST06))


def verify(
    answers: Iterable[AccuracyEntry],
    scenario: Scenario,
    eos_token_id: int | None,
    *,
    token_bytes: int = _TOKEN_BYTES,
    as_official: bool = False,
) -> Verdict:
    """Judge logged answers. For each of the three checks that fails, the reason is the first answer that fails it.

    `token_bytes` is the width of a token. If `eos_token_id` is None, the EOS check passes. `as_official` accepts what
    the official script accepts: an EOS inside an answer, and an empty report of the first token, or one that is longer
    than the answer.
    """
    wrong: dict[str, Reason] = {}
    line = 1  # the log's opening bracket
    for line, answer in enumerate(answers, start=2):
        for check, message, found, required in _faults(answer, scenario, eos_token_id, token_bytes, as_official):
            wrong.setdefault(check, Reason(message, found, required, line, answer.qsl_idx))
    if line == 1:
        wrong[_ANSWERS] = Reason("TEST06 logged no answer, so it shows nothing", "0", "100 answers")
    first = "Skipped" if scenario is Scenario.OFFLINE else str(_FIRST_TOKEN not in wrong)
    return Verdict(
        reasons=tuple(wrong.values()),
        lines=(
            f"{_FIRST_TOKEN} check pass: {first}",
            f"{_EOS} check pass: {_EOS not in wrong}",
            f"{_LENGTH} check pass: {_LENGTH not in wrong}",
            f"TEST06 verification {'failed' if wrong else 'complete'}",
        ),
    )


def _faults(
    answer: AccuracyEntry, scenario: Scenario, eos_token_id: int | None, token_bytes: int, as_official: bool
) -> Iterator[tuple[str, str, str, str]]:
    """What is wrong with one answer: the check it fails, a message, what was found, and what is required."""
    data = answer.data
    if not data or len(data) % token_bytes:
        message = f"the answer is not a list of int{8 * token_bytes} tokens"
        yield _LENGTH, message, f"{len(data)} bytes", f"a multiple of {token_bytes}"
        return
    tokens = memoryview(data).cast(_TYPES[token_bytes])
    if answer.token_count != len(tokens):
        message = "the number of tokens reported is not that of the answer"
        yield _LENGTH, message, str(answer.token_count), str(len(tokens))
    if scenario is not Scenario.OFFLINE:
        first, required = answer.token_data, data[:token_bytes].hex()
        if first is None or not (first or as_official):
            yield _FIRST_TOKEN, "no first token was reported", "none", required
        elif not data.startswith(first[: len(data)] if as_official else first):
            message = "the first token reported is not that of the answer"
            yield _FIRST_TOKEN, message, first[:token_bytes].hex(), required
    if eos_token_id is None:
        return
    if len(tokens) > 2 and tokens[-1] == tokens[-2] == eos_token_id:
        yield _EOS, "the answer ends with more than one end-of-sequence token", "2 or more", "at most 1"
    elif not as_official and eos_token_id in tokens[:-1]:
        yield _EOS, "an end-of-sequence token is inside the answer", "1 or more", "only at its end"


def token_bytes_of(answers: Iterable[AccuracyEntry]) -> int:
    """The width of a token: int32, or int64 if all answers have that length. The official script accepts both."""
    wide = all(one.token_count and len(one.data) == 2 * _TOKEN_BYTES * one.token_count for one in answers)
    return 2 * _TOKEN_BYTES if wide else _TOKEN_BYTES


def usual_end(answers: Collection[AccuracyEntry], token_bytes: int) -> int | None:
    """The token that more than half of the answers end with; None if there is none."""
    last = Counter(one.data[-token_bytes:] for one in answers if len(one.data) >= token_bytes)
    token, count = last.most_common(1)[0] if last else (b"", 0)
    return int.from_bytes(token, "little", signed=True) if count * 2 > len(answers) else None
