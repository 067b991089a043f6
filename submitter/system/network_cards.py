"""The network cards of the host in words: their links, their RDMA devices, and how they are connected to the host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from submitter.system import network, rdma


@dataclass(frozen=True, kw_only=True)
class NetworkCard:
    """One card, or one of its functions; a text is empty for what it does not have, or Linux does not show."""

    interfaces: str
    """Such as eth0."""
    name: str
    """What is known of its make, such as Ethernet (mlx5_core), MT4129."""
    link: str
    """Such as 400 Gbit/s, up."""
    rdma: str
    """Such as mlx5_0: 400 Gbit/s (4X NDR)."""
    host_link: str
    """Such as PCIe 32 GT/s, 16 lanes, NUMA node 0."""


def found(sysfs: Path | None = None) -> list[NetworkCard]:
    """The host's cards in the order of their interfaces, and then RDMA devices that have none. Nothing virtual."""
    folder = sysfs or network.SYSFS
    devices = rdma.devices(folder)
    cards = [
        NetworkCard(
            interfaces=each.name,
            name=", ".join([f"{each.kind} ({each.driver})", *_kinds(_of(devices, each.name))]),
            link=", ".join(filter(None, (_gbits(each.speed_mbits and each.speed_mbits / 1000), each.state))),
            rdma=_rdma(_of(devices, each.name)),
            host_link=_host_link(rdma.pcie_link(folder / "class" / "net" / each.name / "device"), each.numa_node),
        )
        for each in network.interfaces(folder)
        if each.kind != network.LOOPBACK and not each.is_virtual
    ]
    alone = [device for device in devices if not device.interfaces]
    return cards + [
        NetworkCard(
            interfaces="",
            name=", ".join(_kinds([device])),
            link="",
            rdma=_rdma([device]),
            host_link=_host_link(device.pcie, device.numa_node),
        )
        for device in alone
    ]


def _of(devices: list[rdma.RdmaDevice], interface: str) -> list[rdma.RdmaDevice]:
    return [device for device in devices if interface in device.interfaces]


def _kinds(devices: list[rdma.RdmaDevice]) -> list[str]:
    return [device.kind for device in devices if device.kind]


def _rdma(devices: list[rdma.RdmaDevice]) -> str:
    return "; ".join(
        f"{device.name}: {', '.join(_port(port) for port in device.ports) or 'no ports'}" for device in devices
    )


def _port(port: rdma.RdmaPort) -> str:
    rate = _gbits(port.rate_gbits) or port.state
    return f"{rate} ({port.width_and_kind})" if port.width_and_kind else rate


def _gbits(rate: float | None) -> str:
    return f"{rate:g} Gbit/s" if rate else ""


def _host_link(link: rdma.PcieLink, numa_node: int | None) -> str:
    speed = f"PCIe {link.speed_gt_s:g} GT/s, {link.lanes} lanes" if link.speed_gt_s and link.lanes else ""
    return ", ".join(filter(None, (speed, "" if numa_node is None else f"NUMA node {numa_node}")))
