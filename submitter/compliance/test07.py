"""TEST07: the accuracy holds in performance mode, for benchmarks whose accuracy run has another data set.

All samples of a data set of the test's own are answered under the performance run's settings, and the answers scored
(mlcommons/inference, compliance/TEST07/README.md). What is judged today: what the verification's text claims.
"""

from __future__ import annotations

from submitter.compliance import AuditPlan, audit_settings
from submitter.model import Mode
from submitter.rulebook import Rulebook


def plan(book: Rulebook, official: str) -> AuditPlan:
    """The run over the data set that the README names for gpt-oss-120b, the one benchmark that has the test."""
    return AuditPlan(
        mode=Mode.TEST07,
        settings=audit_settings(book, official, Mode.TEST07),
        dataset="acc_eval_compliance_gpqa.parquet",
        lacks="a score of its answers",
    )
