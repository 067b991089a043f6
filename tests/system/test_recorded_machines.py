"""What is found on machines of the ready sets, from what their tools print, where no library of a driver answers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import recorded_machines

from submitter import system
from submitter.system import accelerators, host
from submitter.system.accelerator import Accelerators
from submitter.system.known import known_accelerator

pytestmark = pytest.mark.skipif(
    any(Path(file).exists() for file in ("/dev/nvidiactl", "/dev/kfd")), reason="this machine has a driver of its own"
)
GIB = 2**30


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def detected(name: str, tools: Path) -> Accelerators:
    recorded_machines.install(name, tools)
    found = accelerators.detect()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("machine", "count", "short", "gib", "driver", "nodes"),
    [
        ("8xH100", 8, "H100-SXM-80GB", 80, "NVIDIA driver 565.57.01", [0, 0, 0, 0, 1, 1, 1, 1]),
        ("8xB200", 8, "B200-SXM-180GB", 179, "NVIDIA driver 580.126.20", [0, 0, 1, 1, 2, 2, 3, 3]),
        ("1xH200", 1, "H200-SXM-141GB", 140, "NVIDIA driver 580.126.20", [None]),
        ("8xMI300X", 8, "MI300X", 192, "AMD driver 6.19.14", [0, 0, 0, 0, 1, 1, 1, 1]),
        ("8xMI300X-VF", 8, "MI300X", 192, "AMD driver 6.8.5", [0, 0, 0, 0, 1, 1, 1, 1]),
    ],
)
def test_what_its_tools_print_is_found(
    machine: str, count: int, short: str, gib: int, driver: str, nodes: list[int | None], tools: Path
) -> None:
    found = detected(machine, tools)
    assert len(found.devices) == count
    assert {getattr(known_accelerator(name), "short", None) for name in found.names} == {short}
    assert {round((device.memory_bytes or 0) / GIB) for device in found.devices} == {gib}
    assert found.software == driver
    assert [device.numa_node for device in found.devices] == nodes
    assert len({device.uuid for device in found.devices}) == count


def test_every_recorded_machine_is_tested() -> None:
    assert set(recorded_machines.NAMES) == {"8xH100", "8xB200", "1xH200", "8xMI300X", "8xMI300X-VF"}


def test_nothing_is_left_to_a_person_that_a_driver_or_a_name_tells(tools: Path) -> None:
    for machine in ("8xH100", "8xMI300X"):
        detected(machine, tools)
        missing = [field for field in system.missing(system.describe()) if field.startswith(("accelerator", "host"))]
        assert missing == []
        for file in (tools / "nvidia-smi", tools / "amd-smi"):
            file.unlink(missing_ok=True)


def test_links_and_processor_of_8_h100(tools: Path) -> None:
    detected("8xH100", tools)
    facts = system.describe()
    assert facts["accelerator_interconnect"] == "NVLink (NV18)"
    assert facts["accelerator_host_interconnect"] == "PCIe Gen5 x16"
    assert facts["host_processor_model_name"] == "Intel(R) Xeon(R) Platinum 8480+"
    assert facts["host_processor_interconnect"] == "Intel UPI"
    assert facts["host_processor_caches"] == (
        "L1d 6.5 MiB (208 instances), L1i 6.5 MiB (208 instances), L2 416 MiB (104 instances), L3 32 MiB (2 instances)"
    )
    assert host.numa_nodes() == {0: "0-103", 1: "104-207"}


@pytest.mark.parametrize(
    "output",
    [
        "",
        "Unable to determine the device handle for GPU0: 0000:23:00.0: Unknown Error\n",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n",
        "NVIDIA H100 80GB HBM3, 81559\n",
    ],
)
def test_an_nvidia_smi_that_fails_is_no_accelerator(output: str, tools: Path) -> None:
    recorded_machines.program(tools, "nvidia-smi", output)
    assert accelerators.detect() == Accelerators()


@pytest.mark.parametrize("output", ["", "[]", "{}", "null", '[{"gpu": 0}]', "WARNING: no AMD GPUs", '{"card0": 3}'])
def test_an_amd_tool_that_prints_something_else_is_no_accelerator(output: str, tools: Path) -> None:
    for name in ("amd-smi", "rocm-smi"):
        recorded_machines.program(tools, name, output)
    assert accelerators.detect() == Accelerators()


def test_the_list_of_older_amd_smi(tools: Path) -> None:
    """Before ROCm 7 there is no `gpu_data`, and some keys have other names."""
    entry = (
        '{"gpu": 0, "asic": {"market_name": "MI300X-O"}, "bus": {"bdf": "0000:05:00.0"}, '
        '"driver": {"driver_version": "6.10.5"}, "vram": {"vram_size": {"value": 196592, "unit": "MB"}}}'
    )
    recorded_machines.program(tools, "amd-smi", f"[{entry}]")
    found = accelerators.detect()
    assert found is not None
    assert (found.driver_version, found.devices[0].memory_bytes) == ("6.10.5", 196592 * 2**20)


def test_numa_nodes_of_devices_are_linux_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_PCI_DEVICES", tmp_path)
    for address, node in (("0000:18:00.0", "1\n"), ("0000:2a:00.0", "-1\n")):
        (tmp_path / address).mkdir()
        (tmp_path / address / "numa_node").write_text(node)
    assert [host.numa_node_of(a) for a in ("0000:18:00.0", "0000:2A:00.0", "0000:ff:00.0")] == [1, None, None]


@pytest.mark.parametrize(
    ("vendor", "product", "name"),
    [
        ("Dell Inc.", "PowerEdge XE9680", "Dell Inc. PowerEdge XE9680"),
        ("Supermicro", "SYS-821GE-TNHR", "Supermicro SYS-821GE-TNHR"),
        ("NVIDIA", "NVIDIA DGX H100", "NVIDIA DGX H100"),
        ("QEMU", "Standard PC (i440FX + PIIX, 1996)", ""),
        ("ASUS", "To Be Filled By O.E.M.", ""),
        ("", "", ""),
    ],
)
def test_the_name_of_the_server(
    vendor: str, product: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_DMI", tmp_path)
    (tmp_path / "sys_vendor").write_text(vendor + "\n")
    (tmp_path / "product_name").write_text(product + "\n")
    assert host.server_name() == name


def test_what_an_nvidia_device_does_now(tools: Path) -> None:
    recorded_machines.install("8xH100", tools)
    found = accelerators.states()
    assert len(found) == 8
    first = found[0]
    assert (first.memory_bytes, first.used_memory_bytes) == (81559 * 2**20, 2**20)
    assert (first.clock_mhz, first.best_clock_mhz, first.power_limit_w) == (345, 1980, 700.0)
    assert (first.has_ecc, first.uncorrected_errors, first.slowdowns, first.processes) == (True, 0, (), ())
    assert (first.pcie_lanes, first.best_pcie_lanes) == (16, 16)


def test_a_hot_nvidia_device_that_is_in_use(tools: Path) -> None:
    state = "GPU-1, 81559, 70000, 900, 1980, [N/A], [N/A], [N/A], 0x0000000000000068, 8, 16\n"
    apps = {"compute-apps": "GPU-1, 77, python\nGPU-2, 78, other\n"}
    recorded_machines.program(tools, "nvidia-smi", "", {"memory.used": state, **apps})
    (found,) = accelerators.states()
    assert found.slowdowns == ("hardware slowdown", "too hot", "too hot (hardware)")
    assert (found.power_limit_w, found.has_ecc, found.uncorrected_errors) == (None, None, None)
    assert found.processes == ("77 python",)


def test_what_an_amd_device_does_now(tools: Path) -> None:
    recorded_machines.install("8xMI300X", tools)
    found = accelerators.states()
    assert len(found) == 8
    assert (found[7].memory_bytes, found[7].used_memory_bytes) == (196592 * 2**20, 284 * 2**20)
    assert (found[7].clock_mhz, found[7].best_clock_mhz) == (132, 2100)
    assert (found[7].has_ecc, found[7].uncorrected_errors, found[7].slowdowns) == (True, 0, ())


@pytest.mark.parametrize("name", ["nvidia-smi", "amd-smi"])
@pytest.mark.parametrize("output", ["", "not a table\n", "[]", "{}", '[{"gpu": 0}]', "\0" * 10])
def test_a_state_of_another_form_is_unknown(name: str, output: str, tools: Path) -> None:
    recorded_machines.program(tools, name, output)
    assert accelerators.states() == []
