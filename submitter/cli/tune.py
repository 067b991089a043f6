"""`submitter tune`: the highest target rate that passes."""

from __future__ import annotations

import re
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.cli.campaign import CampaignFile
from submitter.cli.say import say
from submitter.errors import InputError
from submitter.model import Scenario

if TYPE_CHECKING:
    from submitter.campaign import Probe, Tuned

_UNIT_S = {"": 60.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def tune(
    campaign: CampaignFile,
    scenario: Annotated[Scenario, typer.Option(help="Server or Interactive.")],
    budget: Annotated[str, typer.Option(help="How long the search may take: 90s, 60m, 2h.")] = "60m",
    benchmark: Annotated[str | None, typer.Option(help="Which one, where several have the scenario.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Put the rate that was found into user.conf.")] = False,
    rerun: Annotated[bool, typer.Option(help="Forget the runs of an earlier search.")] = False,
) -> None:
    """Find the highest target rate that passes: short probes, then a full run that confirms it."""
    from submitter import campaign as c
    from submitter.cli.progress import show_outcome
    from submitter.console import ConsoleWatcher

    budget_s = _seconds(budget)
    plan = c.make_plan(c.load_campaign(campaign))
    with c.locked(plan.campaign.output):
        c.require_preflight(plan, show_outcome)
        say("")
        with closing(ConsoleWatcher(sys.stderr, [])) as watcher:
            tuned = c.tune(
                plan,
                scenario,
                budget_s=budget_s,
                watcher=watcher,
                on_probe=lambda probe: say(f"  {probe.verdict}: {probe.why}"),
                benchmark=benchmark,
                rerun=rerun,
            )
    _show(tuned)
    outcome = tuned.outcome
    if write and outcome.target_qps is not None and outcome.confirmed:
        c.write_target(tuned.user_conf, tuned.loadgen_model, scenario, outcome.target_qps)
        say(f"{tuned.user_conf} has target_qps = {outcome.target_qps:g} now")
    raise typer.Exit(0 if outcome.confirmed else 1)


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if found is None or not float(found[1]):
        raise InputError(f"'{text}' is no time", "give seconds, minutes or hours: 90s, 60m, 2h")
    return float(found[1]) * _UNIT_S[found[2]]


def _show(tuned: Tuned) -> None:
    from submitter.console import show_table

    rows: list[tuple[str, ...]] = [
        ("run", "target/s", "samples", "over a limit", "p99 TTFT", "p99 TPOT", "served/s", "verdict", "")
    ]
    rows += [_row(probe) for probe in tuned.probes]
    limits = tuned.limits
    print(f"limits: {limits.ttft_ms:g} ms to the first token, {limits.tpot_ms:g} ms a token\n")
    show_table(rows, sys.stdout)
    print()
    outcome = tuned.outcome
    if outcome.target_qps is None:
        print(f"no target rate passed: {outcome.why}")
    else:
        state = "confirmed by a full run" if outcome.confirmed else "NOT confirmed by a full run"
        failed = f"; {outcome.failed_qps:g} fails" if outcome.failed_qps is not None else ""
        print(f"target_qps = {outcome.target_qps:g}, {state}{failed} ({outcome.why}); it is {tuned.start_qps:g} now")
    print(f"journal: {tuned.journal}")


def _row(probe: Probe) -> tuple[str, ...]:
    return (
        probe.kind,
        f"{probe.target_qps:g}",
        f"{probe.samples:,}",
        f"{probe.over_limit} of {probe.steady_samples:,}",
        f"{probe.ttft_p99_ms:,.0f} ms",
        f"{probe.tpot_p99_ms:,.1f} ms",
        f"{probe.served_qps:,.2f}",
        probe.verdict,
        probe.why,
    )
