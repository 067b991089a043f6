"""The table of LoadGen's settings in force for each run. This imports `campaign`, as `progress` does."""

from __future__ import annotations

from typing import TextIO

from submitter.campaign import CampaignOutline
from submitter.console import Level, show_line, show_table
from submitter.harness.loadgen import EffectiveSettings
from submitter.units import MS_PER_S, NS_PER_MS

_COLUMNS = (
    "benchmark",
    "run",
    "target",
    "min duration",
    "min queries",
    "whole passes",
    "TTFT limit",
    "TPOT limit",
)


def show_settings(plan: CampaignOutline, stream: TextIO, level: Level = Level.NORMAL) -> None:
    """Show a table of LoadGen's settings for each run, and the seeds."""

    def line(text: str) -> None:
        show_line(text, stream, level=level)

    rows = [
        (benchmark.table.name, f"{scenario} {mode}", *_cells(settings))
        for benchmark in plan.benchmarks
        for (scenario, mode), settings in benchmark.settings.items()
    ]
    from_loadgen = all(benchmark.from_loadgen for benchmark in plan.benchmarks)
    origin = (
        "read from LoadGen" if from_loadgen else "computed from the rule book, as the round's LoadGen is not installed"
    )
    line(f"LoadGen's settings, {origin}\n")
    show_table(_COLUMNS, rows, stream, level)
    line("")
    all_settings = [settings for benchmark in plan.benchmarks for settings in benchmark.settings.values()]
    for qsl, sample, schedule in {(s.qsl_rng_seed, s.sample_index_rng_seed, s.schedule_rng_seed) for s in all_settings}:
        line(f"seeds: qsl {qsl}, sample index {sample}, schedule {schedule}")


def _cells(settings: EffectiveSettings) -> tuple[str, ...]:
    limits = (settings.ttft_limit_ns, settings.tpot_limit_ns) if settings.use_token_latencies else (0, 0)
    return (
        f"{settings.target_qps:g}/s" if settings.target_qps else "not set",
        f"{settings.min_duration_ms / MS_PER_S:g} s",
        f"{settings.min_query_count:,}",
        f"of {settings.performance_sample_count:,}" if settings.sample_concatenate_permutation else "no",
        *(f"{limit / NS_PER_MS:g} ms" if limit else "" for limit in limits),
    )
