"""The progress events of a campaign: its stages, and the object that receives the events."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Protocol

from submitter.campaign.outline import CampaignOutline
from submitter.campaign.preflight import PassedCheck
from submitter.campaign.scores import ScenarioScore
from submitter.errors import SubmitterError
from submitter.harness.plan import RunPlan
from submitter.harness.supervisor import Watcher


class Stage(StrEnum):
    """The stages of `run_all`, in order."""

    PREFLIGHT = "preflight"
    RUNS = "runs"
    SCORES = "scores"
    ASSEMBLY = "assembly"
    CHECK = "check"


class CampaignWatcher(Watcher, Protocol):
    """Receives the events of a campaign, in the thread that runs it. An exception in a method ends the campaign.

    `event(kind, run, facts)` gets the harness's events. `run` is None for `loading` (fact: `engine`) and `ready`
    (`seconds`: how long the engine took to load). The others belong to a run: `kept` if it was finished before; else
    `run` when it begins, `progress` each second (`done` and `issued`: samples; `tokens`; `ttft_p99_ms` and
    `tpot_p99_ms`: of the run so far, or None) and `finished` (`done`, `tokens`, `seconds`).
    """

    def stage(self, stage: Stage, plan: CampaignOutline) -> None:
        """A stage begins."""

    def preflight_checked(self, outcome: PassedCheck | SubmitterError) -> None:
        """A preflight check passed, or found this problem."""

    def scored(self, score: ScenarioScore) -> None:
        """An accuracy run was scored."""


class _Silent:
    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        pass

    def stage(self, stage: Stage, plan: CampaignOutline) -> None:
        pass

    def preflight_checked(self, outcome: PassedCheck | SubmitterError) -> None:
        pass

    def scored(self, score: ScenarioScore) -> None:
        pass


SILENT: CampaignWatcher = _Silent()
"""Ignores all events."""
