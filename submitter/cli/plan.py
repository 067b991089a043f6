"""The commands to use before a run: `templates` writes documents to complete, `plan` shows what run-all would do."""

from __future__ import annotations

import sys

import typer

from submitter.cli.campaign import CampaignFile
from submitter.cli.say import say


def templates(campaign: CampaignFile) -> None:
    """Write templates of the documents that only a person can complete: calibration, bandwidth, READMEs and so on."""
    from submitter import campaign as c
    from submitter import documents

    written = c.write_templates(c.load_campaign(campaign))
    for path in written:
        empty = list(documents.unfilled(path.read_text("utf-8")))
        print(f"{path}: {f'{len(empty)} parts to fill in' if empty else 'complete'}")
    if not written:
        say("nothing was written: all documents exist already")


def plan(campaign: CampaignFile) -> None:
    """Show what run-all would do, without doing it: settings, samples, time, disk, files, and all problems so far."""
    from submitter import campaign as c
    from submitter.campaign.settled import finished_folder
    from submitter.cli.progress import OutcomeView, show_plan
    from submitter.cli.settings_table import show_settings
    from submitter.console import working
    from submitter.errors import SubmitterError

    outline = c.outline_campaign(c.load_campaign(campaign))
    show_plan(outline)
    show_settings(outline, sys.stdout)
    try:
        draft = c.make_draft(outline)
    except SubmitterError:
        print("\nthe files of the tree cannot be listed, because of a problem that is reported below")
    else:
        print(f"\nThe tree {outline.campaign.tree} will have {len(draft.files)} files; * marks those from runs")
        print("and ! those that you have still to write\n" if draft.missing else "")
        for path in draft.files:
            print(f"{'*' if path in draft.run_files else '!' if path in draft.missing else ' '} {path}")
    outcomes = OutcomeView(needs_all=False)
    with working("preflight", sys.stderr):
        try:
            c.require_preflight(outline, outcomes.show, needs_all=False)
            code = 0
        except c.PreflightError as error:
            code = error.exit_code  # each problem was shown
    outcomes.show_counts()
    if any(finished_folder(run.folder) for _, run in outline.all_runs):
        say(f"some runs are finished; which of them stay: {outline.campaign.command} --dry-run")
    raise typer.Exit(code)
