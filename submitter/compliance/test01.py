"""TEST01: the answers of a performance run are those of the accuracy run.

Where no output is the same from run to run, two scores stand for the answers that the test logged: of those samples in
the accuracy run, and of the test's own (mlcommons/inference, compliance/TEST01/README.md).
"""

from __future__ import annotations

from collections.abc import Mapping

from submitter.compliance import AuditPlan, Reason, Verdict, audit_settings
from submitter.model import Mode
from submitter.rulebook import Rulebook


def plan(book: Rulebook, official: str) -> AuditPlan:
    """The settings but one: how many answers a benchmark's audit file has logged, which no rule and no run needs."""
    return AuditPlan(
        mode=Mode.TEST01,
        settings=audit_settings(book, official, Mode.TEST01),
        lacks="a comparison of its answers with the accuracy run's",
    )


def verify(
    baseline: Mapping[str, float | None], compliance: Mapping[str, float | None], allowed: Mapping[str, float]
) -> Verdict:
    """Judge the two scores by metric: the test's may differ from the baseline by an `allowed` share of it.

    A score is None where there is none.
    """
    reasons = []
    for metric, share in allowed.items():
        before, now = baseline[metric], compliance[metric]
        if not before or not now:
            reasons.append(Reason(f"a score has no {metric}"))
        elif not abs(1 - before / now) * 100 <= share * 100:
            reasons.append(Reason(f"the scores differ: {metric} {before:.6g} and {now:.6g}"))
    return Verdict(reasons=tuple(reasons))
