"""What differs between nodes, and what is wrong with one alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from node_reports import GIB, eight_h100

from submitter.cluster import compare
from submitter.cluster.connection import ClockOffset
from submitter.cluster.node_report import NodeReport
from submitter.system.network import Interface


def findings(nodes: dict[str, NodeReport], **clocks_ms: float) -> list[str]:
    clocks = {node: ClockOffset(offset_ms=value, accuracy_ms=5.0) for node, value in clocks_ms.items()}
    return [
        f"{each.node}: {each.what}: {each.found}; {each.expected}; {each.hint}"
        for each in compare.findings(nodes, clocks)
    ]


def three(folder: Path, **changes: Any) -> dict[str, NodeReport]:
    """Three nodes; `changes` are of the second."""
    healthy = eight_h100(folder)
    return {"n1": healthy, "n2": healthy.model_copy(update=changes), "n3": healthy}


def test_nodes_that_are_alike(tmp_path: Path) -> None:
    assert findings(three(tmp_path), n1=0.3, n2=-900.0, n3=1004.0) == []


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        (
            {"driver": "NVIDIA driver 550.1"},
            "driver of the accelerators: NVIDIA driver 550.1; NVIDIA driver 565.57.01, ",
        ),
        ({"submitter": "0.0.9"}, "submitter: 0.0.9; 0.1.0, as on 2 nodes; install the same version on all nodes"),
        ({"packages": {}}, "vllm: none; "),
        ({"kernel": "5.4"}, "kernel: 5.4; "),
        ({"numa_nodes": {0: "0-207"}}, "NUMA nodes: 1; 2, as on 2 nodes; compare the BIOS settings"),
        ({"governor": "powersave"}, "CPU governor: powersave; none, as on 2 nodes; cpupower"),
        ({"available_memory_bytes": 100 * GIB}, "memory available: 100 GiB; half of 2048 GiB or more; end what"),
    ],
)
def test_a_node_that_differs(tmp_path: Path, changes: dict[str, Any], start: str) -> None:
    if start.startswith("vllm") and not eight_h100(tmp_path).packages:
        pytest.skip("neither vLLM nor torch is installed")
    found = findings(three(tmp_path, **changes))
    assert found
    assert found[0].startswith(f"n2: {start}")


def test_of_two_nodes_the_first_is_what_is_expected(tmp_path: Path) -> None:
    nodes = three(tmp_path, driver="NVIDIA driver 550.1")
    del nodes["n3"]
    (found,) = findings(nodes)
    assert found.startswith("n2: driver of the accelerators: NVIDIA driver 550.1; NVIDIA driver 565.57.01, as on n1;")


def test_a_lost_accelerator(tmp_path: Path) -> None:
    healthy = eight_h100(tmp_path)
    found = findings(three(tmp_path, accelerators=healthy.accelerators[:7], states=healthy.states[:7]))
    assert found[0].startswith("n2: accelerators: 7x NVIDIA H100 80GB HBM3; 8x NVIDIA H100 80GB HBM3, as on 2 nodes;")


@pytest.mark.parametrize(
    ("change", "start"),
    [
        ({"uncorrected_errors": 3}, "accelerator 5 uncorrected ECC errors: 3; 0; reset it"),
        ({"slowdowns": ("too hot",)}, "accelerator 5 clocks: too hot, 345 MHz; no slowdown; look at its cooling"),
        (
            {"used_memory_bytes": 40 * GIB, "processes": ("77 python",)},
            "accelerator 5 memory in use: 40.0 of 80 GiB by 77 python; free; end what runs there",
        ),
        ({"used_memory_bytes": 9 * GIB}, "accelerator 5 memory in use: 9.0 of 80 GiB; free; end what runs there"),
        ({"pcie_lanes": 8}, "accelerator 5 PCIe lanes: 8; 16; seat it again"),
        ({"has_ecc": False}, "ECC: off, on; on, as on 2 nodes; switch it"),
        ({"power_limit_w": 500.0}, "power limit (W): 500, 700; 700, as on 2 nodes; set the same limit"),
    ],
)
def test_an_accelerator_that_is_unwell(tmp_path: Path, change: dict[str, Any], start: str) -> None:
    states = list(eight_h100(tmp_path).states)
    states[5] = replace(states[5], **change)
    (found,) = findings(three(tmp_path, states=tuple(states)))
    assert found.startswith(f"n2: {start}")


def with_port(report: NodeReport, **change: Any) -> NodeReport:
    """The node with its third RDMA device's port changed."""
    devices = list(report.rdma)
    devices[2] = replace(devices[2], ports=(replace(devices[2].ports[0], **change),))
    return report.model_copy(update={"rdma": tuple(devices)})


