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
from submitter.harness import engines
from submitter.harness.engines import EngineShape
from submitter.harness.environment import masked
from submitter.quoting import shown
from submitter.units import S_PER_MIN

# Each NAME=VALUE; the value is only looked at, so that one inside another is found, too.
_ASSIGNMENT = re.compile(r"(\w+)=(?=(\"[^\"]*\"|'[^']*'|[^\s;&|]*))")


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
        nodes=machines,
        campaign=campaign.path.absolute(),
        logs=campaign.slurm_folder,
    )
    starts, too_long = _starts(outline, job)
    raise_all([*problems, *too_long, *_unusable(campaign, table, job)])
    return SlurmPlan(job=job, expected_s=outline.expected_s, starts=starts)


def _machines(outline: CampaignOutline, table: SlurmTable) -> tuple[int, list[SubmitterError]]:
    """How many machines the engines need, and what contradicts that."""
    problems: list[SubmitterError] = []
    needed = 1
    for benchmark in outline.benchmarks:
        for engine in benchmark.distinct_engines:
            try:
                shape = engines.shape(engine.engine, engine.settings)
            except SubmitterError as error:
                problems.append(error)
                continue
            except (
                TypeError
            ):  # the settings are not checked here: the engine need not be installed where jobs come from
                where = f"{engine.engine}, the engine of '{benchmark.table.name}'"
                problems.append(InputError(f"{where}: not all of its sizes are numbers", "submitter plan says which"))
                continue
            needed = max(needed, _machines_of(shape))
            if shape.elsewhere is not None and shape.elsewhere.per_node is None:
                problems.append(
                    InputError(
                        f"the engine of '{benchmark.table.name}' does not say how many ranks a machine serves",
                        "set data_parallel_size_local in engine.toml to that number",
                    )
                )
            given = table.gpu_count
            if given is not None and shape.devices > given:
                problems.append(
                    InputError(
                        f"[slurm] gpus_per_node is {given}, but the engine of '{benchmark.table.name}' uses "
                        f"{shape.devices} on a machine",
                        "request as many, or change engine.toml",
                    )
                )
    if not problems and table.nodes not in (None, needed):
        problems.append(
            InputError(
                f"[slurm] nodes is {table.nodes}, and engine.toml needs {needed}: data_parallel_size ranks, "
                "data_parallel_size_local on each machine",
                "remove nodes, or change engine.toml",
            )
        )
    return needed, problems


def _machines_of(shape: EngineShape) -> int:
    """How many machines an engine needs, as far as its settings say."""
    if shape.elsewhere is None or shape.elsewhere.per_node is None:
        return 1
    return 1 + math.ceil(shape.elsewhere.count / shape.elsewhere.per_node)


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
