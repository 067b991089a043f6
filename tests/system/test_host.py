"""The host's own facts, beside what Linux says of it; and tools that fail, hang or are not there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from submitter.system import host


def tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first on the PATH, so that what lies there is found before the host's own tools."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_the_processor_is_as_lscpu_and_linux_count_it() -> None:
    facts = host.processor()
    lines = Path("/proc/cpuinfo").read_text()
    sockets, cores = int(str(facts["host_processors_per_node"])), int(str(facts["host_processor_core_count"]))
    places = re.findall(r"^physical id\s*: (\d+)$(?s:.*?)^core id\s*: (\d+)$", lines, re.MULTILINE)
    if places:
        assert sockets == len({socket for socket, _ in places})
        assert sockets * cores == len(set(places))
    assert 1 <= sockets * cores <= len(re.findall(r"^processor\s*:", lines, re.MULTILINE))
    if name := re.search(r"^model name\s*: (.+)$", lines, re.MULTILINE):
        assert facts["host_processor_model_name"] == name[1]


def test_memory_storage_and_system_are_linux_own() -> None:
    kilobytes = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1])
    assert host.memory()["host_memory_capacity"] == f"{kilobytes / 2**20:.1f} GiB"
    assert str(host.software("")["operating_system"]) in Path("/etc/os-release").read_text()
    if not any((device / "device").exists() for device in Path("/sys/block").glob("*")):
        kind = subprocess.run(["findmnt", "-no", "FSTYPE", "/"], capture_output=True, text=True, check=True).stdout
        assert host.storage()["host_storage_type"] == f"{kind.strip()} file system"


def test_the_driver_is_part_of_the_software() -> None:
    plain, with_driver = host.software(""), host.software("NVIDIA driver 580.95")
    assert with_driver["other_software_stack"] == f"{plain['other_software_stack']}, NVIDIA driver 580.95"


def test_two_sockets_with_a_maximum_clock(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """lscpu as on a server of two sockets, its rows nested as newer versions have them."""
    rows = [
        {"field": "Model name:", "data": "Big CPU", "children": [{"field": "Socket(s):", "data": "2"}]},
        {"field": "CPU max MHz:", "data": "3700.1953"},
        {"field": "L3 cache:", "data": "768 MiB (24 instances)"},
        {"field": "NUMA:", "data": None},
    ]
    tool(tools, "lscpu", f"echo '{json.dumps({'lscpu': rows})}'")
    monkeypatch.setattr("psutil.cpu_count", lambda logical=True: 256 if logical else 128)
    assert host.processor() == {
        "host_processors_per_node": "2",
        "host_processor_core_count": "64",
        "host_processor_frequency": "3700 MHz (maximum)",
        "host_processor_caches": "L3 768 MiB (24 instances)",
        "host_processor_interconnect": "not shown by the host",
        "host_processor_model_name": "Big CPU",
    }


def test_a_clock_that_changes_is_no_fact(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tools, "lscpu", "exit 1")
    for now, shown in (
        (SimpleNamespace(current=2596.1, min=0.0, max=0.0), "2596 MHz"),
        (SimpleNamespace(current=2596.1, min=800.0, max=3700.0), "not shown by the host"),
        (None, "not shown by the host"),
    ):
        monkeypatch.setattr("psutil.cpu_freq", lambda now=now: now)
        assert host.processor()["host_processor_frequency"] == shown


def test_memory_modules_are_counted(tools: Path) -> None:
    module = "Memory Device\\n\\tSize: 96 GB\\n\\tType: DDR5\\n\\tSpeed: 6400 MT/s\\n"
    tool(tools, "dmidecode", f"printf '{module * 2}'")
    assert host.memory()["host_memory_configuration"] == "2x 96 GB DDR5 6400 MT/s"


@pytest.mark.parametrize(
    "script", ["exit 1", "echo nonsense", "printf '\\377\\376'", "sleep 60", "echo '{\"lscpu\": [3]}'"]
)
def test_a_tool_that_fails_says_nothing_and_stops_nothing(
    script: str, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "TOOL_LIMIT_S", 0.2)
    for name in ("lscpu", "dmidecode"):
        tool(tools, name, script)
    processor = host.processor()
    assert processor["host_processors_per_node"] == "1"
    assert processor["host_processor_caches"] == "not shown by the host"
    assert str(host.memory()["host_memory_configuration"]).endswith("(modules not shown)")
