"""The host's RDMA devices, InfiniBand or RoCE, as Linux shows them in /sys/class/infiniband.

Source: the kernel's Documentation/ABI/stable/sysfs-class-infiniband and Documentation/ABI/testing/sysfs-bus-pci.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from submitter.system.host import text_of
from submitter.system.network import SYSFS, number_of

ACTIVE = "ACTIVE"


@dataclass(frozen=True, kw_only=True)
class RdmaPort:
    """A port of an RDMA device."""

    number: int
    state: str
    """ACTIVE if it can carry data; else DOWN, INIT or ARMED."""
    physical_state: str
    """LinkUp, or such as Disabled or Polling."""
    rate_gbits: float | None
    """The rate of its link as it was trained, in 10^9 bits per second."""
    width_and_kind: str
    """Such as 4X NDR."""
    link_layer: str
    """InfiniBand, or Ethernet for RoCE."""


@dataclass(frozen=True, kw_only=True)
class PcieLink:
    """How a device is connected to the host now, and the best that it can; None if Linux does not know."""

    speed_gt_s: float | None
    lanes: int | None
    best_speed_gt_s: float | None
    best_lanes: int | None


@dataclass(frozen=True, kw_only=True)
class RdmaDevice:
    """An RDMA device, such as mlx5_0."""

    name: str
    kind: str
    """The vendor's name of the card, such as MT4129."""
    firmware: str
    numa_node: int | None
    interfaces: tuple[str, ...]
    """The network interfaces of the same card."""
    pcie: PcieLink
    ports: tuple[RdmaPort, ...]


def devices(sysfs: Path = SYSFS) -> list[RdmaDevice]:
    """The RDMA devices by name; none if the host has no such devices, or shows none in a container."""
    return [
        RdmaDevice(
            name=folder.name,
            kind=text_of(folder / "hca_type"),
            firmware=text_of(folder / "fw_ver"),
            numa_node=number_of(folder / "device" / "numa_node"),
            interfaces=tuple(sorted(path.name for path in (folder / "device" / "net").glob("*"))),
            pcie=pcie_link(folder / "device"),
            ports=tuple(_port(path) for path in sorted((folder / "ports").glob("[0-9]*"), key=_port_number)),
        )
        for folder in sorted((sysfs / "class" / "infiniband").glob("*"), key=_natural)
    ]


def pcie_link(device: Path) -> PcieLink:
    """The PCIe link of a device's folder in sysfs."""
    return PcieLink(
        speed_gt_s=_leading_number(text_of(device / "current_link_speed")),
        lanes=number_of(device / "current_link_width"),
        best_speed_gt_s=_leading_number(text_of(device / "max_link_speed")),
        best_lanes=number_of(device / "max_link_width"),
    )


def _port(folder: Path) -> RdmaPort:
    rate = text_of(folder / "rate")
    kind = re.search(r"\((.*)\)", rate)
    return RdmaPort(
        number=_port_number(folder),
        state=_named(text_of(folder / "state")),
        physical_state=_named(text_of(folder / "phys_state")),
        rate_gbits=_leading_number(rate),
        width_and_kind=kind[1] if kind else "",
        link_layer=text_of(folder / "link_layer"),
    )


def _port_number(folder: Path) -> int:
    return int(folder.name) if folder.name.isdigit() else 0


def _named(state: str) -> str:
    """`ACTIVE` from `4: ACTIVE`."""
    return state.partition(": ")[2] or state


def _leading_number(text: str) -> float | None:
    """400 from `400 Gb/sec (4X NDR)`, 32 from `32.0 GT/s PCIe`."""
    found = re.match(r"\d+(\.\d+)?", text)
    return float(found[0]) if found else None


def _natural(folder: Path) -> tuple[str | int, ...]:
    """mlx5_2 before mlx5_10."""
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"(\d+)", folder.name))
