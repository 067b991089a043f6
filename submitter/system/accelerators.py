"""The host's accelerators, as reported by the library of their driver: NVML for NVIDIA's, amdsmi for AMD's.

Source: NVIDIA's NVML API reference; AMD's AMD SMI Python API reference. Only those parts of amdsmi are used that have
not changed since ROCm 6.2. Its numbers for types of links and of memory have, so a person must state these two facts.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from threading import Thread
from typing import Any

from submitter.packages import DRIVER_FILES
from submitter.system.wording import NONE, NOT_SHOWN, counted
from submitter.units import BYTES_PER_GIB

LIMIT_S = 15  # a driver may take seconds to start; one that hangs must not block us
_DRIVER_FILES = tuple(DRIVER_FILES.values())  # in the order of `detect`
_SWITCH = "switch"
_FIELDS = (
    "accelerator_model_name",
    "accelerator_memory_capacity",
    "accelerator_frequency",
    "accelerator_host_interconnect",
    "accelerator_interconnect",
    "accelerator_interconnect_topology",
    "accelerator_memory_configuration",
    "accelerator_on-chip_memories",
)


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """One device; None for facts that its driver does not report. `clock_mhz` is the maximum of its compute cores."""

    name: str | None
    uuid: str | None
    memory_bytes: int | None
    clock_mhz: int | None
    pcie_generation: int | None
    pcie_lanes: int | None


@dataclass(frozen=True, kw_only=True)
class Accelerators:
    """The devices of one vendor. `links` describes how they are connected; empty if the driver does not report it."""

    devices: tuple[Accelerator, ...] = ()
    driver: str = ""
    driver_version: str = ""
    links: str = ""

    @property
    def names(self) -> list[str]:
        return [device.name for device in self.devices if device.name]

    @property
    def software(self) -> str:
        """The driver's entry in the software stack; empty if there is no driver or its version is not known."""
        return f"{self.driver} driver {self.driver_version}" if self.driver_version else ""


def detect() -> Accelerators | None:
    """NVIDIA's accelerators, else AMD's; no devices if there are none.

    None if a driver exists but does not answer, or its library is not installed: then nothing is known.
    """
    unknown = False
    for driver_file, find in zip(_DRIVER_FILES, (_nvidia, _amd), strict=True):
        found = _in_time(find)
        if found is not None and found.devices:
            return found
        unknown = unknown or (found is None and Path(driver_file).exists())
    return None if unknown else Accelerators()


def fields(found: Accelerators | None) -> dict[str, object]:
    """The published fields of what `detect` found; facts that are not known are left out."""
    if found is None:
        return {}
    if not found.devices:
        return {"accelerators_per_node": "0", **dict.fromkeys(_FIELDS, NONE)}
    first = found.devices[0]
    facts: dict[str, object] = {
        "accelerators_per_node": str(len(found.devices)),
        "accelerator_frequency": f"{first.clock_mhz} MHz (maximum)" if first.clock_mhz else NOT_SHOWN,
        "accelerator_on-chip_memories": NOT_SHOWN,
    }
    if names := found.names:
        facts["accelerator_model_name"] = counted(names) if len(set(names)) > 1 else names[0]
    if first.memory_bytes:
        facts["accelerator_memory_capacity"] = f"{first.memory_bytes / BYTES_PER_GIB:.0f} GiB"
    if first.pcie_generation and first.pcie_lanes:
        facts["accelerator_host_interconnect"] = f"PCIe Gen{first.pcie_generation} x{first.pcie_lanes}"
    if len(found.devices) == 1:
        alone = f"{NONE} (one accelerator)"
        return {**facts, "accelerator_interconnect": alone, "accelerator_interconnect_topology": alone}
    facts["accelerator_interconnect_topology"] = NOT_SHOWN
    if found.links:
        facts["accelerator_interconnect"] = found.links
    return facts


def _in_time(find: Callable[[], Accelerators]) -> Accelerators | None:
    """What `find` returns; None if it fails, or has not returned after LIMIT_S."""
    results: list[Accelerators] = []

    def run() -> None:
        # Without a driver or with a wrong version the libraries raise many types, amdsmi already at its import.
        with suppress(Exception):
            results.append(find())

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(LIMIT_S)
    return results[0] if results else None


