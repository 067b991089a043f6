"""The commands that run a campaign: all of it, or one stage."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.cli.say import say
from submitter.cli.score import show_scores
from submitter.errors import NotInstalledError, SubmitterError
from submitter.model import Mode, Scenario

if TYPE_CHECKING:
    from submitter.campaign import CampaignPlan

CampaignFile = Annotated[Path, typer.Argument(metavar="CAMPAIGN.toml", help="What to run, on what, for which round.")]
Rerun = Annotated[bool, typer.Option(help="Make runs again that have finished before.")]


def run_all(campaign: CampaignFile, rerun: Rerun = False) -> None:
    """Plan, preflight, run, score, assemble and check a whole campaign."""
    from submitter import campaign as c
    from submitter import checker
    from submitter.cli.check import render

    plan = c.make_plan(c.load_campaign(campaign))
    with c.locked(plan):
        show_plan(plan)
        ask_preflight(plan)
        _runs(plan, rerun, None, None)
        show_scores(plan)
        tree = c.do_assembly(plan)
        say(f"assembled {tree}")
        report = checker.check(tree, plan.book)
    sys.stdout.write(render(report, "text") + "\n")
    _closing_table(plan)
    raise typer.Exit(report.exit_code)


def run(
    campaign: CampaignFile,
    scenario: Annotated[Scenario, typer.Option(help="The scenario to run.")],
    mode: Annotated[Mode, typer.Option(help="The kind of run.")] = Mode.PERFORMANCE,
    rerun: Rerun = False,
) -> None:
    """Make one run of a campaign."""
    from submitter import campaign as c

    made = c.make_plan(c.load_campaign(campaign))
    with c.locked(made):
        ask_preflight(made)
        _runs(made, rerun, scenario, mode)


def assemble(
    campaign: CampaignFile,
    round_name: Annotated[
        str | None,
        typer.Option("--round", help="Lay the same runs out for this round instead, where their logs allow it."),
    ] = None,
) -> None:
    """Lay out the submission tree from a campaign's finished and scored runs."""
    from submitter import campaign as c

    made = c.make_plan(c.load_campaign(campaign))
    with c.locked(made):
        print(c.do_assembly(made, round_name))


def show_plan(plan: CampaignPlan) -> None:
    """The runs with their samples and times, to stderr."""
    from submitter.console import duration, table

    campaign = plan.campaign
    if campaign.smoke:
        say("SMOKE RUN: short, for practice. What it makes is no submission.\n")
    rows: list[tuple[str, ...]] = [("benchmark", "run", "samples", "about")]
    for benchmark, _, run in plan.runs:
        rows.append((benchmark.table.name, run.label, f"{run.expected_samples:,}", duration(run.expected_s)))
    say(f"round {plan.book.name}, {campaign.division}, {campaign.submitter}, {campaign.system.id}\n\n{table(rows)}")
    say(f"\nabout {duration(plan.expected_s)} at the target rates, scoring and assembly included\n")


def ask_preflight(plan: CampaignPlan, *, needs_all: bool = True) -> None:
    """Ask all questions, show all answers, and go no further if one is bad.

    Unless it `needs_all`, what is only not installed here is shown, and no more.
    """
    from submitter import campaign as c

    wrong: list[SubmitterError] = []
    for outcome in c.preflight(plan):
        if isinstance(outcome, c.Passed):
            say(f"preflight ok     {outcome.question}: {outcome.answer}")
            continue
        elsewhere = not needs_all and isinstance(outcome, NotInstalledError)
        hint = f"\n                 {outcome.hint}" if outcome.hint else ""
        say(f"preflight {'not here' if elsewhere else 'WRONG':<8} {outcome.message}{hint}")
        if not elsewhere:
            wrong.append(outcome)
    if wrong:
        many = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise type(wrong[0])(f"nothing was run: {wrong[0].message}{many}", wrong[0].hint)
    say("")


def _runs(plan: CampaignPlan, rerun: bool, scenario: Scenario | None, mode: Mode | None) -> None:
    from submitter import campaign as c
    from submitter.console import ConsoleWatcher

    watcher = ConsoleWatcher(sys.stderr, [run for _, _, run in plan.runs])
    c.do_runs(plan, watcher, rerun=rerun, only=(scenario, mode))
    say("")


def _closing_table(plan: CampaignPlan) -> None:
    """One row a run: what it measured, from the records."""
    from submitter.console import duration, table
    from submitter.record import read_record

    rows: list[tuple[str, ...]] = [("benchmark", "scenario", "run", "samples", "time", "result", "")]
    for benchmark, _, run in plan.runs:
        record = read_record(run.folder)
        metric = f"{record.metric.value:,.2f} {record.metric.unit}" if record.metric else ""
        verdict = "" if run.mode is not Mode.PERFORMANCE else "VALID" if record.valid else "INVALID"
        rows.append(
            (
                benchmark.table.name,
                run.scenario,
                run.mode,
                f"{record.sample_count:,}",
                duration(record.duration_s),
                metric,
                verdict,
            )
        )
    print(f"\n{table(rows)}")
