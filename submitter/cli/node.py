"""`submitter node`: the other machines of an engine that serves on several."""

from __future__ import annotations

from typing import Annotated

import typer

from submitter.cli.campaign import CampaignFile
from submitter.cli.times import seconds


def node(
    campaign: CampaignFile,
    ranks: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="How many ranks to serve here; without it, data_parallel_size_local."),
    ] = None,
    idle: Annotated[str, typer.Option(help="End after this time without a driver: 90s, 60m, 2h.")] = "60m",
) -> None:
    """Serve an engine's ranks on this machine while run-all, run or tune runs on the driver's."""
    from submitter import campaign as c
    from submitter.cli.say import say

    try:
        c.serve_node(campaign, say, ranks=ranks, idle_s=seconds(idle))
    except KeyboardInterrupt:  # this is how a node ends: the driver learns of it by itself
        say("node stopped")
