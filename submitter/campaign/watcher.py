"""The progress events of a campaign: its stages, and the object that receives the events."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Protocol

from submitter.campaign.changes import RunChanges
from submitter.campaign.outline import CampaignOutline
from submitter.campaign.preflight import PassedCheck
from submitter.campaign.scores import ScenarioScore
from submitter.errors import SubmitterError
from submitter.harness.events import Watcher
from submitter.harness.plan import RunPlan
from submitter.model import Scenario


class Stage(StrEnum):
    """The stages of `run_all`, in order."""

    PREFLIGHT = "preflight"
    INPUTS = "inputs"
    RUNS = "runs"
    SCORES = "scores"
    ASSEMBLY = "assembly"
    CHECK = "check"


class CampaignWatcher(Watcher, Protocol):
    """Receives the events of a campaign, in the thread that runs it. An exception in a method ends the campaign.

    `event(kind, run, facts)` gets the events of `harness.events.Watcher`; `kept` for a run that is not made again
    (`valid`: LoadGen's verdict on a performance run, None for others); and `damaged` for one that is, because its
    record is damaged (`why`, and `aside`: the new path of its folder).
    """

    def stage(self, stage: Stage, plan: CampaignOutline) -> None:
        """A stage begins."""

    def preflight_checked(self, outcome: PassedCheck | SubmitterError) -> None:
        """A preflight check passed, or found this problem."""

    def changes(self, changes: Sequence[RunChanges]) -> None:
        """Which finished runs stay and which are made again. Called before the first run."""

    def scoring(self, benchmark: str, scenario: Scenario, done: int, total: int) -> None:
        """So many of the answers of an accuracy run are scored. Not called for a run that was scored before."""

    def scored(self, score: ScenarioScore) -> None:
        """An accuracy run was scored, and the scenario's compliance tests were verified."""


class _Silent:
    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        pass

    def stage(self, stage: Stage, plan: CampaignOutline) -> None:
        pass

    def preflight_checked(self, outcome: PassedCheck | SubmitterError) -> None:
        pass

    def changes(self, changes: Sequence[RunChanges]) -> None:
        pass

    def scoring(self, benchmark: str, scenario: Scenario, done: int, total: int) -> None:
        pass

    def scored(self, score: ScenarioScore) -> None:
        pass


SILENT: CampaignWatcher = _Silent()
"""Ignores all events."""
