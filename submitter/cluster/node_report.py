"""What a node is and has: facts of its host as one record, which its agent sends and the driver compares."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import model_validator

from submitter import packages
from submitter.cluster.protocol import MAX_INTEGER
from submitter.strict_record import StrictRecord
from submitter.system import accelerators, host, network, rdma
from submitter.system.accelerator import Accelerator, Accelerators, AcceleratorState
from submitter.system.network import Interface
from submitter.system.rdma import RdmaDevice
from submitter.version import VERSION

TOOLS = ("iperf3", "ib_write_bw", "ib_write_lat", "all_reduce_perf")
"""The tools that measure a network, if they are there."""
_PACKAGES = ("vllm", "torch", "mlcommons-loadgen")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


class NodeReport(StrictRecord):
    """The facts of a node; empty or None for what it does not show."""

    submitter: str
    host: str
    kernel: str
    python: str
    packages: dict[str, str]
    """The versions of the engine, torch and LoadGen; without those that are not installed."""
    processor: str
    numa_nodes: dict[int, str]
    """The CPU cores of each NUMA node, such as 0-55."""
    governor: str
    huge_pages: str
    """The setting of transparent huge pages."""
    memory_bytes: int
    available_memory_bytes: int
    free_disk_bytes: int
    """In the folder where the agent was started."""
    driver: str
    """Of the accelerators, such as NVIDIA driver 565.57.01."""
    accelerators: tuple[Accelerator, ...]
    states: tuple[AcceleratorState, ...]
    """What each accelerator does now, in the same order; empty if the driver's tool is not installed."""
    interfaces: tuple[Interface, ...]
    rdma: tuple[RdmaDevice, ...]
    tools: tuple[str, ...]
    """Those of `TOOLS` that are installed."""

    @model_validator(mode="before")
    @classmethod
    def _has_sane_numbers(cls, content: Any) -> Any:
        """A node may send anything: whoever calculates with its numbers shall not have to think of that."""
        if not all(map(_is_sane, _numbers_in(content))):
            raise ValueError("a number is out of range")
        return content


def collect() -> NodeReport:
    """The report of this host."""
    import psutil

    memory = psutil.virtual_memory()
    found = accelerators.detect() or Accelerators()
    return NodeReport(
        submitter=VERSION,
        host=socket.gethostname(),
        kernel=platform.release(),
        python=platform.python_version(),
        packages={name: version for name in _PACKAGES if (version := packages.version_of(name))},
        processor=str(host.processor().get("host_processor_model_name", "")),
        numa_nodes=host.numa_nodes(),
        governor=host.text_of(_GOVERNOR),
        huge_pages=_chosen(host.text_of(_HUGE_PAGES)),
        memory_bytes=memory.total,
        available_memory_bytes=memory.available,
        free_disk_bytes=shutil.disk_usage(os.curdir).free,
        driver=found.software,
        accelerators=found.devices,
        states=tuple(accelerators.states()),
        interfaces=tuple(network.interfaces()),
        rdma=tuple(rdma.devices()),
        tools=tuple(name for name in TOOLS if shutil.which(name)),
    )


def _chosen(setting: str) -> str:
    """`madvise` from `always [madvise] never`."""
    return setting.partition("[")[2].partition("]")[0]


def _numbers_in(content: Any) -> Iterator[int | float]:
    if isinstance(content, int | float):
        yield content
    elif isinstance(content, dict | list):
        for each in content.values() if isinstance(content, dict) else content:
            yield from _numbers_in(each)


def _is_sane(number: float) -> bool:
    return abs(number) <= MAX_INTEGER  # false for NaN, too
