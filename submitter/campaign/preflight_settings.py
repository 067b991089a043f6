"""The checks of preflight on LoadGen and its settings in user.conf."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.campaign.outline import BenchmarkOutline, CampaignOutline
from submitter.errors import InputError, SubmitterError
from submitter.harness import loadgen
from submitter.harness.plan import RunPlan
from submitter.model import Division, Mode, Scenario
from submitter.units import NS_PER_MS


def check_loadgen(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    yield f"{loadgen.require_for(outline.book)}, as round {outline.book.name} requires"


def _runs_with_settings(
    outline: CampaignOutline,
) -> Iterator[tuple[BenchmarkOutline, RunPlan, loadgen.EffectiveSettings]]:
    for benchmark, run in outline.all_runs:
        yield benchmark, run, benchmark.settings[run.scenario, run.mode]


def check_seeds(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    reported = set()
    for _, run, effective in _runs_with_settings(outline):
        for name, required in outline.book.seeds:
            found = getattr(effective, name)
            if found != required and (name, found) not in reported:
                reported.add((name, found))
                yield InputError(
                    f"{run.label}: {name} is {found}, round {outline.book.name} requires {required}",
                    f"remove {name} from {run.user_conf}, or install the round's LoadGen",
                )
    yield "all runs have the round's seeds"


def check_durations(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    required_ms = outline.book.round.min_duration_ms
    performance = [each for each in _runs_with_settings(outline) if each[1].mode is Mode.PERFORMANCE]
    if outline.campaign.smoke:
        shortest = min((effective.min_duration_ms for *_, effective in performance), default=0)
        yield f"at least {shortest} ms, for a smoke run; a submission needs {required_ms} ms"
        return
    for benchmark, run, effective in performance:
        if effective.min_duration_ms < required_ms:
            yield InputError(
                f"{run.user_conf}: min_duration is {effective.min_duration_ms} ms, the round requires {required_ms} ms",
                "remove it: LoadGen's built-in value is right",
            )
        if run.scenario is not Scenario.OFFLINE:
            yield from _early_ends(run, effective)
        if not effective.use_token_latencies and benchmark.rules.is_llm:
            yield InputError(f"{run.user_conf} turns token latencies off", "remove use_token_latencies from it")
    yield f"at least {required_ms} ms"


def _early_ends(run: RunPlan, effective: loadgen.EffectiveSettings) -> Iterator[InputError]:
    """The limits at which LoadGen stops issuing queries, if it would stop before the run is valid."""
    if 0 < effective.max_duration_ms < effective.min_duration_ms:
        yield InputError(
            f"{run.user_conf}: max_duration is {effective.max_duration_ms} ms, which ends the run before its "
            f"min_duration of {effective.min_duration_ms} ms",
            "remove it",
        )
    if 0 < effective.max_query_count < run.expected_samples:
        yield InputError(
            f"{run.user_conf}: max_query_count is {effective.max_query_count}, which ends the run before its about "
            f"{run.expected_samples} queries",
            "remove it",
        )


def check_limits(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    """What user.conf can change (test_settings_internal.cc, FromConfig), but may not in a closed submission."""
    if outline.campaign.division is Division.OPEN:
        yield "free in the open division"
        return
    for benchmark, run, effective in _runs_with_settings(outline):
        if run.mode is not Mode.PERFORMANCE:
            continue
        limits = benchmark.rules.token_latency.get(run.scenario)
        if limits and (effective.ttft_limit_ns, effective.tpot_limit_ns) != (limits.ttft_ns, limits.tpot_ns):
            yield InputError(
                f"{run.user_conf}: the latency limits are TTFT {effective.ttft_limit_ns / NS_PER_MS:g} ms and "
                f"TPOT {effective.tpot_limit_ns / NS_PER_MS:g} ms, {benchmark.official} {run.scenario} requires "
                f"TTFT {limits.ttft_ns / NS_PER_MS:g} ms and TPOT {limits.tpot_ns / NS_PER_MS:g} ms",
                "remove ttft_latency and tpot_latency from it",
            )
        if effective.sample_concatenate_permutation != benchmark.rules.equal_issue:
            yield InputError(
                f"{run.user_conf} changes sample_concatenate_permutation",
                "remove it: the benchmark's samples are issued in whole passes over the data set",
            )
    yield "those of the round"


def check_samples(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    """How many samples LoadGen draws from and issues, compared with the data set and the round."""
    is_full = outline.campaign.division is not Division.OPEN and not outline.campaign.smoke
    for benchmark, run, effective in _runs_with_settings(outline):
        if run.mode is not Mode.PERFORMANCE:
            continue
        drawn, required = effective.performance_sample_count, benchmark.rules.performance_sample_count
        if drawn > benchmark.sample_count:
            yield InputError(
                f"{run.user_conf}: performance_sample_count_override = {drawn}, the runs have {benchmark.sample_count} "
                "samples",
                f"set it to {benchmark.sample_count} or less",
            )
        elif is_full and drawn < required:
            yield InputError(
                f"{run.user_conf}: performance_sample_count_override = {drawn}, the round requires {required}",
                "remove it: LoadGen's built-in value is right",
            )
        fewest = benchmark.rules.offline_min_samples_per_query or 0
        if is_full and run.scenario is Scenario.OFFLINE and run.expected_samples < fewest:
            yield InputError(
                f"{run.user_conf}: the Offline query will have {run.expected_samples} samples, the round requires "
                f"{fewest}",
                "remove min_query_count from it: LoadGen's built-in value is right",
            )
    yield "as many as the round requires" if is_full else "as user.conf says"
