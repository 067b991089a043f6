"""The commands that run a whole campaign, one of its runs, or the assembly of its tree."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from submitter.cli import complete
from submitter.cli.say import say
from submitter.model import Mode, Scenario

CampaignFile = Annotated[
    Path,
    typer.Argument(metavar="CAMPAIGN.toml", help="The campaign file: what to run, on which system, for which round."),
]
Rerun = Annotated[bool, typer.Option(help="Repeat finished runs.")]


def run_all(campaign: CampaignFile, rerun: Rerun = False) -> None:
    """Plan, preflight, run, score, assemble and check a whole campaign."""
    from submitter import campaign as c
    from submitter.cli.check import render
    from submitter.cli.closing_table import show_outcome_table
    from submitter.cli.progress import CampaignProgress

    with closing(CampaignProgress()) as progress:
        outcome = c.run_all(campaign, rerun=rerun, watcher=progress)
    sys.stdout.write(render(outcome.report, "text") + "\n")
    show_outcome_table(outcome)
    raise typer.Exit(outcome.report.exit_code)


def run(
    campaign: CampaignFile,
    scenario: Annotated[Scenario, typer.Option(help="The scenario to run: Offline, Server or Interactive.")],
    mode: Annotated[Mode, typer.Option(help="The kind of run.")] = Mode.PERFORMANCE,
    rerun: Rerun = False,
) -> None:
    """Make one run of a campaign."""
    from submitter import campaign as c
    from submitter.cli.progress import passed_preflight, run_watcher

    c.require_run(c.load_campaign(campaign), scenario, mode)
    with passed_preflight(campaign) as plan:
        chosen = [
            [each for each in session.runs if (each.scenario, each.mode) == (scenario, mode)]
            for benchmark in plan.benchmarks
            for session in benchmark.sessions
        ]
        with closing(run_watcher(chosen)) as watcher:
            c.make_runs(plan, watcher, rerun=rerun, scenario=scenario, mode=mode)
        say("")


def assemble(
    campaign: CampaignFile,
    round_name: Annotated[
        str | None,
        typer.Option(
            "--round",
            autocompletion=complete.rounds,
            help="Use the same runs for this round instead, if their logs allow it.",
        ),
    ] = None,
) -> None:
    """Write the submission tree from a campaign's finished and scored runs."""
    from submitter import campaign as c
    from submitter.console import working

    with working("assembling the tree", sys.stderr):
        tree = c.assemble(campaign, round_name)
    print(tree)
