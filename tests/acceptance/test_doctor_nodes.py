"""`submitter doctor --nodes`: two network namespaces as two hosts, recorded machines, and nodes that do not answer."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import recorded_machines
from namespaces import TwoHosts, two_hosts

Submitter = Callable[..., subprocess.CompletedProcess[str]]
NETNS = "ip netns exec {node}"
HERE = "env NODE={node}"

IB_WRITE_BW = """ #bytes     #iterations    BW peak[Gb/sec]    BW average[Gb/sec]   MsgRate[Mpps]
 65536      560845           0.00               {}                0.186950
"""
IB_WRITE_LAT = """ #bytes #iterations    t_min[usec]    t_max[usec]  t_typical[usec]    t_avg[usec]
 2       1000          1.76           6.12         1.79                1.80
"""


@pytest.fixture
def hosts() -> Iterator[TwoHosts]:
    with two_hosts(f"d{os.getpid()}") as made:
        yield made


MARK = f"SUBMITTER_TEST_{os.getpid()}"
ENVIRONMENT = {**os.environ, MARK: "1"}


def left() -> list[str]:
    """What a preflight of this test has started and not ended: each process with the mark in its environment."""
    commands = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if MARK in process.environ():
                commands.append(" ".join(process.cmdline()))
    return commands


def report(run_submitter: Submitter, *arguments: str, **options: Any) -> tuple[int, dict[str, Any]]:
    done = run_submitter("doctor", *arguments, "--format", "json", env=ENVIRONMENT, **options)
    assert done.stdout, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, content


def found(content: dict[str, Any]) -> list[str]:
    """The findings that do not depend on how busy this machine is."""
    return [
        f"{each['node']}: {each['what']}: {each['found']}; {each['expected']}"
        for each in content["findings"]
        if each["what"] != "memory available" and not each["what"].startswith("TCP")
    ]


def test_two_hosts(hosts: TwoHosts, run_submitter: Submitter) -> None:
    code, content = report(run_submitter, "--nodes", f"{hosts.first},{hosts.second}", "--launch", NETNS)
    assert found(content) == []
    assert code == (1 if content["findings"] else 0)
    assert set(content["nodes"]) == {hosts.first, hosts.second}
    names = [each["name"] for each in content["nodes"][hosts.second]["interfaces"]]
    assert names == ["lo", f"v{hosts.second}"], "each was asked in its own namespace"
    for clock in content["clocks"].values():
        assert abs(clock["offset_ms"]) < 100
        assert 0 < clock["accuracy_ms"] < 100
    figures = {(each["source"], each["what"]): each["value"] for each in content["measurements"]}
    for host in (hosts.first, hosts.second):
        assert 1 < figures[host, "TCP round trip"] < 100_000
        if shutil.which("iperf3"):
            assert 0.1 < figures[host, "TCP"] < 1000
        else:
            assert content["missing_tools"][host] == ["iperf3"]
    assert left() == []


def test_a_lower_mtu_and_a_slow_direction_are_found(hosts: TwoHosts, run_submitter: Submitter) -> None:
    if not shutil.which("iperf3"):
        pytest.skip("iperf3 is not installed")
    hosts.ip(hosts.second, "link", "set", f"v{hosts.second}", "mtu", "1400")
    limit = f"tc qdisc add dev v{hosts.first} root tbf rate 100mbit burst 256kb latency 50ms".split()
    try:
        hosts.run(hosts.first, *limit)
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        pytest.skip(f"tc cannot limit a rate here: {error}")
    done = run_submitter("doctor", "--nodes", f"{hosts.first},{hosts.second}", "--launch", NETNS, env=ENVIRONMENT)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    mtu = f"WRONG    {hosts.second}: v{hosts.second} (10.77.0.0/24) MTU: found 1400 bytes; expected 1500 bytes, as on"
    assert [line for line in lines if line.startswith(mtu)]
    assert f"         ip link set v{hosts.second} mtu 1500" in lines
    (slow,) = [line for line in lines if line.startswith(f"WRONG    {hosts.first} -> {hosts.second}: TCP: found 0.0")]
    assert slow.endswith("Gbit/s, as elsewhere")
    assert f"measuring {hosts.first} -> {hosts.second} ..." in done.stderr
    assert left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_if_it_is_interrupted(hosts: TwoHosts, number: signal.Signals) -> None:
    """While iperf3 runs on both. After SIGKILL, the agents end by themselves."""
    command = [sys.executable, "-m", "submitter.cli", "doctor", "--launch", NETNS]
    command += ["--nodes", f"{hosts.first},{hosts.second}"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=ENVIRONMENT)
    try:
        assert process.stderr
        while "measuring" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(1)
        assert len(left()) >= 3, "the driver and two agents"
        process.send_signal(number)
        assert process.wait(10) == (130 if number == signal.SIGINT else -number)
    finally:
        process.kill()
        process.communicate()
    deadline_s = time.monotonic() + 10
    while left() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert left() == []


@pytest.fixture
def machines(tmp_path: Path) -> str:
    """A launcher to recorded machines with eight H100: /sys and tools of a node come from its folder in `tmp_path`."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("only root can show a node another /sys")
    for node in ("localhost", "127.0.0.1"):
        recorded_machines.install("8xH100", tmp_path / node / "bin")
        recorded_machines.sysfs("8xH100", tmp_path / node / "sys")
        tool(tmp_path / node / "bin/ib_write_bw", IB_WRITE_BW.format("391.5"))
        tool(tmp_path / node / "bin/ib_write_lat", IB_WRITE_LAT)
        recorded_machines.program(tmp_path / node / "bin", "all_reduce_perf", "# Avg bus bandwidth    : 470.5\n")
        recorded_machines.program(tmp_path / node / "bin", "iperf3", "")  # the two hosts above have the real one
    script = tmp_path / "launch.sh"
    inner = 'mount --bind "$0/sys" /sys && PATH="$0/bin:$PATH" exec "$@"'
    script.write_text(f'#!/bin/sh\nnode=$1; shift\nexec unshare --mount sh -c \'{inner}\' "{tmp_path}/$node" "$@"\n')
    script.chmod(0o755)
    done = subprocess.run([script, "localhost", "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no mount namespace can be made here: {done.stderr.strip()}")
    return f"{script} {{node}}"


def tool(path: Path, output: str) -> None:
    """A tool of perftest: with the name of a host it is the client, and prints; without, it waits as a server does."""
    path.with_suffix(".txt").write_text(output)
    path.write_text(
        "#!/bin/sh\n"
        'for last; do :; done\ncase "$last" in localhost|127.0.0.1) '
        f'cat "{path}.txt" ;; *) echo "* Waiting for client to connect... *"; exec sleep 60 ;; esac\n'
    )
    path.chmod(0o755)


NODES = ("--nodes", "localhost,127.0.0.1")


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has a driver of its own")
def test_two_machines_with_eight_accelerators(machines: str, run_submitter: Submitter) -> None:
    _, content = report(run_submitter, *NODES, "--launch", machines)
    assert found(content) == []
    node = content["nodes"]["localhost"]
    assert node["driver"] == "NVIDIA driver 565.57.01"
    assert [each["numa_node"] for each in node["accelerators"]] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert [each["numa_node"] for each in node["rdma"]] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert node["states"][0]["power_limit_w"] == 700.0
    figures = [(each["what"], each["value"], each["link_gbits"]) for each in content["measurements"]]
    assert figures.count(("RDMA mlx5_7", 391.5, 400.0)) == 2
    assert figures.count(("RDMA mlx5_0 latency", 1.79, None)) == 2
    assert figures.count(("all-reduce", 470.5, None)) == 2
    assert left() == []


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has a driver of its own")
def test_a_machine_with_a_bad_cable_and_a_bad_accelerator(
    machines: str, tmp_path: Path, run_submitter: Submitter
) -> None:
    bad = tmp_path / "127.0.0.1"
    (bad / "sys/class/infiniband/mlx5_3/ports/1/state").write_text("1: DOWN\n")
    (bad / "sys/class/infiniband/mlx5_3/ports/1/phys_state").write_text("2: Polling\n")
    tool(bad / "bin/ib_write_bw", IB_WRITE_BW.format("97.2"))
    state = (recorded_machines.RECORDED / "8xH100/nvidia-smi-state.csv").read_text().splitlines()
    state[6] = state[6].replace("Enabled, 0,", "Enabled, 2,").replace("81559, 1,", "81559, 30000,")
    table = (recorded_machines.RECORDED / "8xH100/nvidia-smi.csv").read_text().replace("565.57.01", "550.90.07")
    others = {"memory.used": "\n".join(state), "compute-apps": f"{state[6].split(',')[0]}, 4711, python\n"}
    recorded_machines.program(bad / "bin", "nvidia-smi", table, others)
    done = run_submitter("doctor", *NODES, "--launch", machines, env=ENVIRONMENT)
    assert done.returncode == 1, done.stdout + done.stderr
    wrong = [line.removeprefix("WRONG    ") for line in done.stdout.splitlines() if line.startswith("WRONG")]
    for line in (
        "127.0.0.1: mlx5_3 port 1: found DOWN (Polling); expected ACTIVE",
        "127.0.0.1: driver of the accelerators: found NVIDIA driver 550.90.07; expected NVIDIA driver 565.57.01, "
        "as on localhost",
        "127.0.0.1: accelerator 6 uncorrected ECC errors: found 2; expected 0",
        "127.0.0.1: accelerator 6 memory in use: found 29.3 of 80 GiB by 4711 python; expected free",
        "127.0.0.1 -> localhost: RDMA mlx5_7: found 97.2 Gbit/s; expected about 392 Gbit/s, as elsewhere",
        "127.0.0.1 -> localhost: RDMA mlx5_7: found 97.2 Gbit/s; expected 85% or more of the link's 400 Gbit/s",
    ):
        assert line in wrong
    assert "RDMA mlx5_3 " not in done.stdout, "what is down is not measured"
    assert "8x 400 Gbit/s Ethernet" in done.stdout
    assert "7x 400 Gbit/s Ethernet, 1 not active" in done.stdout


def test_the_system_of_a_campaign(campaign: Any, run_submitter: Submitter) -> None:
    """The system of the example has no accelerators; here it states that it has four, on two nodes."""
    description = campaign.folder / "system.json"
    content = json.loads(description.read_text())
    description.write_text(json.dumps({**content, "accelerators_per_node": "4", "number_of_nodes": "2"}))
    code, outcome = report(run_submitter, "--nodes", "n1", "--launch", HERE, "--campaign", str(campaign.file))
    assert code == 1
    count = len(outcome["nodes"]["n1"]["accelerators"])
    assert f"n1: accelerators_per_node: {count}; 4, as the system description states" in found(outcome)
    assert "all nodes: number_of_nodes: 1; 2, as the system description states" in found(outcome)


def test_nodes_that_do_not_answer_are_findings(tmp_path: Path, run_submitter: Submitter) -> None:
    script = tmp_path / "launch.sh"
    script.write_text(
        '#!/bin/sh\nnode=$1; shift\ncase "$node" in good) exec "$@" ;; '
        'garbage) head -c 100000 /dev/urandom; exit 1 ;; *) echo "no route to $node" >&2; exit 255 ;; esac\n'
    )
    script.chmod(0o755)
    done = run_submitter("doctor", "--nodes", "away,good,garbage", "--launch", f"{script} {{node}}", env=ENVIRONMENT)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 of 3 nodes examined: " in done.stdout
    assert (
        "WRONG    away: connection: found no report: its process ended with 255: no route to away; expected a report\n"
        f"         check that this works without a password: {script} away true\n"
    ) in done.stdout
    assert re.search(
        r"^WRONG    garbage: connection: found (no report: its process ended|it prints) ", done.stdout, re.M
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert left() == []


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("--nodes", "a,a"), "--nodes names a more than once", ""),
        (("--nodes", "a", "--launch", "ssh a"), "--launch 'ssh a' does not name the node", "write {node} where"),
        (("run-all", "--nodes", "a"), "takes no command such as run-all", "leave one out"),
        (("--campaign", "x.toml"), "--campaign is for --nodes", "name the machines, too"),
        (("--nodes", "a", "--launch", HERE, "--campaign", "x.toml"), "there is no campaign file x.toml", ""),
    ],
)
def test_wrong_use(run_submitter: Submitter, arguments: tuple[str, ...], message: str, hint: str) -> None:
    done = run_submitter("doctor", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
