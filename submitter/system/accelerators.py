"""The host's accelerators: found by their driver's library or tool, and described in the published fields."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread

from submitter.packages import DRIVER_FILES
from submitter.system import amd, nvidia
from submitter.system.accelerator import Accelerators, AcceleratorState
from submitter.system.known import known_accelerator
from submitter.system.wording import NONE, NOT_SHOWN, counted
from submitter.units import BYTES_PER_GIB

LIMIT_S = 15  # a driver may take seconds to start; one that hangs must not block us
_DRIVER_FILES = tuple(DRIVER_FILES.values())  # in the order of `detect`
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


def detect() -> Accelerators | None:
    """NVIDIA's accelerators, else AMD's; no devices if there are none.

    None if a driver exists but neither its library nor its tool answers: then nothing is known.
    """
    unknown = False
    for driver_file, vendor in zip(_DRIVER_FILES, (nvidia, amd), strict=True):
        found = _in_time(vendor.from_library)
        if found is None or not found.devices:
            found = vendor.from_tool() or found
        if found is not None and found.devices:
            return found
        unknown = unknown or (found is None and Path(driver_file).exists())
    return None if unknown else Accelerators()


def states() -> list[AcceleratorState]:
    """What each accelerator does now, in the order of `detect`; none if its driver's tool is not installed."""
    return nvidia.states() or amd.states()


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
    known = known_accelerator(first.name or "")
    if known:
        facts["accelerator_memory_configuration"] = known.memory
    if first.memory_bytes:
        facts["accelerator_memory_capacity"] = f"{first.memory_bytes / BYTES_PER_GIB:.0f} GiB"
    if first.pcie_generation and first.pcie_lanes:
        facts["accelerator_host_interconnect"] = f"PCIe Gen{first.pcie_generation} x{first.pcie_lanes}"
    if len(found.devices) == 1:
        alone = f"{NONE} (one accelerator)"
        return {**facts, "accelerator_interconnect": alone, "accelerator_interconnect_topology": alone}
    facts["accelerator_interconnect_topology"] = NOT_SHOWN
    if links := found.links or (known.interconnect if known else ""):
        facts["accelerator_interconnect"] = links
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
