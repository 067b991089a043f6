"""Shows the progress of a campaign on stderr. This imports `campaign`, so commands import it only when they run."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from submitter import campaign as c
from submitter.campaign import CampaignOutline, CampaignPlan, PassedCheck, RunChanges, ScenarioScore, Stage
from submitter.campaign.outline import BenchmarkOutline
from submitter.cli.changes import show_changes
from submitter.cli.interruption import INTERRUPTION
from submitter.cli.say import detail, say
from submitter.cli.settings_table import show_settings
from submitter.console import ConsoleWatcher, Level, Working, duration, margins, show_table, working
from submitter.errors import NotInstalledError, PaperworkError, SubmitterError
from submitter.harness.plan import RunPlan
from submitter.model import Scenario

READING = "reading the model and the data set"


class CampaignProgress:
    """The watcher of a whole campaign. Call `close` when the campaign ends, also after an error."""

    def __init__(self) -> None:
        self._runs = ConsoleWatcher(sys.stderr)
        self._outcomes = OutcomeView()
        self._work = Working(sys.stderr)
        self._stage: Stage | None = None
        self._began_s = 0.0

    def stage(self, stage: Stage, plan: CampaignOutline) -> None:
        INTERRUPTION.raise_if_lost()
        self._end_stage()
        self._stage, self._began_s = stage, time.monotonic()
        if stage is Stage.PREFLIGHT:
            show_plan(plan)
            show_details(plan)
            self._work.begin("preflight")
        elif stage is Stage.INPUTS:
            self._work.begin(READING)
        elif stage is Stage.RUNS:
            say("")
            cores = len(os.sched_getaffinity(0))
            self._runs = run_watcher(plan.run_sequences, cores)
        elif stage is Stage.SCORES:
            say("")
        elif stage is Stage.ASSEMBLY:
            self._work.begin("assembling the tree")
        elif stage is Stage.CHECK:
            say(f"assembled {plan.campaign.tree}")
            self._work.begin("checking the tree")

    def preflight_checked(self, outcome: PassedCheck | SubmitterError) -> None:
        self._outcomes.show(outcome)

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        INTERRUPTION.raise_if_lost()
        self._runs.event(kind, run, facts)

    def changes(self, changes: Sequence[RunChanges]) -> None:
        show_changes(changes, sys.stderr)

    def scoring(self, benchmark: str, scenario: Scenario, done: int, total: int) -> None:
        show_scoring(self._work, benchmark, scenario, done, total)

    def scored(self, score: ScenarioScore) -> None:
        self._work.end()
        show_score(score)

    def _end_stage(self) -> None:
        self._work.end()
        if self._stage:
            detail(f"{self._stage} took {time.monotonic() - self._began_s:.1f} s")
            self._stage = None

    def close(self) -> None:
        self._end_stage()
        self._work.close()
        self._runs.close()


def run_watcher(sessions: Sequence[Sequence[RunPlan]], scoring_cores: int = 0) -> ConsoleWatcher:
    """A watcher on stderr for the runs to come, one sequence for each engine to load."""
    return ConsoleWatcher(sys.stderr, sessions, scoring_cores)


@contextmanager
def passed_preflight(campaign: Path) -> Iterator[CampaignPlan]:
    """Show a campaign's preflight, lock its output folder for the block, and plan it. PreflightError if that fails."""
    outline = c.outline_campaign(c.load_campaign(campaign))
    show_details(outline)
    with working("preflight", sys.stderr):
        c.require_preflight(outline, OutcomeView().show)
    with c.locked(outline.campaign.output):
        with working(READING, sys.stderr):
            plan = c.make_plan(outline)
        say("")
        yield plan


def show_plan(plan: CampaignOutline) -> None:
    """Show a table of the runs with their sample counts and times."""
    campaign = plan.campaign
    if campaign.smoke:
        say("SMOKE RUN: short, for practice. Its results cannot be submitted.\n")
    rows = [
        (benchmark.table.name, run.label, f"{run.expected_samples:,}", _about(benchmark, run))
        for benchmark, run in plan.all_runs
    ]
    say(f"round {plan.book.name}, {campaign.division}, {campaign.submitter}, {campaign.system.id}\n")
    show_table(("benchmark", "run", "samples", "about"), rows, sys.stderr)
    say(f"\nabout {duration(plan.expected_s)} at the target rates, scoring and assembly included\n")


def show_details(plan: CampaignOutline) -> None:
    """With --verbose: the files and folders of a campaign, and LoadGen's settings in force."""
    campaign = plan.campaign
    for what, path in (("campaign file", campaign.path), ("output folder", campaign.output), ("log", campaign.log)):
        detail(f"{what}: {path}")
    for benchmark in plan.benchmarks:
        table = benchmark.table
        for what, place in (
            ("model", benchmark.model_folder),
            ("data set", table.dataset),
            ("user.conf and engine.toml", table.measurements),
        ):
            detail(f"{table.name}, {what}: {place}")
    show_settings(plan, sys.stderr, Level.DETAIL)


def _about(benchmark: BenchmarkOutline, run: RunPlan) -> str:
    """How long a run takes; a run without a target rate takes at least its minimum duration."""
    if benchmark.settings[run.scenario, run.mode].target_qps:
        return duration(run.expected_s)
    return f"at least {duration(run.expected_s)}" if run.expected_s else "not known"


class OutcomeView:
    """Shows the outcomes of preflight checks: ok, WRONG, due before the assembly, or not here; and how many.

    Without `needs_all`, a missing package is not shown as wrong.
    """

    def __init__(self, *, needs_all: bool = True) -> None:
        self._needs_all = needs_all
        self._counts = dict.fromkeys(("WRONG", "due", "not here"), 0)
        self._hint = ""

    def show(self, outcome: PassedCheck | SubmitterError) -> None:
        """Show an outcome. A hint that several outcomes in a row have is shown once."""
        INTERRUPTION.raise_if_lost()
        if isinstance(outcome, PassedCheck):
            say(f"preflight ok       {outcome.name}: {outcome.summary}")
            return
        state = "WRONG"
        if isinstance(outcome, PaperworkError):
            state = "due"
        elif not self._needs_all and isinstance(outcome, NotInstalledError):
            state = "not here"
        self._counts[state] += 1
        hint = f"\n                   {outcome.hint}" if outcome.hint not in ("", self._hint) else ""
        self._hint = outcome.hint
        say(f"preflight {state:<8} {outcome.message}{hint}", "red" if state == "WRONG" else "")

    def show_counts(self) -> None:
        """Show how many problems there are, and what they block."""
        wrong, due, elsewhere = self._counts.values()
        parts = [f"{wrong} must be fixed before the first run" if wrong else "nothing blocks the runs"]
        if due:
            parts.append(f"{due} before the assembly")
        if elsewhere:
            parts.append(f"{elsewhere} can be verified only on the machine of the runs")
        say(f"\nproblems: {', '.join(parts)}")


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
