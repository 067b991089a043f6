"""`submitter runs`: the campaigns in a folder, how far each is, and what its runs have measured."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from submitter.cli.say import say

if TYPE_CHECKING:
    from submitter.campaign.listed_run import ListedRun
    from submitter.campaign.listing import ListedCampaign

_FORMATS = ("text", "json")
_COLUMNS = ("benchmark, run", "state", "result", "started, UTC", "time", "disk")


def runs(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH...",
            help="Campaign files, output folders, or folders below which both are looked for; by default the working "
            "folder.",
        ),
    ] = None,
    format: Annotated[
        str, typer.Option(metavar="text|json", autocompletion=lambda: list(_FORMATS), help="How to show them.")
    ] = "text",
) -> None:
    """List campaigns: how far each is, what its runs have measured, and the disk that they use."""
    from submitter import plugins
    from submitter.campaign.found_campaigns import find_campaigns

    plugins.require(format, _FORMATS, "format")
    found = find_campaigns(paths or [Path()])
    if format == "json":
        print(_json(found.campaigns, is_complete=found.is_complete))
        return
    for number, campaign in enumerate(found.campaigns):
        if number:
            print()
        _show(campaign)
    if not found.campaigns:
        say("no campaign was found: submitter init writes one")
    if not found.is_complete:
        say("there are more folders or campaigns than are looked at: give a folder nearer to what you look for")


def _show(campaign: ListedCampaign) -> None:
    from submitter.campaign.listing import CampaignStage
    from submitter.console import disk_size, show_table
    from submitter.quoting import printable

    for line in _heading(campaign):
        print(printable(line))
    if campaign.stage is not CampaignStage.PLANNED:
        rows: list[tuple[str, ...]] = []
        for benchmark, group in groupby(campaign.runs, lambda run: run.benchmark):
            rows += [(printable(benchmark), "", "", "", "", ""), *map(_row, group)]
        show_table(_COLUMNS, rows, sys.stdout)
    for run in campaign.runs:
        if run.why:
            print(f"{run.scenario} {run.mode} is damaged: {printable(run.why)}")
    for failed in campaign.failed:
        print(printable(f"failed: {failed.run}, {_short_utc(failed.time_utc)}: {failed.why or 'reason unknown'}"))
        print(f"  {printable(str(failed.folder))}, {disk_size(failed.used_bytes)}")


def _heading(campaign: ListedCampaign) -> Iterator[str]:
    from submitter.console import disk_size
    from submitter.console.invalid import short_path

    yield short_path(campaign.file or campaign.output)
    if campaign.file is None:
        yield "  the campaign file is not known: this is what the output folder says"
    elif campaign.problem:
        yield f"  the campaign file cannot be used: {campaign.problem}"
    smoke = "smoke run" if campaign.smoke else ""
    facts = (campaign.round, campaign.division, campaign.submitter, campaign.system, smoke)
    yield f"  {', '.join(filter(None, facts)) or 'nothing is known of it'}"
    runs = campaign.own_runs
    stage = str(campaign.stage) if campaign.finished_count == len(runs) else f"{campaign.stage}: {_count(campaign)}"
    yield f"  {'RUNNING NOW, ' if campaign.is_running else ''}{stage}{_checked(campaign)}"
    if campaign.last_end:
        yield f"  the last session ended: {campaign.last_end.get('why')}"
    used = [f"{name} {disk_size(size)}" for name, size in campaign.used_bytes.items() if size]
    yield f"  disk: {', '.join(used) or 'nothing'}"


def _count(campaign: ListedCampaign) -> str:
    return f"{campaign.finished_count} of {len(campaign.own_runs)} runs finished"


def _checked(campaign: ListedCampaign) -> str:
    if campaign.last_check and campaign.tree:
        return f", checked {_short_utc(str(campaign.last_check['time_utc']))}: {campaign.last_check.get('verdict')}"
    return ""


def _row(run: ListedRun) -> tuple[str, ...]:
    from submitter.console import disk_size, short_duration
    from submitter.quoting import printable

    figures = [figure for figure in run.figures if figure.is_limited] or list(run.figures[:1])
    result = ", ".join(
        f"{figure.value:,.2f} {figure.unit}" if figure.unit else f"{figure.name} {figure.value:.6g}"
        for figure in figures
    )
    other = "" if run.in_campaign else ", not in the campaign"
    return (
        printable(f" {run.scenario} {run.mode}"),
        f"{run.state}{other}",
        printable(result),
        _short_utc(run.started_utc),
        "" if run.duration_s is None else short_duration(run.duration_s),
        disk_size(run.used_bytes) if run.used_bytes else "",
    )


def _short_utc(time_utc: str) -> str:
    """`2026-11-24 19:43` of an ISO 8601 time."""
    return time_utc[:16].replace("T", " ")


def _json(campaigns: list[ListedCampaign], *, is_complete: bool) -> str:
    import json
    from dataclasses import asdict

    def document(campaign: ListedCampaign) -> dict[str, Any]:
        content = asdict(campaign)
        for run in content["runs"]:
            del run["record"]
        return {**content, "finished_runs": campaign.finished_count}

    content = {"version": 1, "is_complete": is_complete, "campaigns": [document(each) for each in campaigns]}
    return json.dumps(content, indent=2, default=str)
