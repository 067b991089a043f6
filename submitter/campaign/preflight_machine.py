"""The checks of preflight on the machine: the output folder, its disk, stray files, the engines."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from submitter import layout, packages, weights
from submitter.campaign.description import described
from submitter.campaign.outline import BenchmarkOutline, CampaignOutline
from submitter.errors import InputError, NotInstalledError, SeveralErrors, SubmitterError, from_os_error
from submitter.harness import engines
from submitter.harness.plan import EngineSettings
from submitter.model import Mode
from submitter.units import BYTES_PER_GB, BYTES_PER_MIB

# Upper bounds for the accuracy log: eight hex digits for each token, and the rest of an answer's line.
_BYTES_PER_TOKEN, _BYTES_PER_ANSWER = 8, 160
_BYTES_PER_RUN = 32 * BYTES_PER_MIB


def check_output(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    """The folder for everything that is written: it can be created or written to, and its disk has room."""
    output = outline.campaign.output
    existing = next(path for path in (output, *output.parents) if os.path.lexists(path))
    if not existing.is_dir():
        yield from_os_error(FileExistsError(errno.EEXIST, "", str(existing)))
        return
    if not os.access(existing, os.W_OK | os.X_OK):
        yield from_os_error(PermissionError(errno.EACCES, "", str(output)))
    needed = 0
    for benchmark, run in outline.all_runs:
        needed += _BYTES_PER_RUN
        if run.mode is Mode.ACCURACY and benchmark.engine_plan is not None:
            answer = _BYTES_PER_ANSWER + _BYTES_PER_TOKEN * benchmark.engine_plan.max_new_tokens
            needed += run.expected_samples * answer
    free = shutil.disk_usage(existing).free
    if free < needed:
        yield InputError(
            f"{output} has {free / BYTES_PER_GB:.1f} GB free, the runs may need {needed / BYTES_PER_GB:.1f} GB",
            "free some space",
        )
    yield f"{free / BYTES_PER_GB:.0f} GB free, {needed / BYTES_PER_GB:.1f} GB needed at most"


def check_audits(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    """LoadGen reads an audit file in its working folder. Ours is empty, but a stray file is worth reporting."""
    folders = {Path.cwd(), *(run.user_conf.parent for _, run in outline.all_runs)}
    for folder in sorted(folders):
        if (folder / layout.AUDIT_CONFIG).exists():
            yield InputError(
                f"{folder / layout.AUDIT_CONFIG} is a stray audit file",
                "remove it: it silently changes a run's settings",
            )
    yield "no stray audit file"


def check_engines(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    used = []
    devices, machines = _described_devices(outline)
    for benchmark in outline.benchmarks:
        for engine in benchmark.distinct_engines:
            if engine.engine not in used:
                used.append(engine.engine)
            scenarios = map(str, benchmark.scenarios_of(engine))
            for problem in _engine_problems(outline, benchmark, engine, devices, machines):
                where = f"{benchmark.table.measurements}: {', '.join(scenarios)}: "
                for each in problem.problems if isinstance(problem, SeveralErrors) else (problem,):
                    yield type(each)(where + each.message, each.hint)
    yield from _wrong_builds(used, devices)
    for name in used:
        versions = engines.versions(name)
        yield name + "".join(f", {p} {v}" for p, v in versions.items() if re.match("vllm|torch", p))


def _engine_problems(
    outline: CampaignOutline, benchmark: BenchmarkOutline, engine: EngineSettings, devices: int, machines: int
) -> Iterator[SubmitterError]:
    name, settings = engine.engine, engine.settings
    if not outline.campaign.smoke and not engines.serves_a_model(name, settings):
        yield InputError(
            f"engine '{name}' serves no model with these settings: for smoke runs only",
            "set smoke = true, or choose another engine or load_format in engine.toml",
        )
    try:
        engines.check_settings(name, settings, engine.sampling)
    except SubmitterError as error:
        yield error
        if not isinstance(error, NotInstalledError):
            return
    shape = engines.shape(name, settings)
    if benchmark.engine_plan is not None and shape.max_tokens is not None:
        longest = benchmark.longest_prompt_tokens
        needed = longest + benchmark.engine_plan.max_new_tokens
        if longest and shape.max_tokens < needed:
            yield InputError(
                f"the engine takes {shape.max_tokens} tokens, the longest prompt and its answer may have {needed}",
                f"allow at least {longest} + {benchmark.engine_plan.max_new_tokens} tokens (vLLM: max_model_len)",
            )
    heads = _attention_heads(benchmark)
    if heads and heads % shape.tensor_parallel:
        yield InputError(
            f"tensor parallelism over {shape.tensor_parallel} devices does not divide the model's {heads} attention "
            "heads",
            f"use a divisor of {heads}",
        )
    described_devices = devices if shape.elsewhere else devices * machines
    if 0 < described_devices < shape.devices:
        each = " on each machine" if shape.elsewhere else ""
        yield InputError(
            f"the engine uses {shape.devices} devices{each}, {outline.campaign.system.description} describes "
            f"{described_devices}",
            "change the parallel sizes in engine.toml, or the description of the system",
        )
    lists = engine.binding.engines
    if lists is not None and len(lists) != shape.ranks_here:
        yield InputError(
            f"[binding] engines has {len(lists)} lists of cores, the engine has {shape.ranks_here} processes here",
            "give one list for each data-parallel rank",
        )
    try:
        engine.binding.require_cores()
    except InputError as error:
        yield NotInstalledError(error.message, error.hint)


def _wrong_builds(names: list[str], described_devices: int) -> Iterator[SubmitterError]:
    """The engines whose installed builds are for other devices than this host's: they would fail when they load."""
    from submitter.system.accelerators import detect
    from submitter.system.wording import counted

    found = detect() if described_devices > 0 else None
    if found is None or not found.devices:  # the check of the accelerators reports it
        return
    for name in names:
        try:
            device = engines.runs_on(name)
        except NotInstalledError:  # the check of the settings reports it
            continue
        if device not in (None, found.driver):
            built_for = {"CPU": "the CPU", "": "other devices"}.get(device, f"{device}'s accelerators")
            yield NotInstalledError(
                f"the installed {name} is for {built_for}, this host has {counted(found.names)}",
                packages.engine_command(found.driver),
            )


def _attention_heads(benchmark: BenchmarkOutline) -> int:
    """The model's attention heads; 0 if its configuration does not state them."""
    try:
        heads = weights.read_config(benchmark.model_folder).get("num_attention_heads")
    except InputError:  # the check of the models reports it
        return 0
    return heads if isinstance(heads, int) else 0


def _described_devices(outline: CampaignOutline) -> tuple[int, int]:
    """The accelerators of each machine of the described system, and its machines; 0 if it has none, or says nothing."""
    try:
        description = described(outline.campaign)
        return int(description["accelerators_per_node"]), int(description["number_of_nodes"])
    except (InputError, KeyError, ValueError):  # the check of the system reports it
        return 0, 0
