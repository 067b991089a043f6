"""The facts of the host that decide whether a run works, or how fast it is."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from submitter.packages import AMD, DRIVER_FILES, install_command
from submitter.system import accelerators
from submitter.system.host import text_of
from submitter.units import BYTES_PER_GB, BYTES_PER_GIB

_SHARED_MEMORY = Path("/dev/shm")
# vLLM's processes exchange tensors there; a container has 64 MB of it unless it is told otherwise.
_SHARED_MEMORY_LEAST_BYTES = 1 << 30
_OPEN_FILES_LEAST = 1024
_CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A fact and, if it is in the way of a run, the problem and what to do."""

    name: str
    value: str
    problem: str = ""
    hint: str = ""


def machine_facts() -> Iterator[Fact]:
    """In the order in which they are shown."""
    yield Fact(name="Python", value=f"{platform.python_version()}, {sys.executable}")
    where = "in a container" if _is_container() else "not in a container"
    yield Fact(name="system", value=f"{platform.system()} {platform.release()} {platform.machine()}, {where}")
    yield _processor()
    yield _accelerators()
    yield _memory()
    yield _shared_memory()
    yield _open_files()
    yield Fact(name="disk", value=f"{shutil.disk_usage('.').free / BYTES_PER_GB:.0f} GB free in {Path.cwd()}")
    yield from _tools()


def _processor() -> Fact:
    text = text_of(Path("/proc/cpuinfo"))
    flags = set(next((line for line in text.splitlines() if line.startswith("flags")), "").split())
    found = [flag for flag in _CPU_FLAGS if flag in flags]
    value = f"{len(os.sched_getaffinity(0))} cores for this process; {', '.join(found) or 'no AVX2'}"
    if {"avx512_bf16", "amx_bf16"} & flags or any(file.exists() for file in DRIVER_FILES.values()):
        return Fact(name="processor", value=value)
    return Fact(
        name="processor",
        value=value,
        problem="vLLM on the CPU needs AVX-512 with bf16, or AMX, for FP8 weights",
        hint="use another machine for runs; everything else works here",
    )


def _accelerators() -> Fact:
    found = accelerators.detect()
    if found is None:
        vendors = [vendor for vendor, file in DRIVER_FILES.items() if file.exists()]
        hint = install_command(AMD) if vendors == ["AMD"] else "look at what nvidia-smi reports"
        return Fact(name="accelerators", value="not known", problem="the driver does not answer", hint=hint)
    if not found.devices:
        return Fact(name="accelerators", value="none")
    names = found.names or ["without a name"]
    return Fact(name="accelerators", value=f"{len(found.devices)}, {names[0]}; {found.software}")


def _memory() -> Fact:
    import psutil

    memory = psutil.virtual_memory()
    return Fact(
        name="memory",
        value=f"{memory.available / BYTES_PER_GIB:.0f} of {memory.total / BYTES_PER_GIB:.0f} GiB available",
    )


def _shared_memory() -> Fact:
    try:
        free = shutil.disk_usage(_SHARED_MEMORY).free
    except OSError:
        free = 0
    value = f"{free / BYTES_PER_GIB:.2g} GiB free in {_SHARED_MEMORY}"
    if free >= _SHARED_MEMORY_LEAST_BYTES:
        return Fact(name="shared memory", value=value)
    return Fact(
        name="shared memory",
        value=value,
        problem="vLLM's processes exchange data there, and need 1 GiB or more",
        hint="docker run --ipc=host, or --shm-size 16g",
    )


def _open_files() -> Fact:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    value = f"{soft} at once, can be raised to {'any number' if hard == resource.RLIM_INFINITY else hard}"
    if soft == resource.RLIM_INFINITY or soft >= _OPEN_FILES_LEAST:
        return Fact(name="open files", value=value)
    hint = f"ulimit -n {_OPEN_FILES_LEAST}"
    return Fact(name="open files", value=value, problem="an engine of several processes needs more", hint=hint)


def _tools() -> Iterator[Fact]:
    nodes = len(list(Path("/sys/devices/system/node").glob("node[0-9]*"))) or 1
    numactl = shutil.which("numactl") or ""
    yield Fact(
        name="NUMA",
        value=f"{nodes} {'node' if nodes == 1 else 'nodes'}; {numactl or 'numactl is not installed'}",
        problem="numa_bind of engine.toml needs numactl" if nodes > 1 and not numactl else "",
        hint="install the package numactl of your distribution" if nodes > 1 and not numactl else "",
    )
    found = [name for name in ("git", "lscpu", "dmidecode") if shutil.which(name)]
    yield Fact(name="tools", value=", ".join(found) or "none of git, lscpu, dmidecode")


def _is_container() -> bool:
    return any(Path(path).exists() for path in ("/.dockerenv", "/run/.containerenv")) or "container" in os.environ