def _query(error: type[Exception], call: Callable[..., Any], *arguments: object) -> Any:
    """The result of one call of a driver's library; None if it raises `error`, because not all devices support it."""
    try:
        return call(*arguments)
    except error:
        return None


def _nvidia() -> Accelerators:
    import pynvml as nvml

    nvml.nvmlInit()
    try:
        query = partial(_query, nvml.NVMLError)
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
                )
                for handle in handles
            ),
            driver="NVIDIA",
            driver_version=query(nvml.nvmlSystemGetDriverVersion) or "",
            links=_nvidia_links(nvml, handles),
        )
    finally:
        nvml.nvmlShutdown()


def _nvidia_links(nvml: Any, handles: list[Any]) -> str:
    """How pairs of devices are connected, in terms of `nvidia-smi topo -m`: NVLink if any pair has it, else PCIe."""
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
        level = _query(nvml.NVMLError, nvml.nvmlDeviceGetTopologyCommonAncestor, handles[one], handles[other])
        if level in path_names:
            paths.add(path_names[level])
    if nvlinks:
        return f"NVLink ({', '.join(sorted(nvlinks))})"
    return f"PCIe ({', '.join(sorted(paths))})" if paths else ""


def _nvlink_ends(nvml: Any, handle: Any) -> Counter[Any]:
    """The number of a device's NVLinks to each other device, by its address, and to a switch."""
    query = partial(_query, nvml.NVMLError)
    ends: Counter[Any] = Counter()
    for link in range(nvml.NVML_NVLINK_MAX_LINKS):
        if query(nvml.nvmlDeviceGetNvLinkState, handle, link) != nvml.NVML_FEATURE_ENABLED:
            continue
        if query(nvml.nvmlDeviceGetNvLinkRemoteDeviceType, handle, link) == nvml.NVML_NVLINK_DEVICE_TYPE_SWITCH:
            ends[_SWITCH] += 1
        elif (remote := query(nvml.nvmlDeviceGetNvLinkRemotePciInfo, handle, link)) is not None:
            ends[_address(remote)] += 1
    return ends


def _address(pci: Any) -> tuple[int, int, int]:
    return pci.domain, pci.bus, pci.device


def _amd() -> Accelerators:
    with redirect_stdout(io.StringIO()):  # amdsmi prints to stdout if its library is missing
        import amdsmi

    amdsmi.amdsmi_init()
    try:
        handles = amdsmi.amdsmi_get_processor_handles()
        driver = _query(amdsmi.AmdSmiException, amdsmi.amdsmi_get_gpu_driver_info, *handles[:1]) if handles else None
        return Accelerators(
            devices=tuple(_amd_device(amdsmi, handle) for handle in handles),
            driver="AMD",
            driver_version=_text((driver or {}).get("driver_version")) or "",
        )
    finally:
        amdsmi.amdsmi_shut_down()


def _amd_device(amdsmi: Any, handle: Any) -> Accelerator:
    query = partial(_query, amdsmi.AmdSmiException)
    clock = query(amdsmi.amdsmi_get_clock_info, handle, amdsmi.AmdSmiClkType.GFX) or {}
    pcie = (query(amdsmi.amdsmi_get_pcie_info, handle) or {}).get("pcie_static", {})
    return Accelerator(
        name=_text((query(amdsmi.amdsmi_get_gpu_asic_info, handle) or {}).get("market_name")),
        uuid=_text(query(amdsmi.amdsmi_get_gpu_device_uuid, handle)),
        memory_bytes=_number(query(amdsmi.amdsmi_get_gpu_memory_total, handle, amdsmi.AmdSmiMemoryType.VRAM)),
        clock_mhz=_number(clock.get("max_clk")),
        pcie_generation=_number(pcie.get("pcie_interface_version")),
        pcie_lanes=_number(pcie.get("max_pcie_width")),
    )


def _text(value: object) -> str | None:
    """None for an unknown fact, for which amdsmi returns "N/A" or an empty text."""
    return value if isinstance(value, str) and value not in ("", "N/A") else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
