"""`submitter slurm` against a real Slurm on this machine: two slurmd, jobs of the echo engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from echo_campaign import REPOSITORY, Campaign, make_campaign, submitter
from slurm_cluster import Cluster, free_ports, running_cluster

# 1: the check has findings, as where a busy machine made the long Server run miss its latency limit.
FINISHED = ("0:0", "1:0")
FINISHED_AFTER_ONE_RESTART = [(code, "1") for code in FINISHED]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, running_cluster(Path(folder)) as running:
        yield running


@pytest.fixture
def environment(cluster: Cluster) -> dict[str, str]:
    """The shell of a user: `submitter` is in PATH, and sbatch passes the environment on."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return {**cluster.environment, "PATH": path, "PYTHONPATH": str(REPOSITORY)}


def with_slurm(campaign: Campaign, lines: str) -> Campaign:
    text = campaign.file.read_text()
    campaign.file.write_text(f"{text}\n[slurm]\n{lines}\n")
    return campaign


def journal(campaign: Campaign) -> list[dict[str, object]]:
    """The journal's lines so far."""
    path = campaign.output / "journal.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def log_of(campaign: Campaign, job: str) -> str:
    return (campaign.output / "slurm" / f"{job}.log").read_text()


def wait_for_event(campaign: Campaign, event: str, count: int, limit_s: float = 40) -> None:
    end = time.monotonic() + limit_s
    while True:
        if sum(each["event"] == event for each in journal(campaign)) >= count:
            return
        assert time.monotonic() < end, f"no {event}"
        time.sleep(0.1)


def slow_server_run(campaign: Campaign, seconds: int) -> None:
    """Offline is finished at once; the Server run then takes this long."""
    campaign.edit(
        campaign.measurement("Server", "user.conf"),
        "Server.min_duration = 2000",
        f"Server.min_duration = {seconds * 1000}",
    )


def two_machines(campaign: Campaign) -> None:
    description = campaign.folder / "system.json"
    description.write_text(json.dumps({**json.loads(description.read_text()), "number_of_nodes": "2"}))
    (port,) = free_ports(1)
    for scenario in ("Offline", "Server"):
        settings = campaign.measurement(scenario, "engine.toml")
        settings.write_text(
            f"{settings.read_text()}data_parallel_size = 2\ndata_parallel_size_local = 1\n"
            f"data_parallel_rpc_port = {port}\n"
        )


def test_a_job_makes_the_campaign_and_its_tree_passes(
    tmp_path: Path, cluster: Cluster, environment: dict[str, str]
) -> None:
    """Its folder has every character that bash and sbatch could take for something else."""
    campaign = make_campaign(tmp_path / 'it\'s $HOME `id` "#1"')
    with_slurm(campaign, 'time = "0:05:00"\npartition = "main"')
    done = submitter("slurm", str(campaign.file), "--submit", env=environment)
    assert done.returncode == 0, done.stderr
    job = done.stdout.strip()
    assert cluster.wait(job, "COMPLETED", "FAILED")["ExitCode"] == "0:0", log_of(campaign, job)
    assert "PREVIEW  0 errors" in log_of(campaign, job)
    assert submitter("check", str(campaign.tree), env=environment).returncode == 0
    assert journal(campaign)[0] == {**journal(campaign)[0], "event": "slurm", "job": job}


def test_a_partition_that_does_not_exist_is_refused_with_the_words_of_sbatch(
    campaign: Campaign, environment: dict[str, str]
) -> None:
    with_slurm(campaign, 'time = 5\npartition = "gpu"')
    done = submitter("slurm", str(campaign.file), "--submit", env=environment)
    assert done.returncode == 2
    refused = next(line for line in done.stderr.splitlines() if line.startswith("submitter:"))
    assert refused.startswith("submitter: sbatch refused the job: invalid partition specified: gpu")


