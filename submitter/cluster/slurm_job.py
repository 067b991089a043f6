"""A campaign as a job of Slurm: its script, and the command of an interactive allocation with the same resources."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from submitter.cluster.slurm_table import SlurmTable
from submitter.version import VERSION

END_BEFORE_LIMIT_S = 120
"""How long before its time limit a job gets the signal to end: the driver then has to end its engine."""
_SIGNAL_EARLY_S = 60  # man sbatch, --signal: it may come so much earlier than asked for
_BODY = "slurm_job.sh"


@dataclass(frozen=True, kw_only=True)
class SlurmJob:
    """A job. `campaign` and `logs` are absolute paths that all machines have."""

    name: str
    table: SlurmTable
    nodes: int
    campaign: Path
    logs: Path

    @property
    def usable_s(self) -> int:
        """How much of the time limit runs can use for certain, in s."""
        return self.table.limit_s - END_BEFORE_LIMIT_S - _SIGNAL_EARLY_S

    def script(self) -> str:
        """The job script."""
        setup = "\n".join(self.table.setup)
        step = shlex.join(["--ntasks-per-node=1", "--cpu-bind=none", *self._container()])
        return "\n".join(
            [
                "#!/bin/bash",
                f"# Written by submitter slurm {VERSION}: change [slurm] of the campaign file, and write it again.",
                *(f"#SBATCH {option}" for option in self._options()),
                "",
                f"campaign={shlex.quote(str(self.campaign))}",
                f"logs={shlex.quote(str(self.logs))}",
                f"limit_s={self.table.limit_s}",
                f"max_requeues={self.table.max_requeues}",
                f"setup={shlex.quote(setup)}",
                f"step=({step})",
                resources.files(__package__).joinpath(_BODY).read_text("utf-8"),
            ]
        )

    def interactive(self) -> str:
        """The command, as bash reads it, that opens a shell on the first machine of the same allocation."""
        shell = ["bash", "-c", "\n".join([*self.table.setup, "exec bash -i"])]
        step = ["srun", "--relative=0", "--nodes=1", "--ntasks=1", "--cpu-bind=none", "--pty", *self._container()]
        allocation = ["salloc", f"--job-name={self.name}", *self.table.resources(self.nodes)]
        return f"{' '.join(allocation)} {shlex.join([*step, *shell])}"

    def _container(self) -> Iterator[str]:
        if self.table.container is not None:
            yield from self.table.container.options()

    def _options(self) -> Iterator[str]:
        yield f"--job-name={self.name}"
        yield from self.table.resources(self.nodes)
        yield f"--output={shlex.quote(str(self.logs))}/%j.log"
        yield "--open-mode=append"
        yield "--requeue"
        yield f"--signal=B:USR1@{END_BEFORE_LIMIT_S}"


def job_facts(environment: Mapping[str, str]) -> dict[str, str]:
    """The job that this process belongs to, for the journal; empty outside Slurm."""
    named = {"job": "SLURM_JOB_ID", "restarts": "SLURM_RESTART_COUNT", "nodes": "SLURM_JOB_NODELIST"}
    if "SLURM_JOB_ID" not in environment:
        return {}
    return {fact: environment[name] for fact, name in named.items() if name in environment}
