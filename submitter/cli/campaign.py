"""The commands that run a whole campaign, one of its runs, or the assembly of its tree."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from submitter.cli import complete
from submitter.cli.say import say
from submitter.model import Keep, Mode, Scenario

CampaignFile = Annotated[
    Path,
    typer.Argument(metavar="CAMPAIGN.toml", help="The campaign file: what to run, on which system, for which round."),
]
Rerun = Annotated[bool, typer.Option(help="Repeat finished runs.")]
KeepOption = Annotated[
    list[Keep] | None,
    typer.Option("--keep", help="Keep finished runs although these changed since; may be given more than once."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show which finished runs stay and which are made again, and do nothing.")
]


def run_all(campaign: CampaignFile, rerun: Rerun = False, keep: KeepOption = None, dry_run: DryRun = False) -> None:
    """Plan, preflight, run, score, assemble and check a whole campaign."""
    from submitter import campaign as c
    from submitter.cli.check import render
    from submitter.cli.closing_table import show_outcome_table
    from submitter.cli.progress import CampaignProgress

    if dry_run:
        _show_changes(campaign, None, None, keep, rerun=rerun)
        return
    with closing(CampaignProgress()) as progress:
        outcome = c.run_all(campaign, rerun=rerun, keep=keep or (), watcher=progress)
    sys.stdout.write(render(outcome.report, "text") + "\n")
    show_outcome_table(outcome)
    raise typer.Exit(outcome.report.exit_code)


def run(
    campaign: CampaignFile,
    scenario: Annotated[Scenario, typer.Option(help="The scenario to run: Offline, Server or Interactive.")],
    mode: Annotated[Mode, typer.Option(help="The kind of run.")] = Mode.PERFORMANCE,
    rerun: Rerun = False,
    keep: KeepOption = None,
    dry_run: DryRun = False,
) -> None:
    """Make one run of a campaign. The exit code is 1 if LoadGen calls it INVALID."""
    from submitter import campaign as c
    from submitter.campaign.logged import is_valid, read_log
    from submitter.cli.changes import show_changes
    from submitter.cli.progress import passed_preflight, run_watcher

    c.require_run(c.load_campaign(campaign), scenario, mode)
    if dry_run:
        _show_changes(campaign, scenario, mode, keep, rerun=rerun)
        return
    with passed_preflight(campaign) as plan:
        chosen = [
            [each for each in session.runs if (each.scenario, each.mode) == (scenario, mode)]
            for benchmark in plan.benchmarks
            for session in benchmark.sessions
        ]
        with closing(run_watcher(chosen)) as watcher:
            c.make_runs(
                plan,
                watcher,
                rerun=rerun,
                scenario=scenario,
                mode=mode,
                keep=keep or (),
                on_changes=lambda changes: show_changes(changes, sys.stderr),
            )
        say("")
        made = [run.folder for runs in chosen for run in runs]
    # LoadGen's verdict on a compliance run does not count.
    if mode is Mode.PERFORMANCE and not all(is_valid(read_log(folder, "run it again"), mode) for folder in made):
        raise typer.Exit(1)


def _show_changes(
    campaign: Path, scenario: Scenario | None, mode: Mode | None, keep: list[Keep] | None, *, rerun: bool
) -> None:
    """What --dry-run shows. InputError for what would stop the command before its first run."""
    from submitter import campaign as c
    from submitter.campaign.changes import require_unedited
    from submitter.cli.changes import show_changes
    from submitter.cli.progress import READING
    from submitter.console import working

    with working(READING, sys.stderr):
        changes = c.changes_since(campaign, scenario=scenario, mode=mode, keep=keep or (), rerun=rerun)
    show_changes(changes, sys.stdout)
    require_unedited(changes)


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
