"""TEST09: the answers of a performance run have the same mean length as those of the reference.

All samples are answered once and logged (mlcommons/inference, compliance/TEST09/README.md). This version judges the
text of the verification and, for results that were measured with mlcommons/endpoints, the mean length.
"""

from __future__ import annotations

from submitter.compliance import AuditPlan, Reason, Verdict, audit_settings
from submitter.model import Mode
from submitter.rulebook import Rulebook


def plan(book: Rulebook, official: str) -> AuditPlan:
    return AuditPlan(
        mode=Mode.TEST09,
        settings=audit_settings(book, official, Mode.TEST09),
        lacks="a verification of the mean length of its answers",
    )


def verify(mean_tokens: float | None, lowest: float, highest: float) -> Verdict:
    """Judge the mean length of the answers, in tokens, against its limits. It is None if it is not known."""
    if mean_tokens is not None and lowest <= mean_tokens <= highest:
        return Verdict(reasons=())
    found = "" if mean_tokens is None else str(mean_tokens)
    return Verdict(
        reasons=(
            Reason("the mean length of the answers is outside its limits", found, f"{lowest} to {highest} tokens"),
        )
    )
