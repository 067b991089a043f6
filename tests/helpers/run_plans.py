"""Plans of runs that nobody makes."""

from __future__ import annotations

from pathlib import Path

from submitter.harness.plan import RunPlan
from submitter.model import Mode, Scenario


def run_plan(scenario: Scenario, mode: Mode, *, expected_samples: int, expected_s: float) -> RunPlan:
    return RunPlan(
        scenario=scenario,
        mode=mode,
        loadgen_model="llama2-70b",
        user_conf=Path("user.conf"),
        folder=Path("runs", scenario, mode),
        expected_samples=expected_samples,
        expected_s=expected_s,
    )
