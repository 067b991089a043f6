"""One vLLM over two hosts, which are network namespaces: the embedded model in FP8, on both of them."""

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
from two_hosts import DRIVER, NODE, REPOSITORY, Hosts, title, two_hosts, wait_for_text

pytest.importorskip("vllm")
pytest.importorskip("mlperf_loadgen")

SAMPLES = 128
USER_CONF = f"""
*.*.performance_sample_count_override = {SAMPLES}
*.Offline.min_query_count = 512
*.Offline.min_duration = 1000
*.Offline.target_qps = 60
*.Server.min_duration = {{server_ms}}
*.Server.target_qps = 20
"""
# Both hosts have the same cores here, so no rank may be bound to some of them.
ENGINE_TOML = f"""
engine = "vllm"
in_flight = 64
warm_up_prompts = 8
[settings]
dtype = "bfloat16"
kv_cache_dtype = "fp8"
enforce_eager = true
max_model_len = 512
max_num_seqs = 64
data_parallel_size = 2
data_parallel_size_local = 1
data_parallel_address = "{DRIVER}"
[env]
VLLM_CPU_KVCACHE_SPACE = "1"
VLLM_CPU_OMP_THREADS_BIND = "nobind"
OMP_NUM_THREADS = "1"
VLLM_LOGGING_LEVEL = "WARNING"
"""
LOST_S = 20.0


def write_campaign(folder: Path) -> Path:
    for name in ("examples", "measurements", "systems"):
        shutil.copytree(REPOSITORY / name, folder / name)
    file = folder / "examples/demo.toml"
    text = (
        file.read_text().replace('full_run = "tiny-open.toml"', "").replace("sample_limit = 512", "sample_limit = 128")
    )
    file.write_text(text)
    set_server_ms(folder, 5000)
    for toml in folder.glob("measurements/cpu-smoke/tiny-llama/*/engine.toml"):
        toml.write_text(ENGINE_TOML)
    system = folder / "systems/cpu-demo.json"
    system.write_text(json.dumps({**json.loads(system.read_text()), "number_of_nodes": "2"}))
    return file


def set_server_ms(folder: Path, server_ms: int) -> None:
    for conf in folder.glob("measurements/cpu-smoke/tiny-llama/*/user.conf"):
        conf.write_text(USER_CONF.format(server_ms=server_ms))


@contextmanager
def started(hosts: Hosts, host: str, log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            hosts.command(host, *arguments), stdout=output, stderr=output, cwd=REPOSITORY, start_new_session=True
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def records(folder: Path) -> dict[str, Any]:
    found = {}
    for file in folder.glob("build/demo/runs/**/record.json"):
        record = json.loads(file.read_text())
        found[f"{record['scenario']} {record['mode']}"] = record
    return found


@pytest.mark.slow
def test_ranks_on_both_hosts_answer_and_a_host_that_dies_ends_the_run(tmp_path: Path) -> None:
    campaign = write_campaign(tmp_path)
    server = ("run", str(campaign), "--scenario", "Server", "--rerun")
    node_log, driver_log = tmp_path / "node.log", tmp_path / "driver.log"
    with two_hosts() as hosts:
        with (
            started(hosts, hosts.node, node_log, "node", str(campaign)) as node,
            started(hosts, hosts.driver, driver_log, "run-all", str(campaign)) as driver,
        ):
            assert driver.wait(500) in (0, 1), driver_log.read_text()  # 1: Server is too short for its verdict
            made = records(tmp_path)
            print(driver_log.read_text(), node_log.read_text(), {run: each["answers"] for run, each in made.items()})
            assert set(made) == {
                f"{s} {m}" for s in ("Offline", "Server") for m in ("performance", "accuracy", "TEST06")
            }
            for run, record in made.items():
                answers = record["answers"]
                assert set(answers) == {"rank 0", "rank 1"}, run
                assert sum(answers.values()) == record["sample_count"], run
                # At Server's rate the load balancer avoids a rank that the other one keeps from the cores: they
                # share them here.
                least = record["sample_count"] // 8 if record["scenario"] == "Offline" else 1
                assert min(answers.values()) >= least, (run, answers)
                assert "vllm" in record["engine_facts"][f"rank 1 at {NODE}"]

            # The same node serves the next session. First its rank is killed, and it reports that.
            set_server_ms(tmp_path, 60000)
            with started(hosts, hosts.driver, driver_log, *server) as dying:
                wait_for_text(driver_log, "Server performance    about", 300)
                (rank,) = [pid for pid in hosts.pids(hosts.node) if "EngineCore_DP1" in title(pid)]
                os.kill(rank, signal.SIGKILL)
                killed_s = time.monotonic()
                assert dying.wait(60) == 4, driver_log.read_text()
                assert time.monotonic() - killed_s < LOST_S
            print(driver_log.read_text())
            words = "vLLM's rank 1 ended by SIGKILL (not by the kernel for memory)"
            assert f"the engine failed: node {NODE} with rank 1: {words}\n" in driver_log.read_text()
            wait_for_text(node_log, words, LOST_S)

            # Then the node itself is killed in the middle of a run.
            with started(hosts, hosts.driver, driver_log, *server) as dying:
                wait_for_text(driver_log, "Server performance    about", 300)
                time.sleep(2)
                os.killpg(node.pid, signal.SIGKILL)
                killed_s = time.monotonic()
                assert dying.wait(60) == 4, driver_log.read_text()
                assert time.monotonic() - killed_s < LOST_S
            print(driver_log.read_text())
            assert f"the engine failed: node {NODE} with rank 1 closed the connection" in driver_log.read_text()
            assert _is_empty(hosts)

        set_server_ms(tmp_path, 5000)
        with (
            started(hosts, hosts.node, node_log, "node", str(campaign)) as node,
            started(hosts, hosts.driver, driver_log, *server) as again,
        ):
            assert again.wait(300) in (0, 1), driver_log.read_text()  # 1: it is too short for its verdict
            assert min(records(tmp_path)["Server performance"]["answers"].values()) > 0

            # The node's host vanishes: its cable is pulled.
            set_server_ms(tmp_path, 60000)
            with started(hosts, hosts.driver, driver_log, *server) as dying:
                wait_for_text(driver_log, "Server performance    about", 300)
                hosts.cable("down")
                down_s = time.monotonic()
                assert dying.wait(60) == 4, driver_log.read_text()
                assert time.monotonic() - down_s < LOST_S
                assert (
                    f"the engine failed: node {NODE} with rank 1 does not answer: connection timed out"
                    in driver_log.read_text()
                )
                wait_for_text(node_log, "the driver is lost: connection timed out", LOST_S)
            node.send_signal(signal.SIGTERM)
            assert node.wait(20) == 0
            print(driver_log.read_text(), node_log.read_text())
        assert _is_empty(hosts)


def _is_empty(hosts: Hosts) -> bool:
    """Whether no process is left on either host; they may take a moment."""
    end_s = time.monotonic() + 10
    while left := hosts.processes():
        if time.monotonic() > end_s:
            raise AssertionError(left)
        time.sleep(0.2)
    return True
