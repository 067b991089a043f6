"""AMD's accelerators, as amdsmi reports them or, where that Python library is missing or fails, as amd-smi or rocm-smi
print them.

Source: AMD's AMD SMI Python API and CLI references. Only those parts of amdsmi are used that have not changed since
ROCm 6.2; its numbers for types of links and of memory have.
"""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout
from functools import partial
from typing import Any

from submitter.system.accelerator import Accelerator, Accelerators, AcceleratorState, answer, whole_number
from submitter.system.host import numa_node_of, tool
from submitter.units import BYTES_PER_GIB, BYTES_PER_MIB

_DRIVER = "AMD"
_BYTES_PER_UNIT = {"B": 1, "MB": BYTES_PER_MIB, "GB": BYTES_PER_GIB}  # amd-smi means 2^20 and 2^30


def from_library() -> Accelerators:
    """What amdsmi reports. It, or its import, raises many types of errors where there is no driver."""
    with redirect_stdout(io.StringIO()):  # amdsmi prints to stdout if its library is missing
        import amdsmi

    amdsmi.amdsmi_init()
    try:
        handles = amdsmi.amdsmi_get_processor_handles()
        driver = answer(amdsmi.AmdSmiException, amdsmi.amdsmi_get_gpu_driver_info, *handles[:1]) if handles else None
        return Accelerators(
            devices=tuple(_device(amdsmi, handle) for handle in handles),
            driver=_DRIVER,
            driver_version=_text((driver or {}).get("driver_version")) or "",
        )
    finally:
        amdsmi.amdsmi_shut_down()


def from_tool() -> Accelerators | None:
    """What amd-smi prints or, on older installations, rocm-smi; None if neither is installed and works."""
    for read in (_amd_smi, _rocm_smi):
        try:
            found = read()
        except (ValueError, LookupError, TypeError, AttributeError):  # another form than the known ones
            continue
        if found.devices:
            return found
    return None


def states() -> list[AcceleratorState]:
    """What each device does now, as amd-smi prints it; none if it is not installed, or prints something else."""
    try:
        entries = _entries("metric")
        listed = _entries("process") if entries else []
        processes = {entry["gpu"]: entry["process_list"] for entry in listed}
        return [_state(entry, processes.get(entry["gpu"], ())) for entry in entries]
    except (ValueError, LookupError, TypeError, AttributeError):  # another form than the known ones
        return []


def _entries(command: str) -> list[dict[str, Any]]:
    """The entries of the devices that `amd-smi COMMAND --json` prints; since ROCm 7 they are below `gpu_data`."""
    output = tool("amd-smi", command, "--json")
    content = json.loads(output) if output else []
    entries: list[dict[str, Any]] = content["gpu_data"] if isinstance(content, dict) else content
    return entries


def _state(entry: dict[str, Any], processes: Any) -> AcceleratorState:
    memory, clock, ecc = entry["mem_usage"], entry["clock"].get("gfx_0", {}), entry.get("ecc", {})
    throttle = str(entry.get("power", {}).get("throttle_status", ""))
    running = [each["process_info"] for each in processes if isinstance(each, dict)]
    uncorrected = whole_number(ecc.get("total_uncorrectable_count"))
    return AcceleratorState(
        memory_bytes=_size(memory["total_vram"]),
        used_memory_bytes=_size(memory["used_vram"]),
        clock_mhz=_value(clock.get("clk")),
        best_clock_mhz=_value(clock.get("max_clk")),
        power_limit_w=None,
        has_ecc=None if uncorrected is None else True,
        uncorrected_errors=uncorrected,
        slowdowns=(throttle.lower(),) if throttle not in ("", "N/A", "UNTHROTTLED") else (),
        pcie_lanes=whole_number(entry.get("pcie", {}).get("width")),
        processes=tuple(f"{info['pid']} {info['name']}" for info in running if isinstance(info, dict)),
    )


