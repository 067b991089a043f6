"""The facts of this host, and what is reported where one is in the way."""

from __future__ import annotations

import resource
import shutil
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from submitter.doctor import machine
from submitter.system import accelerators
from submitter.system.accelerator import Accelerator, Accelerators

PLAIN = Accelerator(name="X100", uuid=None, memory_bytes=None, clock_mhz=None, pcie_generation=None, pcie_lanes=None)


def test_the_facts_are_this_hosts() -> None:
    facts = {fact.name: fact for fact in machine.machine_facts()}
    assert list(facts) == [
        "Python",
        "system",
        "processor",
        "accelerators",
        "memory",
        "shared memory",
        "open files",
        "disk",
        "NUMA",
        "tools",
    ]
    assert f"of {psutil.virtual_memory().total / 2**30:.0f} GiB" in facts["memory"].value
    assert str(Path.cwd()) in facts["disk"].value
    assert all(bool(fact.problem) == bool(fact.hint) for fact in facts.values())


@pytest.mark.parametrize(
    ("flags", "drivers", "is_enough"),
    [
        ("avx2 avx512f avx512_bf16", False, True),
        ("avx2 amx_bf16", False, True),
        ("avx2 avx512f", False, False),
        ("avx2", True, True),
    ],
)
def test_what_the_processor_must_have_for_vllm_on_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str, drivers: bool, is_enough: bool
) -> None:
    monkeypatch.setattr(machine, "text_of", lambda path: f"model name : X\nflags\t\t: fpu {flags}\n")
    device = tmp_path / "nvidiactl"
    monkeypatch.setattr(machine, "DRIVER_FILES", {"NVIDIA": device})
    if drivers:
        device.touch()
    fact = machine._processor()
    assert (fact.problem == "") is is_enough
    assert flags.split()[-1] in fact.value


def test_little_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=64 << 20))
    fact = machine._shared_memory()
    assert "0.062 GiB" in fact.value
    assert "--ipc=host" in fact.hint


def test_no_shared_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_SHARED_MEMORY", tmp_path / "absent")
    assert machine._shared_memory().problem


@pytest.mark.parametrize(("limits", "is_enough"), [((256, 4096), False), ((1024, 1024), True), ((-1, -1), True)])
def test_open_files(monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], is_enough: bool) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits)
    fact = machine._open_files()
    assert (fact.problem == "") is is_enough
    assert fact.hint == ("" if is_enough else "ulimit -n 1024")


def test_accelerators(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = Accelerators(devices=(PLAIN, PLAIN), driver="NVIDIA", driver_version="600.1")
    monkeypatch.setattr(accelerators, "detect", lambda: found)
    assert machine._accelerators().value == "2, X100; NVIDIA driver 600.1"
    kfd = tmp_path / "kfd"
    kfd.touch()
    monkeypatch.setattr(machine, "DRIVER_FILES", {"NVIDIA": tmp_path / "nvidiactl", "AMD": kfd})
    monkeypatch.setattr(accelerators, "detect", lambda: None)
    fact = machine._accelerators()
    assert (fact.problem, fact.hint) == ("the driver does not answer", "pip install /opt/rocm/share/amd_smi")
