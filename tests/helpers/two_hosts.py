"""Two hosts on one machine: two network namespaces with a cable between them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

DRIVER, NODE = "10.77.0.1", "10.77.0.2"
REPOSITORY = Path(__file__).resolve().parents[2]


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


@dataclass
class Hosts:
    """The namespaces `driver` and `node`."""

    driver: str
    node: str

    def command(self, host: str, *arguments: str) -> list[str]:
        """The command line of submitter on a host."""
        return ["ip", "netns", "exec", host, sys.executable, "-m", "submitter.cli", *arguments]

    def cable(self, state: str) -> None:
        """Set the node's end of the cable `up` or `down`."""
        ip("-n", self.node, "link", "set", "cable", state)

    def pids(self, host: str) -> list[int]:
        """The processes that run on a host."""
        done = subprocess.run(["ip", "netns", "pids", host], capture_output=True, text=True, check=False)
        return [int(pid) for pid in done.stdout.split()]

    def processes(self) -> list[str]:
        """What runs on either host, by its command line."""
        return [shown for host in (self.driver, self.node) for pid in self.pids(host) if (shown := title(pid))]

    def end_all(self) -> None:
        for pid in (*self.pids(self.driver), *self.pids(self.node)):
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()


def title(pid: int) -> str:
    """The command line of a process, which for vLLM's is their title; empty if it has ended."""
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return ""


@contextmanager
def two_hosts() -> Iterator[Hosts]:
    """Skips the test where namespaces are not allowed. At the end nothing is left: no process, no namespace."""
    hosts = Hosts(f"driver{os.getpid()}", f"node{os.getpid()}")
    try:
        ip("netns", "add", hosts.driver)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"network namespaces need root and iproute2: {getattr(error, 'stderr', None) or error!r}")
    try:
        ip("netns", "add", hosts.node)
        ip("link", "add", "cable", "netns", hosts.driver, "type", "veth", "peer", "name", "cable", "netns", hosts.node)
        for host, address in ((hosts.driver, DRIVER), (hosts.node, NODE)):
            ip("-n", host, "addr", "add", f"{address}/24", "dev", "cable")
            ip("-n", host, "link", "set", "lo", "up")
            ip("-n", host, "link", "set", "cable", "up")
        yield hosts
    finally:
        hosts.end_all()
        for host in (hosts.driver, hosts.node):
            subprocess.run(["ip", "netns", "del", host], check=False, capture_output=True)


def wait_for_text(file: Path, text: str, limit_s: float) -> None:
    """Wait until a file has a text."""
    end_s = time.monotonic() + limit_s
    while text not in file.read_text():
        assert time.monotonic() < end_s, f"no '{text}' in:\n{file.read_text()}"
        time.sleep(0.1)
