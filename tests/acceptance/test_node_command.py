"""`submitter node` beside `run-all`: the echo engine with ranks on another host, in two network namespaces."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from echo_campaign import REPOSITORY, Campaign, make_campaign
from two_hosts import DRIVER, NODE, Hosts, two_hosts, wait_for_text

SPREAD = f"""
data_parallel_size = 2
data_parallel_size_local = 1
data_parallel_address = "{DRIVER}"
"""
LOST_S = 15.0


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with two_hosts() as made:
        yield made


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    made = make_campaign(tmp_path)
    for scenario in ("Offline", "Server"):
        toml = made.measurement(scenario, "engine.toml")
        toml.write_text(toml.read_text() + SPREAD)
    description = made.folder / "system.json"
    description.write_text(json.dumps({**json.loads(description.read_text()), "number_of_nodes": "2"}))
    return made


@contextmanager
def started(hosts: Hosts, host: str, log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        # SIGINT is ignored, as in the background jobs of a shell script: SIGTERM must end it all the same.
        command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *hosts.command(host, *arguments)]
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=REPOSITORY, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_both_go_the_whole_way_and_the_node_ends_when_it_is_told(
    hosts: Hosts, campaign: Campaign, tmp_path: Path
) -> None:
    node_log, driver_log = tmp_path / "node.log", tmp_path / "driver.log"
    with (
        started(hosts, hosts.driver, driver_log, "run-all", str(campaign.file)) as driver,
        started(hosts, hosts.node, node_log, "node", str(campaign.file)) as node,
    ):
        assert driver.wait(120) == 0, driver_log.read_text()
        wait_for_text(node_log, "the driver has ended its session", 20)
        node.send_signal(signal.SIGTERM)
        assert node.wait(20) == 0, node_log.read_text()
    shown = driver_log.read_text()
    assert f"1 rank on other machines: start there submitter node {campaign.file}" in shown
    assert "waiting for nodes, 1 rank missing" in shown
    assert f"driver found at {DRIVER}" in node_log.read_text()
    assert node_log.read_text().endswith("node stopped\n")
    records = list(campaign.output.glob("runs/**/record.json"))
    assert len(records) == 6
    for record in records:
        (fact,) = json.loads(record.read_text())["engine_facts"].items()
        assert fact[0] == f"rank 1 at {NODE}"
        assert "submitter 0." in fact[1]
    assert hosts.processes() == []


def test_another_engine_toml_is_refused_on_both_hosts(hosts: Hosts, campaign: Campaign, tmp_path: Path) -> None:
    other = Campaign(tmp_path / "other")
    shutil.copytree(campaign.folder, other.folder, ignore=shutil.ignore_patterns("out", "other"))
    for scenario in ("Offline", "Server"):
        other.edit(other.measurement(scenario, "engine.toml"), "first_token_ms = 20", "first_token_ms = 30")
    node_log, driver_log = tmp_path / "node.log", tmp_path / "driver.log"
    with (
        started(hosts, hosts.node, node_log, "node", str(other.file)) as node,
        started(hosts, hosts.driver, driver_log, "run-all", str(campaign.file)) as driver,
    ):
        assert (driver.wait(60), node.wait(20)) == (2, 2), driver_log.read_text() + node_log.read_text()
    why = "engine.toml: [settings] first_token_ms is 30, on the driver 20"
    assert f"submitter: node {NODE}: {why}\n  every machine needs the same" in driver_log.read_text()
    assert f"submitter: the driver refuses this node: {why}\n" in node_log.read_text()


def test_a_host_that_dies_ends_the_run_and_the_next_one_works(hosts: Hosts, campaign: Campaign, tmp_path: Path) -> None:
    """First the node's processes are killed, then its cable is pulled: it vanishes without a word."""
    campaign.edit(campaign.measurement("Server", "user.conf"), "min_duration = 2000", "min_duration = 40000")
    run = ("run", str(campaign.file), "--scenario", "Server")
    ends = []
    for death in ("killed", "vanished", ""):
        if not death:
            campaign.edit(campaign.measurement("Server", "user.conf"), "min_duration = 40000", "min_duration = 500")
        node_log, driver_log = tmp_path / f"node{death}.log", tmp_path / f"driver{death}.log"
        with (
            started(hosts, hosts.node, node_log, "node", str(campaign.file)) as node,
            started(hosts, hosts.driver, driver_log, *run) as driver,
        ):
            if death:
                wait_for_text(driver_log, "Server performance    about", 60)
                began_s = time.monotonic()
                os.killpg(node.pid, signal.SIGKILL) if death == "killed" else hosts.cable("down")
                assert driver.wait(60) == 4, driver_log.read_text()
                assert time.monotonic() - began_s < LOST_S
                ends.append(_error(driver_log))
                if death == "vanished":
                    wait_for_text(node_log, "the driver is lost: connection timed out", LOST_S)
                    hosts.cable("up")
            else:
                assert driver.wait(60) == 1, driver_log.read_text()  # it ends, and is too short to be VALID
                assert "too few queries even with none over the limit" in driver_log.read_text()
    assert (
        ends[0]
        == f"submitter: the engine failed: node {NODE} with rank 1 closed the connection: it was stopped or killed"
    )
    assert ends[1].startswith(
        f"submitter: the engine failed: node {NODE} with rank 1 does not answer: connection timed out"
    )
    _wait_until_empty(hosts)


def _error(log: Path) -> str:
    return next(line for line in log.read_text().splitlines() if line.startswith("submitter: "))


def _wait_until_empty(hosts: Hosts) -> None:
    end_s = time.monotonic() + 10
    while left := hosts.processes():
        assert time.monotonic() < end_s, left
        time.sleep(0.1)


def test_tune_has_its_nodes_too(hosts: Hosts, campaign: Campaign, tmp_path: Path) -> None:
    """Its session begins without any run."""
    node_log, driver_log = tmp_path / "node.log", tmp_path / "driver.log"
    tune = ("tune", str(campaign.file), "--scenario", "Server", "--budget", "5s")
    with (
        started(hosts, hosts.node, node_log, "node", str(campaign.file)),
        started(hosts, hosts.driver, driver_log, *tune) as driver,
    ):
        assert driver.wait(90) in (0, 1), driver_log.read_text()
        wait_for_text(node_log, "the driver has ended its session", 20)
    assert "target_qps" in driver_log.read_text()


PROBLEMS: dict[str, tuple[tuple[str, str], str]] = {
    "an address of another machine": ((DRIVER, "192.0.2.7"), "cannot wait for nodes at 192.0.2.7, port 29550"),
    "one machine too many": (
        ("data_parallel_size = 2", "data_parallel_size = 3"),
        "3 ranks, 1 a machine, are on 3 machines, {system} has number_of_nodes = 2",
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_preflight_finds_what_no_node_could_meet(hosts: Hosts, campaign: Campaign, name: str, tmp_path: Path) -> None:
    (old, new), expected = PROBLEMS[name]
    for scenario in ("Offline", "Server"):
        campaign.edit(campaign.measurement(scenario, "engine.toml"), old, new)
    log = tmp_path / "driver.log"
    with started(hosts, hosts.driver, log, "run-all", str(campaign.file)) as driver:
        assert driver.wait(60) in (2, 3)
    assert expected.format(system=campaign.folder / "system.json") in log.read_text()


def test_a_campaign_of_one_machine_has_no_use_for_a_node(tmp_path: Path, run_submitter: Any) -> None:
    done = run_submitter("node", str(make_campaign(tmp_path).file))
    assert done.returncode == 2
    assert "no engine.toml has ranks on other machines\n  set data_parallel_size above" in done.stderr
