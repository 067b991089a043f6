"""The commands to use before a run: `templates` writes documents to complete, `plan` shows what run-all would do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from submitter.cli.campaign import CampaignFile
from submitter.cli.say import say
from submitter.units import MS_PER_S, NS_PER_MS

if TYPE_CHECKING:
    from submitter.campaign import CampaignOutline
    from submitter.harness.loadgen import EffectiveSettings

_SETTINGS_COLUMNS = (
    "benchmark",
    "run",
    "target",
    "min duration",
    "min queries",
    "whole passes",
    "TTFT limit",
    "TPOT limit",
)


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
    from submitter.console import working
    from submitter.errors import SubmitterError

    outline = c.outline_campaign(c.load_campaign(campaign))
    show_plan(outline)
    _show_settings(outline)
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


def _show_settings(plan: CampaignOutline) -> None:
    """Print a table of LoadGen's settings for each run, and the seeds."""
    from submitter.console import show_table

    rows = [
        (benchmark.table.name, f"{scenario} {mode}", *_cells(settings))
        for benchmark in plan.benchmarks
        for (scenario, mode), settings in benchmark.settings.items()
    ]
    from_loadgen = all(benchmark.from_loadgen for benchmark in plan.benchmarks)
    origin = (
        "read from LoadGen" if from_loadgen else "computed from the rule book, as the round's LoadGen is not installed"
    )
    print(f"LoadGen's settings, {origin}\n")
    show_table(_SETTINGS_COLUMNS, rows, sys.stdout)
    print()
    all_settings = [settings for benchmark in plan.benchmarks for settings in benchmark.settings.values()]
    for qsl, sample, schedule in {(s.qsl_rng_seed, s.sample_index_rng_seed, s.schedule_rng_seed) for s in all_settings}:
        print(f"seeds: qsl {qsl}, sample index {sample}, schedule {schedule}")


def _cells(settings: EffectiveSettings) -> tuple[str, ...]:
    limits = (settings.ttft_limit_ns, settings.tpot_limit_ns) if settings.use_token_latencies else (0, 0)
    return (
        f"{settings.target_qps:g}/s" if settings.target_qps else "not set",
        f"{settings.min_duration_ms / MS_PER_S:g} s",
        f"{settings.min_query_count:,}",
        f"of {settings.performance_sample_count:,}" if settings.sample_concatenate_permutation else "no",
        *(f"{limit / NS_PER_MS:g} ms" if limit else "" for limit in limits),
    )
