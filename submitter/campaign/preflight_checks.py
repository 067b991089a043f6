"""The checks of preflight that concern the runs. Those of the documents are in `paperwork.py`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from submitter import layout
from submitter.campaign.file import EMBEDDED
from submitter.campaign.inputs import open_dataset, verify_model
from submitter.campaign.outline import BenchmarkOutline, CampaignOutline, expected_full_run
from submitter.datasets.official import by_sha256, published_for
from submitter.errors import InputError, NotInstalledError, SubmitterError
from submitter.harness import engines, loadgen
from submitter.harness.plan import RunPlan
from submitter.model import Division, Mode
from submitter.units import BYTES_PER_GB, BYTES_PER_MIB, NS_PER_MS

# Upper bounds for the accuracy log: eight hex digits for each token, and the rest of an answer's line.
_BYTES_PER_TOKEN, _BYTES_PER_ANSWER = 8, 160
_BYTES_PER_RUN = 32 * BYTES_PER_MIB

Check = Callable[[CampaignOutline], Iterator[SubmitterError | str]]
"""Yields every problem, and texts: together they are the summary of the check, if it finds no problem."""


def _loadgen(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    found, allowed = loadgen.version(), outline.book.round.loadgen_versions
    if found not in allowed:
        yield NotInstalledError(
            f"LoadGen {found} is installed, round {outline.book.name} requires {_versions(allowed)}",
            f"pip install mlcommons-loadgen=={allowed[-1]}",
        )
    yield f"{found}, as round {outline.book.name} requires"


def _versions(allowed: tuple[str, ...]) -> str:
    return allowed[0] if len(allowed) == 1 else f"one of {allowed[0]} to {allowed[-1]}"


def _runs_with_settings(
    outline: CampaignOutline,
) -> Iterator[tuple[BenchmarkOutline, RunPlan, loadgen.EffectiveSettings]]:
    for benchmark, run in outline.all_runs:
        yield benchmark, run, benchmark.settings[run.scenario, run.mode]


def _seeds(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
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


def _durations(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
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
        if not effective.use_token_latencies and benchmark.rules.is_llm:
            yield InputError(f"{run.user_conf} turns token latencies off", "remove use_token_latencies from it")
    yield f"at least {required_ms} ms"


def _limits(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
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


def _datasets(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    for benchmark in outline.benchmarks:
        if benchmark.table.dataset == EMBEDDED:  # the first run generates it
            yield f"embedded, {benchmark.sample_count} samples"
            continue
        if not Path(benchmark.table.dataset).exists():
            published = published_for(benchmark.rules.dataset_size)
            yield InputError(
                f"there is no data set {benchmark.table.dataset}",
                f"make it: submitter dataset convert {published or 'FILE'} {benchmark.table.dataset}",
            )
            continue
        try:
            _, dataset = open_dataset(outline.campaign, benchmark.table)
        except SubmitterError as error:
            yield error
            continue
        required = benchmark.rules.dataset_size
        if len(dataset) != required and not outline.campaign.smoke:
            yield InputError(
                f"data set {dataset.name} has {len(dataset)} samples, {benchmark.official} has {required}",
                "give the whole data set",
            )
        published = _published(dataset.header.source_sha256)
        yield f"{dataset.name}, {len(dataset)} samples, checksum correct{published}"


def _published(source_sha256: str) -> str:
    """Whether a data set was converted from a file that MLCommons publishes; empty if its source is not recorded."""
    if not source_sha256:
        return ""
    known = by_sha256(source_sha256)
    return f", from {known[0]} of MLCommons" if known else ", from a file that is not among those of MLCommons"


def _models(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    for benchmark in outline.benchmarks:
        if not benchmark.model_folder.exists():
            yield InputError(
                f"there is no checkpoint folder {benchmark.model_folder}",
                f"make it from the reference checkpoint: submitter quantize REFERENCE {benchmark.model_folder}; "
                "or name the folder of your checkpoint",
            )
            continue
        try:
            yield f"{benchmark.model_folder.name}, {verify_model(benchmark)}, complete"
        except SubmitterError as error:
            yield error


def _disk(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    needed = 0
    for benchmark, run in outline.all_runs:
        needed += _BYTES_PER_RUN
        if run.mode is Mode.ACCURACY and benchmark.engine_plan is not None:
            answer = _BYTES_PER_ANSWER + _BYTES_PER_TOKEN * benchmark.engine_plan.max_new_tokens
            needed += run.expected_samples * answer
    output = outline.campaign.output
    existing = next(folder for folder in (output, *output.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        yield InputError(
            f"{output} has {free / BYTES_PER_GB:.1f} GB free, the runs may need {needed / BYTES_PER_GB:.1f} GB",
            "free some space",
        )
    yield f"{free / BYTES_PER_GB:.0f} GB free, {needed / BYTES_PER_GB:.1f} GB needed at most"


def _audits(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    """LoadGen reads an audit file in its working folder. Ours is empty, but a stray file is worth reporting."""
    folders = {Path.cwd(), *(run.user_conf.parent for _, run in outline.all_runs)}
    for folder in sorted(folders):
        if (folder / layout.AUDIT_CONFIG).exists():
            yield InputError(
                f"{folder / layout.AUDIT_CONFIG} is a stray audit file",
                "remove it: it silently changes a run's settings",
            )
    yield "no stray audit file"


def _engines(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    used = []
    for benchmark in outline.benchmarks:
        for engine in benchmark.distinct_engines:
            if engine.engine not in used:
                used.append(engine.engine)
            if not outline.campaign.smoke and not engines.serves_a_model(engine.engine, engine.settings):
                yield InputError(
                    f"engine '{engine.engine}' serves no model with these settings: for smoke runs only",
                    "set smoke = true, or choose another engine or load_format in engine.toml",
                )
            try:
                engines.check_settings(engine.engine, engine.settings, engine.sampling)
            except SubmitterError as error:
                yield error
    for name in used:
        versions = engines.versions(name)
        yield name + "".join(f", {p} {v}" for p, v in versions.items() if re.match("vllm|torch", p))


def _full_run(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    """Plan the full campaign that a smoke campaign rehearses. Success is not worth a line."""
    expected_full_run(outline.campaign)
    yield from ()


RUN_CHECKS: dict[str, Check] = {
    "loadgen": _loadgen,
    "seeds": _seeds,
    "durations": _durations,
    "limits": _limits,
    "datasets": _datasets,
    "models": _models,
    "disk": _disk,
    "audits": _audits,
    "engines": _engines,
    "full_run": _full_run,
}
"""By the name that is shown, in the order in which they are made."""
