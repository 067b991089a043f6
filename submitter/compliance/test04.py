"""TEST04: the same sample, issued repeatedly, is not answered faster than different samples, so answers are not cached.

Its verification compares the metrics of two performance runs (mlcommons/inference, compliance/TEST04/README.md).
"""

from __future__ import annotations

from submitter.compliance import AuditPlan, audit_settings
from submitter.model import Mode
from submitter.rulebook import Rulebook


def plan(book: Rulebook, official: str) -> AuditPlan:
    """The run with the settings that all benchmarks share."""
    return AuditPlan(
        mode=Mode.TEST04,
        settings=audit_settings(book, official, Mode.TEST04),
        lacks="a comparison of its metric with that of the performance run",
    )
