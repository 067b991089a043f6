"""What the commands that run a campaign show of it on stderr. It imports the campaign, so commands import it late."""

from __future__ import annotations

import sys
from typing import Any

from submitter.campaign import CampaignPlan, Passed, ScenarioScore, Stage
from submitter.cli.say import say
from submitter.console import ConsoleWatcher, duration, margins, show_table
from submitter.errors import NotInstalledError, SubmitterError
from submitter.harness.plan import RunPlan


class CampaignProgress:
    """A whole campaign's watcher; `close` it, however the campaign ends."""

    def __init__(self) -> None:
        self._runs = ConsoleWatcher(sys.stderr, [])

    def stage(self, stage: Stage, plan: CampaignPlan) -> None:
        if stage is Stage.PREFLIGHT:
            show_plan(plan)
        elif stage is Stage.RUNS:
            say("")
            self._runs = watcher_of(plan)
        elif stage is Stage.SCORES:
            say("")
        elif stage is Stage.CHECK:
            say(f"assembled {plan.campaign.tree}")

    def asked(self, outcome: Passed | SubmitterError) -> None:
        show_outcome(outcome)

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        self._runs.event(kind, run, facts)

    def scored(self, score: ScenarioScore) -> None:
        show_score(score)

    def close(self) -> None:
        self._runs.close()


def watcher_of(plan: CampaignPlan) -> ConsoleWatcher:
    """A watcher of all runs of a plan."""
    return ConsoleWatcher(sys.stderr, [run for _, _, run in plan.runs])


def show_plan(plan: CampaignPlan) -> None:
    """The runs with their samples and times."""
    campaign = plan.campaign
    if campaign.smoke:
        say("SMOKE RUN: short, for practice. What it makes is no submission.\n")
    rows: list[tuple[str, ...]] = [("benchmark", "run", "samples", "about")]
    for benchmark, _, run in plan.runs:
        rows.append((benchmark.table.name, run.label, f"{run.expected_samples:,}", duration(run.expected_s)))
    say(f"round {plan.book.name}, {campaign.division}, {campaign.submitter}, {campaign.system.id}\n")
    show_table(rows, sys.stderr)
    say(f"\nabout {duration(plan.expected_s)} at the target rates, scoring and assembly included\n")


def show_outcome(outcome: Passed | SubmitterError, *, needs_all: bool = True) -> None:
    """One answer of preflight. Unless it `needs_all`, what is only not installed is shown as such, not as wrong."""
    if isinstance(outcome, Passed):
        say(f"preflight ok     {outcome.question}: {outcome.answer}")
        return
    elsewhere = not needs_all and isinstance(outcome, NotInstalledError)
    hint = f"\n                 {outcome.hint}" if outcome.hint else ""
    say(f"preflight {'not here' if elsewhere else 'WRONG':<8} {outcome.message}{hint}", "" if elsewhere else "red")


def show_score(score: ScenarioScore) -> None:
    """A line a metric, with its margins."""
    say(f"scored {score.benchmark} {score.scenario}:")
    for metric in score.metrics:
        say(f"  {metric.name} {metric.value:g}{margins(metric.value, metric.lower, metric.upper)}")
