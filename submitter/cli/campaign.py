"""The commands that run a whole campaign, one of its runs, or the assembly of its tree."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.cli.say import say
from submitter.model import Mode, Scenario

if TYPE_CHECKING:
    from submitter.campaign import CampaignOutcome

CampaignFile = Annotated[
    Path,
    typer.Argument(metavar="CAMPAIGN.toml", help="The campaign file: what to run, on which system, for which round."),
]
Rerun = Annotated[bool, typer.Option(help="Repeat finished runs.")]


def run_all(campaign: CampaignFile, rerun: Rerun = False) -> None:
    """Plan, preflight, run, score, assemble and check a whole campaign."""
    from submitter import campaign as c
    from submitter.cli.check import render
    from submitter.cli.progress import CampaignProgress

    with closing(CampaignProgress()) as progress:
        outcome = c.run_all(campaign, rerun=rerun, watcher=progress)
    sys.stdout.write(render(outcome.report, "text") + "\n")
    _show_runs(outcome)
    raise typer.Exit(outcome.report.exit_code)


def run(
    campaign: CampaignFile,
    scenario: Annotated[Scenario, typer.Option(help="The scenario to run.")],
    mode: Annotated[Mode, typer.Option(help="The kind of run.")] = Mode.PERFORMANCE,
    rerun: Rerun = False,
) -> None:
    """Make one run of a campaign."""
    from submitter import campaign as c
    from submitter.cli.progress import passed_preflight, run_watcher

    c.require_run(c.load_campaign(campaign), scenario, mode)
    with passed_preflight(campaign) as plan:
        with closing(run_watcher(plan)) as watcher:
            c.make_runs(plan, watcher, rerun=rerun, scenario=scenario, mode=mode)
        say("")


def assemble(
    campaign: CampaignFile,
    round_name: Annotated[
        str | None,
        typer.Option("--round", help="Use the same runs for this round instead, if their logs allow it."),
    ] = None,
) -> None:
    """Write the submission tree from a campaign's finished and scored runs."""
    from submitter import campaign as c

    print(c.assemble(campaign, round_name))


def _show_runs(outcome: CampaignOutcome) -> None:
    """Print a table of the runs and their results."""
    from submitter.console import duration, show_table

    rows = [
        (
            run.benchmark,
            run.scenario,
            run.mode,
            f"{run.sample_count:,}",
            duration(run.duration_s),
            f"{run.metric.value:,.2f} {run.metric.unit}" if run.metric else "",
            "" if run.mode is not Mode.PERFORMANCE else "VALID" if run.valid else "INVALID",
        )
        for run in outcome.runs
    ]
    print()
    show_table(("benchmark", "scenario", "run", "samples", "time", "result", ""), rows, sys.stdout)
