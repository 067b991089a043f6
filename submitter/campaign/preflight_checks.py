"""The checks of preflight. Each returns a summary of a few words, or raises what is wrong."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from submitter import documents, layout
from submitter.campaign.description import system_description
from submitter.campaign.outline import expected_full_run
from submitter.campaign.plan import BenchmarkPlan, CampaignPlan
from submitter.datasets.official import by_sha256
from submitter.errors import InputError, NotInstalledError
from submitter.harness import engines, loadgen
from submitter.harness.plan import RunPlan
from submitter.model import Division, Mode
from submitter.units import BYTES_PER_GB, BYTES_PER_MIB, NS_PER_MS

# Upper bounds for the accuracy log: eight hex digits for each token, and the rest of an answer's line.
_BYTES_PER_TOKEN, _BYTES_PER_ANSWER = 8, 160
_BYTES_PER_RUN = 32 * BYTES_PER_MIB
# The documents that a closed submission must have, by the first letters of their file names.
_DOCUMENTS = ("calibration", "bandwidth")
_JSON_OBJECT = TypeAdapter(dict[str, Any])


def _loadgen(plan: CampaignPlan) -> str:
    found, allowed = loadgen.version(), plan.book.round.loadgen_versions
    if found not in allowed:
        raise NotInstalledError(
            f"LoadGen {found} is installed, round {plan.book.name} requires {' or '.join(allowed)}",
            f"pip install mlcommons-loadgen=={allowed[-1]}",
        )
    return f"{found}, as round {plan.book.name} requires"


def _runs_with_settings(plan: CampaignPlan) -> Iterator[tuple[BenchmarkPlan, RunPlan, loadgen.EffectiveSettings]]:
    for benchmark, _, run in plan.runs:
        yield benchmark, run, benchmark.settings[run.scenario, run.mode]


def _seeds(plan: CampaignPlan) -> str:
    for _, run, effective in _runs_with_settings(plan):
        for name, required in plan.book.seeds:
            found = getattr(effective, name)
            if found != required:
                raise InputError(
                    f"{run.label}: {name} is {found}, round {plan.book.name} requires {required}",
                    f"remove {name} from {run.user_conf}, or install the round's LoadGen",
                )
    return "all runs have the round's seeds"


def _durations(plan: CampaignPlan) -> str:
    required_ms = plan.book.round.min_duration_ms
    shortest = min(e.min_duration_ms for _, run, e in _runs_with_settings(plan) if run.mode is Mode.PERFORMANCE)
    if plan.campaign.smoke:
        return f"at least {shortest} ms, for a smoke run; a submission needs {required_ms} ms"
    for benchmark, run, effective in _runs_with_settings(plan):
        if run.mode is Mode.PERFORMANCE and effective.min_duration_ms < required_ms:
            raise InputError(
                f"{run.user_conf}: min_duration is {effective.min_duration_ms} ms, the round requires {required_ms} ms",
                "remove it: LoadGen's built-in value is right",
            )
        if not effective.use_token_latencies and plan.book.benchmark(benchmark.official).is_llm:
            raise InputError(f"{run.user_conf} turns token latencies off", "remove use_token_latencies from it")
    return f"at least {required_ms} ms"


def _limits(plan: CampaignPlan) -> str:
    """What user.conf can change (test_settings_internal.cc, FromConfig), but may not in a closed submission."""
    if plan.campaign.division is Division.OPEN:
        return "free in the open division"
    for benchmark, run, effective in _runs_with_settings(plan):
        rules = plan.book.benchmark(benchmark.official)
        limits = rules.token_latency.get(run.scenario)
        if limits and (effective.ttft_limit_ns, effective.tpot_limit_ns) != (limits.ttft_ns, limits.tpot_ns):
            raise InputError(
                f"{run.user_conf}: the latency limits are TTFT {effective.ttft_limit_ns / NS_PER_MS:g} ms and "
                f"TPOT {effective.tpot_limit_ns / NS_PER_MS:g} ms, {benchmark.official} {run.scenario} requires "
                f"TTFT {limits.ttft_ns / NS_PER_MS:g} ms and TPOT {limits.tpot_ns / NS_PER_MS:g} ms",
                "remove ttft_latency and tpot_latency from it",
            )
        if run.mode is Mode.PERFORMANCE and effective.sample_concatenate_permutation != rules.equal_issue:
            raise InputError(
                f"{run.user_conf} changes sample_concatenate_permutation",
                "remove it: the benchmark's samples are issued in whole passes over the data set",
            )
    return "those of the round"


def _documents(plan: CampaignPlan) -> str:
    """The documents of the closed division (policies submission_rules.adoc; required since mlcommons/policies #209)."""
    folder = plan.campaign.documentation
    if plan.campaign.division is Division.OPEN:
        return "the open division needs none" if folder is None else f"from {folder}"
    if folder is None:
        raise InputError(
            f'{plan.campaign.path} has no documentation = "..."',
            "add it: a closed submission documents calibration and bandwidth (submitter templates writes templates)",
        )
    names = [path.name for path in sorted(folder.iterdir())] if folder.is_dir() else []
    for topic in _DOCUMENTS:
        if not any(name.lower().startswith(topic) for name in names):
            raise InputError(f"{folder} has no {topic}.md", "submitter templates writes a template of it")
    for path in sorted(folder.rglob("*.md")):
        documents.require_filled(path.read_text("utf-8", errors="replace"), str(path))
    return ", ".join(names)


def _datasets(plan: CampaignPlan) -> str:
    for benchmark in plan.benchmarks:
        required = plan.book.benchmark(benchmark.official).dataset_size
        if len(benchmark.dataset) != required and not plan.campaign.smoke:
            raise InputError(
                f"data set {benchmark.dataset.name} has {len(benchmark.dataset)} samples, "
                f"{benchmark.official} has {required}",
                "give the whole data set",
            )
    # `make_plan` has verified the checksums.
    return "; ".join(
        f"{b.dataset.name}, {len(b.dataset)} samples, checksum correct{_published(b.dataset.header.source_sha256)}"
        for b in plan.benchmarks
    )


def _published(source_sha256: str) -> str:
    """Whether a data set was converted from a file that MLCommons publishes; empty if its source is not recorded."""
    if not source_sha256:
        return ""
    known = by_sha256(source_sha256)
    return f", from {known[0]} of MLCommons" if known else ", from a file that is not among those of MLCommons"


def _models(plan: CampaignPlan) -> str:
    return "; ".join(f"{b.model.name}, {b.model.weight_data_types}, complete" for b in plan.benchmarks)


def _measurements(plan: CampaignPlan) -> str:
    for benchmark, _, run in plan.runs:
        folder = benchmark.table.measurements / run.scenario
        for name in plan.book.measurements.required_files:
            if not (folder / name).is_file() or not (folder / name).stat().st_size:
                raise InputError(f"{folder / name} is missing or empty", "every scenario needs it in the submission")
        path = folder / layout.MEASUREMENTS_JSON
        content = _json_object(path)
        for name in (layout.README, layout.MEASUREMENTS_JSON):
            documents.require_filled((folder / name).read_text("utf-8", errors="replace"), str(folder / name))
        for name in plan.book.measurements.required_fields:
            if not content.get(name):
                raise InputError(f"{path}: field '{name}' is missing or empty", "write what was really done")
        own = benchmark.official != benchmark.table.name
        if own and plan.campaign.division is not Division.OPEN:
            raise InputError(
                f"benchmark '{benchmark.table.name}' is not a benchmark of round {plan.book.name}",
                'use an official one, or run your own model in the open division: division = "open"',
            )
    return "user.conf, README.md and measurements.json are complete"


def _json_object(path: Path) -> dict[str, Any]:
    try:
        return _JSON_OBJECT.validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path} is missing", "every scenario needs it in the submission") from None
    except OSError as error:
        raise InputError(f"{path} is not a JSON file: {error}", "fix the file") from None
    except ValidationError as error:
        first = error.errors()[0]
        what = f"file: {first['msg']}" if first["type"] == "json_invalid" else "object"
        raise InputError(f"{path} is not a JSON {what}", "fix the file") from None


