"""`submitter slurm`: a campaign as a job of Slurm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.cli.campaign import CampaignFile
from submitter.cli.say import say

if TYPE_CHECKING:
    from submitter.campaign.slurm import SlurmPlan


def slurm(
    campaign: CampaignFile,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the job script to this file instead of printing it.")
    ] = None,
    submit: Annotated[bool, typer.Option("--submit", help="Submit the job, or open the interactive shell.")] = False,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Instead of a job, a shell on the same machines: print its command.")
    ] = False,
) -> None:
    """Write the job script that runs a campaign under Slurm, and submit it."""
    from submitter import campaign as c
    from submitter.cluster import slurm_submit

    settings = c.load_campaign(campaign)
    plan = c.plan_slurm_job(settings)
    if interactive:
        if submit:
            slurm_submit.become(plan.job.interactive())
        print(plan.job.interactive())
        return
    plan.job.logs.mkdir(parents=True, exist_ok=True)  # Slurm does not create it, and the job would fail without a word
    script = output or (plan.job.logs / "job.sh" if submit else None)
    if script is None:
        print(plan.job.script(), end="")
    else:
        script.write_text(plan.job.script(), "utf-8")
        say(f"wrote {script}")
    say(_forecast(plan))
    if submit and script is not None:
        job = slurm_submit.submit(script)
        print(job)
        say(f"job {job}: follow it with  tail -F {plan.job.logs}/{job}.log")


def _forecast(plan: SlurmPlan) -> str:
    """How the expected time and the time limit fit."""
    from submitter.console import duration

    nodes = f"{plan.job.nodes} machine{'s' if plan.job.nodes != 1 else ''}"
    limit = duration(plan.job.table.limit_s)
    text = f"{nodes}; the campaign takes about {duration(plan.expected_s)}, the time limit is {limit}"
    if plan.starts > 1:
        text += f": {plan.starts} jobs, so it goes back to the queue {plan.starts - 1} times; finished runs are kept"
    return text
