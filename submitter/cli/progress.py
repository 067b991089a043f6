"""Shows the progress of a campaign on stderr. This imports `campaign`, so commands import it only when they run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from submitter import campaign as c
from submitter.campaign import CampaignPlan, PassedCheck, ScenarioScore, Stage
from submitter.cli.say import say
from submitter.console import ConsoleWatcher, duration, margins, show_table
from submitter.errors import NotInstalledError, SubmitterError
from submitter.harness.plan import RunPlan


class CampaignProgress:
    """The watcher of a whole campaign. Call `close` when the campaign ends, also after an error."""

    def __init__(self) -> None:
        self._runs = ConsoleWatcher(sys.stderr, [])

    def stage(self, stage: Stage, plan: CampaignPlan) -> None:
        if stage is Stage.PREFLIGHT:
            show_plan(plan)
        elif stage is Stage.RUNS:
            say("")
            self._runs = run_watcher(plan)
        elif stage is Stage.SCORES:
            say("")
        elif stage is Stage.CHECK:
            say(f"assembled {plan.campaign.tree}")

    def preflight_checked(self, outcome: PassedCheck | SubmitterError) -> None:
        show_outcome(outcome)

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        self._runs.event(kind, run, facts)

    def scored(self, score: ScenarioScore) -> None:
        show_score(score)

    def close(self) -> None:
        self._runs.close()


def run_watcher(plan: CampaignPlan) -> ConsoleWatcher:
    """A watcher for all runs of a plan."""
    return ConsoleWatcher(sys.stderr, [run for _, _, run in plan.runs])


@contextmanager
def passed_preflight(campaign: Path) -> Iterator[CampaignPlan]:
    """Plan a campaign, lock its output folder for the block, and show its preflight. PreflightError if that fails."""
    plan = c.make_plan(c.load_campaign(campaign))
    with c.locked(plan.campaign.output):
        c.require_preflight(plan, show_outcome)
        say("")
        yield plan


def show_plan(plan: CampaignPlan) -> None:
    """Show a table of the runs with their sample counts and times."""
    campaign = plan.campaign
    if campaign.smoke:
        say("SMOKE RUN: short, for practice. Its results cannot be submitted.\n")
    rows = [
        (benchmark.table.name, run.label, f"{run.expected_samples:,}", duration(run.expected_s))
        for benchmark, _, run in plan.runs
    ]
    say(f"round {plan.book.name}, {campaign.division}, {campaign.submitter}, {campaign.system.id}\n")
    show_table(("benchmark", "run", "samples", "about"), rows, sys.stderr)
    say(f"\nabout {duration(plan.expected_s)} at the target rates, scoring and assembly included\n")


def show_outcome(outcome: PassedCheck | SubmitterError, *, needs_all: bool = True) -> None:
    """Show the outcome of a preflight check. Without `needs_all`, a missing package is not shown as wrong."""
    if isinstance(outcome, PassedCheck):
        say(f"preflight ok     {outcome.name}: {outcome.summary}")
        return
    elsewhere = not needs_all and isinstance(outcome, NotInstalledError)
    hint = f"\n                 {outcome.hint}" if outcome.hint else ""
    say(f"preflight {'not here' if elsewhere else 'WRONG':<8} {outcome.message}{hint}", "" if elsewhere else "red")


def show_score(score: ScenarioScore) -> None:
    """Show each metric of a score with its margins, one per line."""
    say(f"scored {score.benchmark} {score.scenario}:")
    for metric in score.metrics:
        say(f"  {metric.name} {metric.value:g}{margins(metric.value, metric.lower, metric.upper)}")