def test_a_job_of_two_machines_has_a_driver_and_a_node_which_find_each_other(
    campaign: Campaign, cluster: Cluster, environment: dict[str, str]
) -> None:
    """The engine is echo's rehearsal of two machines: real nodes, and no address in engine.toml."""
    two_machines(campaign)
    with_slurm(campaign, "time = 5\nnodes = 2")
    job = submitter("slurm", str(campaign.file), "--submit", env=environment).stdout.strip()
    found = cluster.wait(job, "COMPLETED", "FAILED", limit_s=90)
    assert (found["ExitCode"], found["NumNodes"]) == ("0:0", "2"), log_of(campaign, job)
    assert "node failed" not in log_of(campaign, job)
    (node_log,) = (campaign.output / "slurm").glob(f"{job}-*.log")
    assert "serving rank 1 of echo-model" in node_log.read_text()
    record = json.loads((campaign.output / "runs/echo-system/echo-model/Offline/performance/record.json").read_text())
    assert "rank 1 at 127.0.0.1" in record["engine_facts"]
    assert "data_parallel_address" not in record["engine_settings"]["settings"]


@pytest.mark.slow
def test_driver_and_node_have_the_container_of_the_table(
    campaign: Campaign, cluster: Cluster, environment: dict[str, str]
) -> None:
    """A stand-in for Pyxis takes its options from srun: no container is started."""
    if not cluster.has_pyxis:
        pytest.skip("the stand-in for Pyxis needs gcc and libslurm-dev")
    two_machines(campaign)
    with_slurm(
        campaign,
        f"""time = 5
[slurm.container]
image = "nvcr.io#nvidia/vllm: a tag"
mounts = ["{campaign.folder}:{campaign.folder}", "/data"]
workdir = "{campaign.folder}"
mount_home = false
name = "vllm"
env = ["NCCL_IB_HCA", "HF_HOME"]""",
    )
    job = submitter("slurm", str(campaign.file), "--submit", env=environment).stdout.strip()
    found = cluster.wait(job, "COMPLETED", "FAILED", limit_s=90)
    assert found["ExitCode"] == "0:0", log_of(campaign, job)
    steps: dict[str, list[str]] = {}
    for line in cluster.pyxis_options.read_text().splitlines():
        process, _, option = line.partition(" ")
        steps.setdefault(process, []).append(option)
    expected = {
        "container-image=nvcr.io#nvidia/vllm: a tag",
        f"container-mounts={campaign.folder}:{campaign.folder},/data",
        f"container-workdir={campaign.folder}",
        "no-container-mount-home=",
        "container-name=vllm",
        "container-env=NCCL_IB_HCA,HF_HOME",
    }
    assert [set(options) for options in steps.values()] == [expected, expected]


@pytest.mark.slow
def test_a_node_that_cannot_start_ends_the_job_soon(
    campaign: Campaign, cluster: Cluster, environment: dict[str, str]
) -> None:
    """Else the driver would wait for it as long as for an engine to load."""
    two_machines(campaign)
    with_slurm(campaign, "time = 5\nsetup = ['[[ $SLURMD_NODENAME != n2 ]] || { echo no model here; false; }']")
    job = submitter("slurm", str(campaign.file), "--submit", env=environment).stdout.strip()
    found = cluster.wait(job, "COMPLETED", "FAILED", limit_s=60)
    assert found["ExitCode"] == "4:0", log_of(campaign, job)
    assert f"submitter node failed, {campaign.output}/slurm/{job}-*.log say why" in log_of(campaign, job)
    (node_log,) = (campaign.output / "slurm").glob(f"{job}-*.log")
    assert "no model here" in node_log.read_text()


