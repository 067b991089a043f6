"""Reports of nodes as their agents send them: this host's, with the network and the accelerators of a recorded one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from recorded_machines import sysfs

from submitter.cluster import node_report
from submitter.cluster.node_report import NodeReport
from submitter.system import network, rdma
from submitter.system.accelerator import Accelerator, AcceleratorState

GIB = 2**30


def eight_h100(folder: Path, **changes: Any) -> NodeReport:
    """A healthy node with eight H100 and eight ConnectX-7, without addresses; `changes` replaces fields."""
    machine = sysfs("8xH100", folder)
    device = Accelerator(name="NVIDIA H100 80GB HBM3", uuid=None, memory_bytes=80 * GIB, clock_mhz=1980)
    state = AcceleratorState(
        memory_bytes=80 * GIB,
        used_memory_bytes=2**20,
        clock_mhz=345,
        best_clock_mhz=1980,
        power_limit_w=700.0,
        has_ecc=True,
        uncorrected_errors=0,
        pcie_lanes=16,
        best_pcie_lanes=16,
    )
    healthy = {
        "memory_bytes": 2048 * GIB,
        "available_memory_bytes": 2000 * GIB,
        "driver": "NVIDIA driver 565.57.01",
        "accelerators": tuple(replace(device, numa_node=number // 4) for number in range(8)),
        "states": (state,) * 8,
        "interfaces": tuple(network.interfaces(machine)),
        "rdma": tuple(rdma.devices(machine)),
        "numa_nodes": {0: "0-103", 1: "104-207"},
        "tools": (),
    }
    return node_report.collect().model_copy(update={**healthy, **changes})