def test_a_port_that_is_down(tmp_path: Path) -> None:
    down = {"state": "DOWN", "physical_state": "Polling"}
    nodes = three(tmp_path)
    nodes["n2"] = with_port(nodes["n2"], **down)
    (found,) = findings(nodes)
    assert found.startswith("n2: mlx5_2 port 1: DOWN (Polling); ACTIVE; look at its cable")
    everywhere = {node: with_port(report, **down) for node, report in nodes.items()}
    assert findings(everywhere) == [], "a port that is used nowhere is not missed"
    alone = findings({"n2": nodes["n2"]})
    assert len(alone) == 1, "of one node nobody knows"


def test_a_link_that_was_trained_down(tmp_path: Path) -> None:
    nodes = three(tmp_path)
    nodes["n2"] = with_port(nodes["n2"], rate_gbits=100.0)
    (found,) = findings(nodes)
    assert found.startswith("n2: mlx5_2 port 1 rate: 100 Gbit/s; 400 Gbit/s, as on 2 nodes;")
    nodes["n2"] = with_port(three(tmp_path)["n2"], link_layer="InfiniBand")
    (found,) = findings(nodes)
    assert found.startswith("n2: mlx5_2 port 1 link layer: InfiniBand; Ethernet, as on 2 nodes;")


def test_a_card_in_a_slow_slot(tmp_path: Path) -> None:
    nodes = three(tmp_path)
    devices = list(nodes["n1"].rdma)
    devices[0] = replace(devices[0], pcie=replace(devices[0].pcie, speed_gt_s=16.0, lanes=8))
    nodes["n3"] = nodes["n3"].model_copy(update={"rdma": tuple(devices)})
    found = findings(nodes)
    assert [line.partition("; seat")[0] for line in found] == [
        "n3: mlx5_0 PCIe speed (GT/s): 16; 32, as the card can",
        "n3: mlx5_0 PCIe lanes: 8; 16, as the card can",
    ]


def addressed(report: NodeReport, number: int, **change: Any) -> NodeReport:
    """The node with an interface of any name in a network that all share."""
    interface = Interface(
        name=f"port{number}",
        kind="Ethernet",
        is_virtual=False,
        driver="mlx5_core",
        state="up",
        speed_mbits=100_000,
        mtu_bytes=9000,
        numa_node=0,
        addresses=(f"10.0.0.{number}/24", f"fd00::{number}/64"),
    )
    return report.model_copy(update={"interfaces": (replace(interface, **change),)})


@pytest.mark.parametrize(
    ("change", "start"),
    [
        (
            {"mtu_bytes": 1500},
            "port2 (10.0.0.0/24) MTU: 1500 bytes; 9000 bytes, as on 2 nodes; ip link set port2 mtu 9000",
        ),
        ({"speed_mbits": 25_000}, "port2 (10.0.0.0/24) speed: 25000 Mbit/s; 100000 Mbit/s, as on 2 nodes;"),
        ({"state": "down"}, "port2 (10.0.0.0/24) state: down; up, as on 2 nodes; look at ip link show port2"),
    ],
)
def test_the_interfaces_of_a_common_network(tmp_path: Path, change: dict[str, Any], start: str) -> None:
    """Whatever their names are; the two networks of the same interfaces are reported once."""
    healthy = eight_h100(tmp_path)
    nodes = {f"n{number}": addressed(healthy, number) for number in (1, 2, 3)}
    assert findings(nodes) == []
    nodes["n2"] = addressed(healthy, 2, **change)
    (found,) = findings(nodes)
    assert found.startswith(f"n2: {start}")


def test_a_clock_that_is_wrong_for_sure(tmp_path: Path) -> None:
    found = findings(three(tmp_path), n1=0.0, n2=-1500.0, n3=1004.0)
    assert len(found) == 1
    assert found[0].startswith("n2: clock: -1.5 s from this machine's; within 1 s, or logs cannot be compared;")


def test_hostile_addresses_are_left_out(tmp_path: Path) -> None:
    nodes = {f"n{number}": addressed(eight_h100(tmp_path), number, addresses=("x/99", "")) for number in (1, 2)}
    assert findings(nodes) == []