@pytest.mark.slow
def test_an_interactive_allocation_has_a_shell_after_the_setup(
    campaign: Campaign, cluster: Cluster, environment: dict[str, str]
) -> None:
    with_slurm(campaign, "time = 5\nsetup = ['export GREETING=\"it is here\"']")
    command = submitter("slurm", str(campaign.file), "--interactive", env=environment).stdout
    assert command.startswith("salloc ")
    lines = "echo $GREETING on $SLURMD_NODENAME of $SLURM_JOB_NUM_NODES\nexit\n"
    opened = subprocess.run(
        [sys.executable, "-m", "submitter.cli", "slurm", str(campaign.file), "--interactive", "--submit"],
        input=lines,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "it is here on n1 of 1" in opened.stdout, opened.stderr


@pytest.mark.slow
def test_a_requeued_job_keeps_the_finished_runs(
    campaign: Campaign, cluster: Cluster, environment: dict[str, str]
) -> None:
    with_slurm(campaign, "time = 10")
    slow_server_run(campaign, 20)
    job = submitter("slurm", str(campaign.file), "--submit", env=environment).stdout.strip()
    wait_for_event(campaign, "finished", 3)
    time.sleep(2)
    cluster.call("scontrol", "requeue", job)
    cluster.wait(job, "PENDING")
    assert not list(campaign.output.rglob("*.partial"))
    found = cluster.wait(job, "COMPLETED", "FAILED", limit_s=180)
    assert (found["ExitCode"], found["Restarts"]) in FINISHED_AFTER_ONE_RESTART, log_of(campaign, job)
    events = journal(campaign)
    finished = [each["run"] for each in events if each["event"] == "finished"]
    assert len(finished) == len(set(finished)) == 6
    starts = [each for each in events if each["event"] == "slurm"]
    assert [each.get("restarts") for each in starts] == [None, "1"]
    assert "start 1," in log_of(campaign, job)
    assert "start 2," in log_of(campaign, job)


@pytest.mark.slow
def test_a_cancelled_job_ends_cleanly_and_a_new_one_goes_on(
    campaign: Campaign, cluster: Cluster, environment: dict[str, str]
) -> None:
    with_slurm(campaign, "time = 10")
    slow_server_run(campaign, 20)
    job = submitter("slurm", str(campaign.file), "--submit", env=environment).stdout.strip()
    wait_for_event(campaign, "finished", 3)
    time.sleep(2)
    cluster.call("scancel", job)
    assert cluster.wait(job, "CANCELLED")["ExitCode"] == "143:0"
    assert "interrupted; finished runs are kept" in log_of(campaign, job)
    assert "queue" not in log_of(campaign, job)
    assert not list(campaign.output.rglob("*.partial"))
    again = submitter("slurm", str(campaign.file), "--submit", env=environment).stdout.strip()
    assert cluster.wait(again, "COMPLETED", "FAILED", limit_s=120)["ExitCode"] in FINISHED, log_of(campaign, again)
    finished = [each["run"] for each in journal(campaign) if each["event"] == "finished"]
    assert len(finished) == len(set(finished)) == 6


@pytest.mark.slow
def test_near_its_time_limit_a_job_ends_the_driver_and_goes_back_to_the_queue(
    campaign: Campaign, cluster: Cluster, environment: dict[str, str]
) -> None:
    """The limit of a minute is Slurm's shortest: the signal 50 s before it comes in the first seconds."""
    with_slurm(campaign, "time = 10\nmax_requeues = 1")
    slow_server_run(campaign, 60)
    script = campaign.folder / "job.sh"
    assert submitter("slurm", str(campaign.file), "--output", str(script), env=environment).returncode == 0
    campaign.edit(script, "#SBATCH --time=10", "#SBATCH --time=1")
    campaign.edit(script, "USR1@120", "USR1@45")
    done = subprocess.run(["sbatch", "--parsable", str(script)], env=environment, capture_output=True, text=True)
    job = done.stdout.strip()
    found = cluster.wait(job, "FAILED", "COMPLETED", "TIMEOUT", limit_s=180)
    log = log_of(campaign, job)
    assert (found["JobState"], found["ExitCode"], found["Restarts"]) == ("FAILED", "143:0", "1"), log
    assert log.count("interrupted; finished runs are kept") == 2
    assert "the job goes back to the queue" in log
    assert "the job was requeued 1 times; submit it again to go on" in log
    assert not list(campaign.output.rglob("*.partial"))
    finished = [each["run"] for each in journal(campaign) if each["event"] == "finished"]
    assert finished.count("Offline performance") == 1
    assert "Server performance" not in finished


def test_without_sbatch_the_message_says_where_to_go(campaign: Campaign, tmp_path: Path) -> None:
    with_slurm(campaign, "time = 5")
    done = submitter("slurm", str(campaign.file), "--submit", env={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 3
    assert "sbatch is not installed on this machine" in done.stderr
    assert "login node" in done.stderr
