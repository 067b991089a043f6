"""The job script: its head as it is written, its body as bash reads it."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from submitter.cluster import slurm_job
from submitter.cluster.slurm_job import SlurmJob, job_facts
from submitter.cluster.slurm_table import SlurmTable
from submitter.version import VERSION

HEAD = f"""\
#!/bin/bash
# Written by submitter slurm {VERSION}: change [slurm] of the campaign file, and write it again.
#SBATCH --job-name=submitter-8xH100
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --time=4:00:00
#SBATCH --partition=gpu
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --switches=1
#SBATCH --output=/lustre/me/out/slurm/%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120

campaign=/lustre/me/campaign.toml
logs=/lustre/me/out/slurm
limit_s=14400
max_requeues=10
setup='module load cuda
source venv/bin/activate'
step=(--ntasks-per-node=1 --cpu-bind=none --container-image=vllm.sqsh --container-mounts=/lustre:/lustre)
"""
HOSTILE = "/tmp/it's $HOME `id` $(id) \"; #1 !"


def job(folder: str = "/lustre/me", **table: object) -> SlurmJob:
    return SlurmJob(
        name="submitter-8xH100",
        table=SlurmTable.model_validate({"time": "4:00:00", **table}),
        nodes=2,
        campaign=Path(folder, "campaign.toml"),
        logs=Path(folder, "out/slurm"),
    )


def assigned(script: str, name: str) -> str:
    """The value of a variable once bash has read the head of the script; of `step`, its words as lines."""
    head = script.partition("step=")[0] + next(line for line in script.splitlines() if line.startswith("step="))
    printed = f'printf "%s\\n" "${{{name}[@]}}"'
    return subprocess.run(["bash", "-c", f"{head}\n{printed}"], capture_output=True, text=True, check=True).stdout[:-1]


def test_the_script_as_it_is_written() -> None:
    script = job(
        partition="gpu",
        gpus_per_node=8,
        options=["--switches=1"],
        setup=["module load cuda", "source venv/bin/activate"],
        container={"image": "vllm.sqsh", "mounts": ["/lustre:/lustre"]},
    ).script()
    assert script == HEAD + Path(slurm_job.__file__).with_name("slurm_job.sh").read_text()


@pytest.mark.parametrize("setup", [[], ["echo 'one' \"two\"", "# three", "x=$(date)"]])
def test_bash_accepts_the_script(setup: list[str]) -> None:
    done = subprocess.run(["bash", "-n"], input=job(setup=setup).script(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_hostile_values_stay_values() -> None:
    script = job(HOSTILE, setup=[f"echo {HOSTILE}"], container={"image": HOSTILE, "mounts": [f"{HOSTILE}:/x"]}).script()
    assert assigned(script, "campaign") == f"{HOSTILE}/campaign.toml"
    assert assigned(script, "logs") == f"{HOSTILE}/out/slurm"
    assert assigned(script, "setup") == f"echo {HOSTILE}"
    assert f"--container-image={HOSTILE}" in assigned(script, "step").splitlines()
    assert f"--container-mounts={HOSTILE}:/x" in assigned(script, "step").splitlines()


def test_the_interactive_command_has_the_same_resources_and_container() -> None:
    words = shlex.split(job(partition="gpu", setup=["cd 'a b'"], container={"image": "x y"}).interactive())
    step = words.index("srun")
    assert words[:step] == [
        *("salloc", "--job-name=submitter-8xH100", "--nodes=2", "--ntasks-per-node=1", "--time=4:00:00"),
        *("--partition=gpu", "--exclusive", "--mem=0"),
    ]
    assert words[step + 1 :] == [
        *("--relative=0", "--nodes=1", "--ntasks=1", "--cpu-bind=none", "--pty"),
        *("--container-image=x y", "bash", "-c", "cd 'a b'\nexec bash -i"),
    ]


def test_the_journal_knows_the_job_and_nothing_outside_slurm() -> None:
    environment = {"SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": "1", "SLURM_JOB_NODELIST": "n[1-2]", "SLURM_CONF": "x"}
    assert job_facts(environment) == {"job": "7", "restarts": "1", "nodes": "n[1-2]"}
    assert job_facts({"SLURM_CONF": "x"}) == {}
