"""A real Slurm on this machine: munged, slurmctld and two slurmd, started by hand as root and killed afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

NODES = ("n1", "n2")
_START_S, _END_S = 40, 20
# Requeued jobs wait until their old credentials have expired, 120 s by default.
_CREDENTIALS_S = 5
_CONF = """
ClusterName=submitter-test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
AuthInfo=socket={folder}/munge/socket,cred_expire={credentials_s}
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=20
SchedulerParameters=sched_interval=1,sched_min_interval=0
PlugStackConfig={folder}/plugstack.conf
NodeName=n1 NodeAddr=127.0.0.1 NodeHostname=localhost Port={ports[1]} CPUs=2 RealMemory=1000
NodeName=n2 NodeAddr=127.0.0.1 NodeHostname=localhost Port={ports[2]} CPUs=2 RealMemory=1000
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Cluster:
    """A running Slurm; its commands need `environment`."""

    folder: Path
    has_pyxis: bool
    """Whether the stand-in for Pyxis is there; it needs gcc and the headers of libslurm-dev."""

    @property
    def pyxis_options(self) -> Path:
        """Where the stand-in writes the options that the steps had: the number of a process, and NAME=VALUE."""
        return self.folder / "pyxis-options"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def call(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, check=False, timeout=60)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def job(self, number: str) -> dict[str, str]:
        """What Slurm knows of a job, by its names, such as JobState and Restarts."""
        words = self.call("scontrol", "--oneliner", "show", "job", number).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait(self, number: str, *states: str, limit_s: float = 60) -> dict[str, str]:
        """The job once it is in one of these states."""
        end = time.monotonic() + limit_s
        while (job := self.job(number))["JobState"] not in states:
            assert time.monotonic() < end, job
            time.sleep(0.2)
        return job


def require_slurm() -> None:
    """Skip the test where Slurm cannot be started."""
    missing = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (apt-get install slurm-wlm munge)")
    if os.geteuid() != 0:
        pytest.skip("slurmd must be started as root")


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Start everything in `folder`, which must have a short path; nothing is left afterwards."""
    require_slurm()
    cluster = Cluster(folder, has_pyxis=_built(folder / "pyxis.so"))
    (folder / "munge").mkdir(mode=0o700)
    (folder / "state").mkdir()
    for name in NODES:
        (folder / f"spool-{name}").mkdir()
    key = folder / "munge" / "key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    plugin = f"required {folder}/pyxis.so {cluster.pyxis_options}\n" if cluster.has_pyxis else ""
    (folder / "plugstack.conf").write_text(plugin)
    conf = folder / "slurm.conf"
    conf.write_text(_CONF.format(folder=folder, ports=free_ports(3), credentials_s=_CREDENTIALS_S))
    files = [f"--{name}-file={folder}/munge/{name}" for name in ("pid", "seed", "log")]
    with ExitStack() as started:
        started.callback(_kill_jobs, cluster)
        munge = ["munged", "--foreground", "--force", f"--socket={folder}/munge/socket", f"--key-file={key}", *files]
        started.enter_context(_daemon(cluster, munge))
        _wait_for((folder / "munge" / "socket").exists, cluster)
        started.enter_context(_daemon(cluster, ["slurmctld", "-D", "-f", str(conf)]))
        for name in NODES:
            started.enter_context(_daemon(cluster, ["slurmd", "-D", "-N", name, "-f", str(conf)]))
        _wait_for(lambda: _states(cluster) == ["idle"] * len(NODES), cluster)
        yield cluster
        for state in ("PENDING", "RUNNING", "SUSPENDED"):
            cluster.call("scancel", f"--state={state}")


def _built(plugin: Path) -> bool:
    source = Path(__file__).with_name("pyxis_standin.c")
    if shutil.which("gcc") is None or not Path("/usr/include/slurm/spank.h").exists():
        return False
    done = subprocess.run(["gcc", "-shared", "-fPIC", "-o", plugin, source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return True


def _states(cluster: Cluster) -> list[str]:
    done = subprocess.run(
        ["sinfo", "--noheader", "--Node", "--format=%T"], capture_output=True, text=True, env=cluster.environment
    )
    return done.stdout.split()


def _wait_for(is_ready: object, cluster: Cluster) -> None:
    assert callable(is_ready)
    end = time.monotonic() + _START_S
    while not is_ready():
        logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in cluster.folder.glob("*.log"))
        assert time.monotonic() < end, f"Slurm has not started:\n{logs}"
        time.sleep(0.2)


@contextmanager
def _daemon(cluster: Cluster, command: list[str]) -> Iterator[None]:
    """A daemon in a process group of its own, which is killed."""
    with (cluster.folder / "daemons.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=cluster.environment, start_new_session=True
        )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _kill_jobs(cluster: Cluster) -> None:
    """Kill what jobs have left: everything that has this cluster's slurm.conf in its environment."""
    conf = cluster.environment["SLURM_CONF"]
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("SLURM_CONF") == conf:
                process.kill()


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
