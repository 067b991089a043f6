"""NVIDIA's accelerators, as NVML reports them or, where its library is missing or fails, as nvidia-smi prints them.

Source: NVIDIA's NVML API reference; `nvidia-smi --help-query-gpu`.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection
from functools import partial
from itertools import combinations
from typing import Any

from submitter.system.accelerator import Accelerator, Accelerators, AcceleratorState, answer, whole_number
from submitter.system.host import numa_node_of, tool
from submitter.units import BYTES_PER_MIB

_DRIVER = "NVIDIA"
_SWITCH = "switch"
_COLUMNS = (
    "name",
    "uuid",
    "memory.total",
    "clocks.max.sm",
    "pcie.link.gen.max",
    "pcie.link.width.max",
    "driver_version",
)
# Every driver knows these names; a driver that does not know one would refuse the whole query.
_STATE_COLUMNS = (
    "uuid",
    "memory.total",
    "memory.used",
    "clocks.sm",
    "clocks.max.sm",
    "power.limit",
    "ecc.mode.current",
    "ecc.errors.uncorrected.volatile.total",
    "clocks_throttle_reasons.active",
    "pcie.link.width.current",
    "pcie.link.width.max",
)
# The bits of NVML's nvmlClocksEventReason* that mean trouble. The others are idleness and settings.
_SLOWDOWNS = {0x8: "hardware slowdown", 0x20: "too hot", 0x40: "too hot (hardware)", 0x80: "power brake"}
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")  # nvidia-smi underlines the heading also in a file


def from_library() -> Accelerators:
    """What NVML reports. It, or its import, raises many types of errors where there is no driver."""
    import pynvml as nvml

    nvml.nvmlInit()
    try:
        query = partial(answer, nvml.NVMLError)
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        return Accelerators(
            devices=tuple(
                Accelerator(
                    name=query(nvml.nvmlDeviceGetName, handle),
                    uuid=query(nvml.nvmlDeviceGetUUID, handle),
                    memory_bytes=getattr(query(nvml.nvmlDeviceGetMemoryInfo, handle), "total", None),
                    clock_mhz=query(nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_SM),
                    pcie_generation=query(nvml.nvmlDeviceGetMaxPcieLinkGeneration, handle),
                    pcie_lanes=query(nvml.nvmlDeviceGetMaxPcieLinkWidth, handle),
                    numa_node=_numa_node(nvml.nvmlDeviceGetPciInfo(handle)),
                )
                for handle in handles
            ),
            driver=_DRIVER,
            driver_version=query(nvml.nvmlSystemGetDriverVersion) or "",
            links=_links(nvml, handles),
        )
    finally:
        nvml.nvmlShutdown()


def from_tool() -> Accelerators | None:
    """What nvidia-smi prints; None if it is not installed, fails, or prints something else."""
    cells = _rows("--query-gpu=", _COLUMNS)
    if not cells:
        return None
    links, numa_nodes = _topology(tool("nvidia-smi", "topo", "-m"))
    return Accelerators(
        devices=tuple(
            Accelerator(
                name=_known(cell["name"]),
                uuid=_known(cell["uuid"]),
                memory_bytes=_mib(cell["memory.total"]),
                clock_mhz=whole_number(cell["clocks.max.sm"]),
                pcie_generation=whole_number(cell["pcie.link.gen.max"]),
                pcie_lanes=whole_number(cell["pcie.link.width.max"]),
                numa_node=numa_nodes.get(index),
            )
            for index, cell in enumerate(cells)
        ),
        driver=_DRIVER,
        driver_version=_known(cells[0]["driver_version"]) or "",
        links=links,
    )


def states() -> list[AcceleratorState]:
    """What each device does now, as nvidia-smi prints it; none if it is not installed, or prints something else."""
    cells = _rows("--query-gpu=", _STATE_COLUMNS)
    processes: dict[str, list[str]] = {}
    for app in _rows("--query-compute-apps=", ("gpu_uuid", "pid", "process_name")):
        processes.setdefault(app["gpu_uuid"], []).append(f"{app['pid']} {app['process_name']}")
    return [
        AcceleratorState(
            memory_bytes=_mib(cell["memory.total"]),
            used_memory_bytes=_mib(cell["memory.used"]),
            clock_mhz=whole_number(cell["clocks.sm"]),
            best_clock_mhz=whole_number(cell["clocks.max.sm"]),
            power_limit_w=float(cell["power.limit"]) if re.fullmatch(r"\d+(\.\d+)?", cell["power.limit"]) else None,
            has_ecc={"Enabled": True, "Disabled": False}.get(cell["ecc.mode.current"]),
            uncorrected_errors=whole_number(cell["ecc.errors.uncorrected.volatile.total"]),
            slowdowns=_slowdowns(cell["clocks_throttle_reasons.active"]),
            pcie_lanes=whole_number(cell["pcie.link.width.current"]),
            best_pcie_lanes=whole_number(cell["pcie.link.width.max"]),
            processes=tuple(processes.get(cell["uuid"], ())),
        )
        for cell in cells
    ]


def _rows(query: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows that nvidia-smi prints for a query, by column; none if any has another form."""
    output = tool("nvidia-smi", f"{query}{','.join(columns)}", "--format=csv,noheader,nounits")
    rows = [[cell.strip() for cell in row] for row in csv.reader(output.splitlines()) if row]
    if any(len(row) != len(columns) for row in rows):
        return []
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _mib(text: str) -> int | None:
    mib = whole_number(text)
    return None if mib is None else mib * BYTES_PER_MIB