def _system(plan: CampaignPlan) -> str:
    return f"{plan.campaign.system.id}: {system_description(plan.campaign)['system_name']}, complete"


def _disk(plan: CampaignPlan) -> str:
    needed = 0
    for _, session, run in plan.runs:
        answers = run.expected_samples if run.mode is Mode.ACCURACY else 0
        needed += _BYTES_PER_RUN
        needed += answers * (_BYTES_PER_ANSWER + _BYTES_PER_TOKEN * session.engine_plan.max_new_tokens)
    output = plan.campaign.output
    output.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(output).free
    if free < needed:
        raise InputError(
            f"{output} has {free / BYTES_PER_GB:.1f} GB free, the runs may need {needed / BYTES_PER_GB:.1f} GB",
            "free some space",
        )
    return f"{free / BYTES_PER_GB:.0f} GB free, {needed / BYTES_PER_GB:.1f} GB needed at most"


def _audits(plan: CampaignPlan) -> str:
    """LoadGen reads an audit file in its working folder. Ours is empty, but a stray file is worth reporting."""
    folders = {Path.cwd(), *(b.table.measurements / run.scenario for b, _, run in plan.runs)}
    stray = [folder / layout.AUDIT_CONFIG for folder in sorted(folders) if (folder / layout.AUDIT_CONFIG).exists()]
    if stray:
        raise InputError(f"{stray[0]} is a stray audit file", "remove it: it silently changes a run's settings")
    return "no stray audit file"


def _engines(plan: CampaignPlan) -> str:
    used = {session.engine.engine: session.engine for b in plan.benchmarks for session in b.sessions}
    for benchmark in plan.benchmarks:
        for session in benchmark.sessions:
            if not plan.campaign.smoke and not engines.serves_a_model(session.engine.engine, session.engine.settings):
                raise InputError(
                    f"engine '{session.engine.engine}' serves no model with these settings: for smoke runs only",
                    "set smoke = true, or choose another engine or load_format in engine.toml",
                )
            engines.check_settings(session.engine.engine, session.engine.settings, session.engine.sampling)
    parts = []
    for name in used:
        versions = engines.versions(name)
        parts.append(name + "".join(f", {p} {v}" for p, v in versions.items() if re.match("vllm|torch", p)))
    return "; ".join(parts)


def _full_run(plan: CampaignPlan) -> None:
    """Plan the full campaign that a smoke campaign rehearses. It returns no summary: success is not worth a line."""
    expected_full_run(plan.campaign)


CHECKS: dict[str, Callable[[CampaignPlan], str | None]] = {
    "loadgen": _loadgen,
    "seeds": _seeds,
    "durations": _durations,
    "limits": _limits,
    "datasets": _datasets,
    "models": _models,
    "measurements": _measurements,
    "documents": _documents,
    "system": _system,
    "disk": _disk,
    "audits": _audits,
    "engines": _engines,
    "full_run": _full_run,
}
"""By the name that is shown, in the order in which they are made."""
