"""TEST07: accuracy in performance mode, for benchmarks whose accuracy run has another data set.

All samples of the test's own data set are answered with the settings of the performance run, and the answers are scored
(mlcommons/inference, compliance/TEST07/README.md). This version judges only the text of the verification.
"""

from __future__ import annotations

from submitter.compliance import AuditPlan, audit_settings
from submitter.model import Mode
from submitter.rulebook import Rulebook


def plan(book: Rulebook, official: str) -> AuditPlan:
    """The run with the data set that the README names for gpt-oss-120b, the only benchmark with this test."""
    return AuditPlan(
        mode=Mode.TEST07,
        settings=audit_settings(book, official, Mode.TEST07),
        dataset="acc_eval_compliance_gpqa.parquet",
        lacks="a score of its answers",
    )
