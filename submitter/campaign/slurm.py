"""A campaign as a job of Slurm: the machines that its engines need, and what its time limit allows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from submitter.campaign.file import EMBEDDED, Campaign
from submitter.campaign.outline import OVERHEAD_S, CampaignOutline, outline_campaign
from submitter.cluster.slurm_job import SlurmJob
from submitter.cluster.slurm_table import SlurmTable
from submitter.errors import InputError, SubmitterError, raise_all
from submitter.harness.environment import masked
from submitter.harness.plan import EngineSettings
from submitter.quoting import shown
from submitter.units import S_PER_MIN

_ASSIGNMENT = re.compile(r"(\w+)=(\"[^\"]*\"|'[^']*'|[^\s;&|]*)")


@dataclass(frozen=True, kw_only=True)
class SlurmPlan:
    """The job of a campaign, and how often it has to start until the campaign has finished."""

    job: SlurmJob
    expected_s: float
    """How long the campaign takes in one piece, in s."""
    starts: int
    """The starts that it needs, if it makes all of its runs; each loads the engine again."""


def plan_slurm_job(campaign: Campaign) -> SlurmPlan:
    """The job of a campaign. InputError, or SeveralErrors, for all that would keep it from finishing."""
    table = campaign.slurm
    if table is None:
        raise InputError(
            f"{campaign.path} has no table [slurm]", 'add it, at least with its time limit: time = "12:00:00"'
        )
    outline = outline_campaign(campaign)
    raise_all(outline.problems)
    machines, problems = _machines(outline, table)
    job = SlurmJob(
        name=f"submitter-{campaign.system.id}",
        table=table,
        nodes=table.nodes or machines or 1,
        campaign=campaign.path.absolute(),
        logs=campaign.slurm_folder,
    )
    starts, too_long = _starts(outline, job)
    raise_all([*problems, *too_long, *_unusable(campaign, table, job)])
    return SlurmPlan(job=job, expected_s=outline.expected_s, starts=starts)


def _machines(outline: CampaignOutline, table: SlurmTable) -> tuple[int, list[SubmitterError]]:
    """How many machines the engines need, 0 if their settings do not say, and what contradicts that."""
    problems: list[SubmitterError] = []
    needed = 0
    for benchmark in outline.benchmarks:
        for engine in benchmark.distinct_engines:
            needed = max(needed, _machines_of(engine))
            problems += _gpu_problems(engine, table, benchmark.table.name)
    if needed and table.nodes not in (None, needed):
        problems.append(
            InputError(
                f"[slurm] nodes is {table.nodes}, but the engine of the campaign needs {needed}: data_parallel_size / "
                "data_parallel_size_local in engine.toml",
                "remove nodes, or change engine.toml",
            )
        )
    return needed, problems


def _machines_of(engine: EngineSettings) -> int:
    """How many machines an engine needs; 0 if its settings do not say."""
    ranks, local = engine.settings.get("data_parallel_size"), engine.settings.get("data_parallel_size_local")
    if isinstance(ranks, int) and isinstance(local, int) and ranks > 0 and local > 0:
        return math.ceil(ranks / local)
    return 0


def _gpu_problems(engine: EngineSettings, table: SlurmTable, benchmark: str) -> Iterator[InputError]:
    settings = engine.settings
    sizes = [settings.get(name, 1) for name in ("data_parallel_size", "tensor_parallel_size", "pipeline_parallel_size")]
    sizes[0] = settings.get("data_parallel_size_local", sizes[0])
    given = table.gpu_count
    if given is not None and all(isinstance(size, int) for size in sizes) and math.prod(sizes) > given:
        yield InputError(
            f"[slurm] gpus_per_node is {given}, but the engine of '{benchmark}' uses {math.prod(sizes)} on a machine",
            "ask for as many, or change engine.toml",
        )


def _starts(outline: CampaignOutline, job: SlurmJob) -> tuple[int, list[InputError]]:
    """How often the job has to start, and the runs that no start can finish.

    A run that the time limit ends is made again from its beginning, after the engine has loaded again.
    """
    problems = []
    starts, used_s = 1, 0.0
    for runs in outline.run_sequences:
        used_s += OVERHEAD_S
        for run in runs:
            if OVERHEAD_S + run.expected_s > job.usable_s:
                problems.append(
                    InputError(
                        f"{run.label} takes {_minutes(OVERHEAD_S + run.expected_s)} with the engine's loading, and a "
                        f"job of [slurm] time = {shown(job.table.time)} has {_minutes(max(0, job.usable_s))} for runs: "
                        "it would never finish",
                        f"allow at least {_minutes(OVERHEAD_S + run.expected_s + job.table.limit_s - job.usable_s)}",
                    )
                )
            elif used_s + run.expected_s > job.usable_s:
                starts, used_s = starts + 1, OVERHEAD_S + run.expected_s
            else:
                used_s += run.expected_s
    if not problems and starts - 1 > job.table.max_requeues:
        problems.append(
            InputError(
                f"the campaign takes {starts} jobs of [slurm] time = {shown(job.table.time)}, and max_requeues = "
                f"{job.table.max_requeues} allows {job.table.max_requeues + 1}",
                "raise time or max_requeues",
            )
        )
    return starts, problems


def _minutes(seconds: float) -> str:
    return f"{math.ceil(seconds / S_PER_MIN):,} min"


def _unusable(campaign: Campaign, table: SlurmTable, job: SlurmJob) -> Iterator[InputError]:
    """What cannot stand in a job script, and what the container would not see."""
    if not str(job.campaign).isprintable():
        yield InputError(f"{campaign.path}: a job script cannot name it: its path is more than one line", "rename it")
    logs = str(job.logs)
    if not logs.isprintable() or "%" in logs or "\\" in logs:
        yield InputError(
            f"{campaign.path}: output is {shown(logs)}, and Slurm replaces % and \\ in the names of logs",
            "use a path without them",
        )
    for key, lines in (("setup", table.setup), ("options", table.options)):
        for line in lines:
            for name, value in _ASSIGNMENT.findall(line):
                if masked(name, value.strip("\"'")) != value.strip("\"'"):
                    yield InputError(
                        f"{campaign.path}: slurm.{key}: {name} looks like a secret, and the job script is kept",
                        "remove it and set it in the shell: sbatch passes the environment on",
                    )
    if table.container is not None:
        home = Path.home()
        for path in _paths(campaign):
            in_home = table.container.mount_home is not False and path.is_relative_to(home)
            if not in_home and not table.container.has(str(path)):
                yield InputError(
                    f"{campaign.path}: slurm.container.mounts: the container would not have {path}",
                    f'mount it, or a folder above it, under the same name: "{path}:{path}"',
                )


def _paths(campaign: Campaign) -> list[Path]:
    """The files and folders that a job needs, each once."""
    found = [campaign.path.absolute(), campaign.output, campaign.system.description]
    for table in campaign.benchmarks:
        found += [Path(each) for each in (table.model, table.dataset) if each != EMBEDDED]
        found.append(table.measurements)
    return list(dict.fromkeys(found))