def _slowdowns(text: str) -> tuple[str, ...]:
    """The troubles in a mask such as 0x0000000000000001."""
    mask = int(text, 16) if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", text) else 0
    return tuple(name for bit, name in _SLOWDOWNS.items() if mask & bit)


def _topology(output: str) -> tuple[str, dict[int, int]]:
    """The links of `nvidia-smi topo -m`, and the NUMA node of each device by its number.

    A row has the path to each device and network card, then the CPU cores and the NUMA node that are near.
    """
    rows = [line.split() for line in _ESCAPE.sub("", output).splitlines()]
    heading = next((row for row in rows if row[:1] == ["GPU0"] and "Affinity" in row), [])
    ends = heading[: heading.index("CPU")] if "CPU" in heading else []
    device_count = sum(bool(re.fullmatch(r"GPU\d+", end)) for end in ends)
    numa_nodes: dict[int, int] = {}
    found: set[str] = set()
    for row in rows:
        number = re.fullmatch(r"GPU(\d+)", row[0]) if row else None
        if number is None or row is heading:
            continue
        found |= set(row[1 : 1 + device_count]) - {"X"}
        near = row[1 + len(ends) :]
        if len(near) > 1 and (node := whole_number(near[1])) is not None:
            numa_nodes[int(number[1])] = node
    nvlinks = {path for path in found if re.fullmatch(r"NV\d+", path)}
    return _described(nvlinks, found - nvlinks), numa_nodes


def _described(nvlinks: Collection[str], paths: Collection[str]) -> str:
    """How pairs of devices are connected, in terms of `nvidia-smi topo -m`: NVLink if any pair has it, else PCIe."""
    if nvlinks:
        return f"NVLink ({', '.join(sorted(nvlinks))})"
    return f"PCIe ({', '.join(sorted(paths))})" if paths else ""


def _known(text: str) -> str | None:
    """None for `[N/A]` and the like, which nvidia-smi prints for what it does not know."""
    return None if not text or text.startswith("[") else text


def _links(nvml: Any, handles: list[Any]) -> str:
    path_names = {
        nvml.NVML_TOPOLOGY_SINGLE: "PIX",
        nvml.NVML_TOPOLOGY_MULTIPLE: "PXB",
        nvml.NVML_TOPOLOGY_HOSTBRIDGE: "PHB",
        nvml.NVML_TOPOLOGY_NODE: "NODE",
        nvml.NVML_TOPOLOGY_SYSTEM: "SYS",
    }
    addresses = [_address(nvml.nvmlDeviceGetPciInfo(handle)) for handle in handles]
    ends = [_nvlink_ends(nvml, handle) for handle in handles]
    nvlinks: set[str] = set()
    paths: set[str] = set()
    for one, other in combinations(range(len(handles)), 2):
        if count := ends[one][addresses[other]] + min(ends[one][_SWITCH], ends[other][_SWITCH]):
            nvlinks.add(f"NV{count}")
        level = answer(nvml.NVMLError, nvml.nvmlDeviceGetTopologyCommonAncestor, handles[one], handles[other])
        if level in path_names:
            paths.add(path_names[level])
    return _described(nvlinks, paths)


def _nvlink_ends(nvml: Any, handle: Any) -> Counter[Any]:
    """The number of a device's NVLinks to each other device, by its address, and to a switch."""
    query = partial(answer, nvml.NVMLError)
    ends: Counter[Any] = Counter()
    for link in range(nvml.NVML_NVLINK_MAX_LINKS):
        if query(nvml.nvmlDeviceGetNvLinkState, handle, link) != nvml.NVML_FEATURE_ENABLED:
            continue
        if query(nvml.nvmlDeviceGetNvLinkRemoteDeviceType, handle, link) == nvml.NVML_NVLINK_DEVICE_TYPE_SWITCH:
            ends[_SWITCH] += 1
        elif (remote := query(nvml.nvmlDeviceGetNvLinkRemotePciInfo, handle, link)) is not None:
            ends[_address(remote)] += 1
    return ends


def _numa_node(pci: Any) -> int | None:
    return numa_node_of(f"{pci.domain:04x}:{pci.bus:02x}:{pci.device:02x}.0")


def _address(pci: Any) -> tuple[int, int, int]:
    return pci.domain, pci.bus, pci.device