def _value(quantity: Any) -> int | None:
    """165 from `{"value": 165, "unit": "MHz"}`; None for N/A."""
    return whole_number(quantity["value"]) if isinstance(quantity, dict) else None


def _amd_smi() -> Accelerators:
    entries = _entries("static")
    driver = entries[0].get("driver", {})
    return Accelerators(
        devices=tuple(
            Accelerator(
                name=_text(entry["asic"]["market_name"]),
                uuid=_text(entry["asic"].get("asic_serial")),
                memory_bytes=_bytes(entry.get("vram", {})),
                pcie_generation=_last_number(entry["bus"].get("pcie_interface_version")),
                pcie_lanes=whole_number(entry["bus"].get("max_pcie_width")),
                numa_node=_numa_node(entry),
            )
            for entry in entries
        ),
        driver=_DRIVER,
        driver_version=_text(driver.get("version") or driver.get("driver_version")) or "",
    )


def _rocm_smi() -> Accelerators:
    """`rocm-smi --json`: an entry `card<n>` for each device, and `system`. Warnings may precede it."""
    arguments = "--showproductname --showmeminfo vram --showuniqueid --showdriverversion --showtoponuma --json"
    output = tool("rocm-smi", *arguments.split())
    content = json.loads(output[output.index("{") :])
    # The spelling of keys changed: "Card series" before ROCm 6, "Card Series" since then.
    cards = [
        {key.lower(): value for key, value in card.items()}
        for name, card in content.items()
        if re.fullmatch(r"card\d+", name)
    ]
    return Accelerators(
        devices=tuple(
            Accelerator(
                name=_text(card.get("card series")),
                uuid=_text(card.get("unique id")),
                memory_bytes=whole_number(card.get("vram total memory (b)")),
                numa_node=whole_number(card.get("(topology) numa node")),
            )
            for card in cards
        ),
        driver=_DRIVER,
        driver_version=_text(content.get("system", {}).get("Driver version")) or "",
    )


def _device(amdsmi: Any, handle: Any) -> Accelerator:
    query = partial(answer, amdsmi.AmdSmiException)
    clock = query(amdsmi.amdsmi_get_clock_info, handle, amdsmi.AmdSmiClkType.GFX) or {}
    pcie = (query(amdsmi.amdsmi_get_pcie_info, handle) or {}).get("pcie_static", {})
    return Accelerator(
        name=_text((query(amdsmi.amdsmi_get_gpu_asic_info, handle) or {}).get("market_name")),
        uuid=_text(query(amdsmi.amdsmi_get_gpu_device_uuid, handle)),
        memory_bytes=_number(query(amdsmi.amdsmi_get_gpu_memory_total, handle, amdsmi.AmdSmiMemoryType.VRAM)),
        clock_mhz=_number(clock.get("max_clk")),
        pcie_generation=_number(pcie.get("pcie_interface_version")),
        pcie_lanes=_number(pcie.get("max_pcie_width")),
        numa_node=numa_node_of(str(query(amdsmi.amdsmi_get_gpu_device_bdf, handle))),
    )


def _bytes(vram: dict[str, Any]) -> int | None:
    return _size(vram.get("size") or vram.get("vram_size") or {})


def _size(size: dict[str, Any]) -> int | None:
    value = whole_number(size.get("value"))
    return None if value is None else value * _BYTES_PER_UNIT[size["unit"]]


def _numa_node(entry: dict[str, Any]) -> int | None:
    node = whole_number(entry.get("numa", {}).get("node"))
    return numa_node_of(str(entry["bus"].get("bdf"))) if node is None else node


def _last_number(value: object) -> int | None:
    """5 from `Gen 5`."""
    return whole_number(str(value).rpartition(" ")[2])


def _text(value: object) -> str | None:
    """None for an unknown fact, for which amdsmi returns "N/A" or an empty text."""
    return value if isinstance(value, str) and value not in ("", "N/A") else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
