"""How whoever started a campaign learns how it gets on: the command line shows it, a library's caller need not."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Protocol

from submitter.campaign.plan import CampaignPlan
from submitter.campaign.preflight import Passed
from submitter.campaign.scores import ScenarioScore
from submitter.errors import SubmitterError
from submitter.harness.plan import RunPlan
from submitter.harness.supervisor import Watcher


class Stage(StrEnum):
    """What `run_all` does, in this order."""

    PREFLIGHT = "preflight"
    RUNS = "runs"
    SCORES = "scores"
    ASSEMBLY = "assembly"
    CHECK = "check"


class CampaignWatcher(Watcher, Protocol):
    """Called from the thread that runs the campaign, as things happen; what a method raises ends the campaign.

    `event(kind, run, facts)` is the harness's. Of no run: `loading` (`engine`) and `ready` (`seconds` it took). Of a
    run: `kept` where it was finished before; else `run` when it begins, `progress` each second (samples `done` and
    `issued`, `tokens`, and `ttft_p99_ms` and `tpot_p99_ms` so far, or None), `finished` (`done`, `tokens`, `seconds`).
    """

    def stage(self, stage: Stage, plan: CampaignPlan) -> None:
        """A stage begins."""

    def asked(self, outcome: Passed | SubmitterError) -> None:
        """Preflight asked one question: it passed, or this is wrong."""

    def scored(self, score: ScenarioScore) -> None:
        """An accuracy run has its scores."""


class _Silent:
    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        pass

    def stage(self, stage: Stage, plan: CampaignPlan) -> None:
        pass

    def asked(self, outcome: Passed | SubmitterError) -> None:
        pass

    def scored(self, score: ScenarioScore) -> None:
        pass


SILENT: CampaignWatcher = _Silent()
"""Shows nothing."""
