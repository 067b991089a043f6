"""Two network namespaces joined by a veth pair, as two hosts of a network; for tests that run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass(frozen=True, kw_only=True)
class TwoHosts:
    """Two namespaces; `first` has 10.77.0.1, `second` 10.77.0.2, each on an interface named v and its own name."""

    first: str
    second: str

    def run(self, host: str, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["ip", "netns", "exec", host, *command], capture_output=True, text=True, check=True)

    def ip(self, host: str, *arguments: str) -> None:
        ip("-n", host, *arguments)


@contextmanager
def two_hosts(name: str) -> Iterator[TwoHosts]:
    """The namespaces `NAMEa` and `NAMEb`; skips the test where none can be made."""
    if not shutil.which("ip"):
        pytest.skip("ip (package iproute2) is not installed")
    if os.geteuid() != 0:
        pytest.skip("only root makes network namespaces")
    hosts = TwoHosts(first=f"{name}a", second=f"{name}b")
    made: list[str] = []
    try:
        for host in (hosts.first, hosts.second):
            try:
                ip("netns", "add", host)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"no network namespace can be made here: {error.stderr.strip()}")
            made.append(host)
        pair = (f"v{hosts.first}", f"v{hosts.second}")
        ip("link", "add", pair[0], "netns", hosts.first, "type", "veth", "peer", "name", pair[1], "netns", hosts.second)
        for number, (host, interface) in enumerate(zip(made, pair, strict=True), 1):
            hosts.ip(host, "address", "add", f"10.77.0.{number}/24", "dev", interface)
            hosts.ip(host, "link", "set", interface, "up")
            hosts.ip(host, "link", "set", "lo", "up")
        for host, interface in zip(made, pair, strict=True):
            _wait_until_up(hosts, host, interface)
        yield hosts
    finally:
        for host in made:
            ip("netns", "delete", host)


def _wait_until_up(hosts: TwoHosts, host: str, interface: str) -> None:
    deadline_s = time.monotonic() + 10
    while hosts.run(host, "cat", f"/sys/class/net/{interface}/operstate").stdout.strip() != "up":
        assert time.monotonic() < deadline_s, f"{interface} does not come up"
        time.sleep(0.05)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True)
