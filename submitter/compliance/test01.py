"""TEST01: a performance run gives the same answers as the accuracy run.

If outputs differ from run to run, two scores are compared instead: that of the logged samples in the accuracy run (the
baseline), and that of the test's own answers (mlcommons/inference, compliance/TEST01/README.md).
"""

from __future__ import annotations

from collections.abc import Mapping

from submitter.compliance import AuditPlan, Reason, Verdict, audit_settings
from submitter.model import Mode
from submitter.rulebook import Rulebook


def plan(book: Rulebook, official: str) -> AuditPlan:
    """All settings but one: how many answers are logged, which depends on the benchmark and is used nowhere here."""
    return AuditPlan(
        mode=Mode.TEST01,
        settings=audit_settings(book, official, Mode.TEST01),
        lacks="a comparison of its answers with those of the accuracy run",
    )


def verify(
    baseline: Mapping[str, float | None], compliance: Mapping[str, float | None], allowed: Mapping[str, float]
) -> Verdict:
    """Judge two scores of each metric: the test's may differ from the baseline by the share `allowed`, such as 0.01.

    A score is None if it is missing.
    """
    reasons = []
    for metric, share in allowed.items():
        before, now = baseline[metric], compliance[metric]
        if not before or not now:
            reasons.append(Reason(f"a score has no {metric}"))
        elif not abs(1 - before / now) * 100 <= share * 100:
            reasons.append(Reason(f"the scores differ: {metric} {before:.6g} and {now:.6g}"))
    return Verdict(reasons=tuple(reasons))
