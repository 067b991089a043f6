"""Shows the progress of a campaign on stderr. This imports `campaign`, so commands import it only when they run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from submitter import campaign as c
from submitter.campaign import CampaignPlan, PassedCheck, ScenarioScore, Stage
from submitter.cli.say import say
from submitter.console import ConsoleWatcher, Working, duration, margins, show_table, working
from submitter.errors import NotInstalledError, SubmitterError
from submitter.harness.plan import RunPlan
from submitter.model import Scenario

READING = "reading the model and the data set"


class CampaignProgress:
    """The watcher of a whole campaign. Call `close` when the campaign ends, also after an error."""

    def __init__(self) -> None:
        self._runs = ConsoleWatcher(sys.stderr)
        self._work = Working(sys.stderr)
        self._work.begin(READING)

    def stage(self, stage: Stage, plan: CampaignPlan) -> None:
        self._work.end()
        if stage is Stage.PREFLIGHT:
            show_plan(plan)
            self._work.begin("preflight")
        elif stage is Stage.RUNS:
            say("")
            cores = len(os.sched_getaffinity(0))
            self._runs = run_watcher([session.runs for b in plan.benchmarks for session in b.sessions], cores)
        elif stage is Stage.SCORES:
            say("")
        elif stage is Stage.ASSEMBLY:
            self._work.begin("assembling the tree")
        elif stage is Stage.CHECK:
            say(f"assembled {plan.campaign.tree}")
            self._work.begin("checking the tree")

    def preflight_checked(self, outcome: PassedCheck | SubmitterError) -> None:
        show_outcome(outcome)

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        self._runs.event(kind, run, facts)

    def scoring(self, benchmark: str, scenario: Scenario, done: int, total: int) -> None:
        show_scoring(self._work, benchmark, scenario, done, total)

    def scored(self, score: ScenarioScore) -> None:
        self._work.end()
        show_score(score)

    def close(self) -> None:
        self._work.close()
        self._runs.close()


def run_watcher(sessions: Sequence[Sequence[RunPlan]], scoring_cores: int = 0) -> ConsoleWatcher:
    """A watcher on stderr for the runs to come, one sequence for each engine to load."""
    return ConsoleWatcher(sys.stderr, sessions, scoring_cores)


@contextmanager
def passed_preflight(campaign: Path) -> Iterator[CampaignPlan]:
    """Plan a campaign, lock its output folder for the block, and show its preflight. PreflightError if that fails."""
    with working(READING, sys.stderr):
        plan = c.make_plan(c.load_campaign(campaign))
    with c.locked(plan.campaign.output):
        with working("preflight", sys.stderr):
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


def show_scoring(work: Working, benchmark: str, scenario: Scenario, done: int, total: int) -> None:
    """Show how many answers of an accuracy run are scored."""
    if not done:
        work.begin(f"scoring {benchmark} {scenario}", "answers")
    work.advance(done, total)


def show_score(score: ScenarioScore) -> None:
    """Show each metric of a score with its margins, one per line, and the outcome of each compliance test."""
    say(f"scored {score.benchmark} {score.scenario}:")
    for metric in score.metrics:
        margin = margins(metric.value, metric.lower, metric.upper)
        say(f"  {metric.name} {metric.value:g}{f', {margin}' if margin else ''}")
    for test, passed in score.passed.items():
        say(f"  {test} {'passed' if passed else 'FAILED'}", "" if passed else "red")
