"""`submitter tune`: finds the highest target rate that passes."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.cli.campaign import CampaignFile
from submitter.cli.say import detail, say
from submitter.cli.times import seconds
from submitter.model import Scenario

if TYPE_CHECKING:
    from submitter.campaign import Probe, TuneResult

_COLUMNS = ("run", "target/s", "samples", "over a limit", "p99 TTFT", "p99 TPOT", "served/s", "verdict")


def tune(
    campaign: CampaignFile,
    scenario: Annotated[Scenario, typer.Option(help="The scenario to tune: Server or Interactive.")],
    budget: Annotated[str, typer.Option(help="How long the search may take: 90s, 60m, 2h.")] = "60m",
    benchmark: Annotated[str | None, typer.Option(help="Which benchmark, if several have the scenario.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Write the rate that was found into user.conf.")] = False,
    rerun: Annotated[bool, typer.Option(help="Ignore the runs of an earlier search.")] = False,
) -> None:
    """Find the highest target rate that passes: short probes, then a full run that confirms it."""
    from submitter import campaign as c
    from submitter.cli.progress import passed_preflight
    from submitter.console import ConsoleWatcher

    budget_s = seconds(budget)
    c.tuned_benchmark(c.load_campaign(campaign), scenario, benchmark)
    with passed_preflight(campaign) as plan, closing(ConsoleWatcher(sys.stderr)) as watcher:
        result = c.tune(
            plan,
            scenario,
            budget_s=budget_s,
            watcher=watcher,
            on_probe=_show_probe,
            benchmark=benchmark,
            rerun=rerun,
        )
    _show(result)
    outcome = result.outcome
    if write and outcome.target_qps is not None and outcome.confirmed:
        c.write_target(result.user_conf, result.loadgen_model, scenario, outcome.target_qps)
        say(f"{result.user_conf} now has target_qps = {outcome.target_qps:g}")
    raise typer.Exit(0 if outcome.confirmed else 1)


def _show_probe(probe: Probe) -> None:
    say(f"  {probe.verdict}: {probe.why}")
    cells = zip(_COLUMNS, _row(probe), strict=True)
    detail(f"  {', '.join(f'{name} {cell}' for name, cell in cells if name != 'verdict')}")


def _show(result: TuneResult) -> None:
    """Print the runs of the search and its outcome."""
    from submitter.console import show_table

    limits = result.limits
    print(f"limits: TTFT {limits.ttft_ms:g} ms, TPOT {limits.tpot_ms:g} ms\n")
    show_table(_COLUMNS, [_row(probe) for probe in result.probes], sys.stdout)
    print()
    outcome = result.outcome
    if outcome.target_qps is None:
        print(f"no target rate passed: {outcome.why}")
    else:
        state = "confirmed by a full run" if outcome.confirmed else "NOT confirmed by a full run"
        failed = f"; {outcome.failed_qps:g} fails" if outcome.failed_qps is not None else ""
        print(
            f"target_qps = {outcome.target_qps:g}, {state}{failed} ({outcome.why}); user.conf has {result.start_qps:g}"
        )
    print(f"journal: {result.journal}")


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
    )
