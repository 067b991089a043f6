"""The commands before a run: `templates` for what a person writes, `plan` for what run-all would do."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from submitter.cli.campaign import CampaignFile
from submitter.cli.say import say

if TYPE_CHECKING:
    from submitter.campaign import CampaignPlan
    from submitter.harness.loadgen import EffectiveSettings


def templates(campaign: CampaignFile) -> None:
    """Begin the documents that only a person can finish: calibration, bandwidth, READMEs, the system's description."""
    from submitter import campaign as c
    from submitter import documents

    written = c.write_templates(c.load_campaign(campaign))
    for path in written:
        empty = list(documents.unfilled(path.read_text("utf-8")))
        print(f"{path}: {f'{len(empty)} parts to write' if empty else 'complete'}")
    if not written:
        say("nothing was written: all documents are there")


def plan(campaign: CampaignFile) -> None:
    """Show what run-all would do, without doing it: settings, samples, time, disk, files, and what is wrong already."""
    from submitter import campaign as c
    from submitter.cli.progress import show_outcome, show_plan
    from submitter.errors import SubmitterError

    made = c.make_plan(c.load_campaign(campaign))
    show_plan(made)
    _settings(made)
    try:
        draft = c.make_draft(made)
    except SubmitterError:
        print("\nno list of the tree's files: something of it is wrong already, see below")
    else:
        print(f"\nThe tree {made.campaign.tree} will have {len(draft.files)} files; * are of runs\n")
        for path in draft.files:
            print(f"{'*' if path in draft.of_runs else ' '} {path}")
    c.require_preflight(made, partial(show_outcome, needs_all=False), needs_all=False)
    say("")


def _settings(plan: CampaignPlan) -> None:
    """A table of LoadGen's settings of each run."""
    from submitter.console import show_table

    rows: list[tuple[str, ...]] = [
        ("benchmark", "run", "target", "at least", "and", "whole passes", "first token", "a token")
    ]
    for benchmark in plan.benchmarks:
        for (scenario, mode), settings in benchmark.settings.items():
            rows.append((benchmark.table.name, f"{scenario} {mode}", *_cells(settings)))
    by_loadgen = all(benchmark.from_loadgen for benchmark in plan.benchmarks)
    whose = "as LoadGen has them" if by_loadgen else "worked out from the rule book: LoadGen is not installed"
    print(f"LoadGen's settings, {whose}\n")
    show_table(rows, sys.stdout)
    print()
    seeds = {(s.qsl_rng_seed, s.sample_index_rng_seed, s.schedule_rng_seed) for s in _all_settings(plan)}
    for qsl, sample, schedule in seeds:
        print(f"seeds: qsl {qsl}, sample index {sample}, schedule {schedule}")


def _all_settings(plan: CampaignPlan) -> list[EffectiveSettings]:
    return [settings for benchmark in plan.benchmarks for settings in benchmark.settings.values()]


def _cells(settings: EffectiveSettings) -> tuple[str, ...]:
    limits = (settings.ttft_limit_ns, settings.tpot_limit_ns) if settings.use_token_latencies else (0, 0)
    return (
        f"{settings.target_qps:g}/s",
        f"{settings.min_duration_ms / 1000:g} s",
        f"{settings.min_query_count:,} queries",
        f"of {settings.performance_sample_count:,}" if settings.sample_concatenate_permutation else "no",
        *(f"{limit / 1e6:g} ms" if limit else "" for limit in limits),
    )
