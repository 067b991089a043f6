"""TEST04: one sample, issued again and again, is not answered faster than different ones (no caching of answers).

Its verification compares the figures of two performance runs (mlcommons/inference, compliance/TEST04/README.md).
"""

from __future__ import annotations

from submitter.compliance import AuditPlan, audit_settings
from submitter.model import Mode
from submitter.rulebook import Rulebook


def plan(book: Rulebook, official: str) -> AuditPlan:
    """The settings that all benchmarks share."""
    return AuditPlan(
        mode=Mode.TEST04,
        settings=audit_settings(book, official, Mode.TEST04),
        lacks="a comparison of its figure with the performance run's",
    )
