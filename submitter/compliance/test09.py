"""TEST09: the answers of a performance run are as long as the reference's, on average.

All samples are answered once and logged (mlcommons/inference, compliance/TEST09/README.md). What is judged today: what
the verification's text claims and, of results that mlcommons/endpoints measured, the mean length.
"""

from __future__ import annotations

from submitter.compliance import AuditPlan, Reason, Verdict, audit_settings
from submitter.model import Mode
from submitter.rulebook import Rulebook


def plan(book: Rulebook, official: str) -> AuditPlan:
    return AuditPlan(
        mode=Mode.TEST09,
        settings=audit_settings(book, official, Mode.TEST09),
        lacks="a verification of its answers' mean length",
    )


def verify(mean_tokens: float | None, lowest: float, highest: float) -> Verdict:
    """Judge the mean length of the answers, in tokens, against its limits; None where it is not known."""
    if mean_tokens is not None and lowest <= mean_tokens <= highest:
        return Verdict(reasons=())
    found = "" if mean_tokens is None else str(mean_tokens)
    return Verdict(reasons=(Reason("the mean length of the answers is off", found, f"{lowest} to {highest} tokens"),))
