"""What the host's network has counted since it was started: by interface, by RDMA device, and of TCP.

The numbers are those of Linux (`/sys/class/net/*/statistics`, `/sys/class/infiniband/*/ports/*/counters` and
`hw_counters`, `/proc/net/snmp` and `netstat`) and, for hardware, of `ethtool -S`, whose names are the driver's own.

Source: the kernel's Documentation/ABI/stable/sysfs-class-infiniband (`port_*_data` counts in units of four octets),
Documentation/networking/statistics.rst and device_drivers/ethernet/mellanox/mlx5/counters.rst,
drivers/infiniband/hw/bnxt_re/hw_counters.c, and NVIDIA's "Understanding mlx5 Linux counters".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from submitter.system import rdma
from submitter.system.host import text_of, tool
from submitter.system.network import LOOPBACK, SYSFS, interfaces, number_of

PROCFS = Path("/proc")
Counts = dict[str, int]
"""Counts by name; one that the device does not have is left out."""

_INTERFACE = {
    "received_bytes": ("rx_bytes",),
    "sent_bytes": ("tx_bytes",),
    "received_packets": ("rx_packets",),
    "sent_packets": ("tx_packets",),
    "errors": ("rx_errors", "tx_errors"),
    "discarded_packets": ("rx_dropped", "tx_dropped", "rx_missed_errors"),
}
_RDMA = {
    "received_packets": ("port_rcv_packets",),
    "sent_packets": ("port_xmit_packets",),
    "errors": (
        "symbol_error",
        "port_rcv_errors",
        "port_rcv_remote_physical_errors",
        "local_link_integrity_errors",
        "excessive_buffer_overrun_errors",
        "link_error_recovery",
    ),
    "discarded_packets": ("port_xmit_discards", "rx_roce_discards"),
    "link_downs": ("link_downed",),
    "retransmits": (
        "packet_seq_err",
        "implied_nak_seq_err",
        "local_ack_timeout_err",
        "rnr_nak_retry_err",
        "seq_err_naks_rcvd",
        "to_retransmits",
        "rnr_naks_rcvd",
    ),
    "ecn_marked_packets": ("np_ecn_marked_roce_packets",),
    "congestion_notices_sent": ("np_cnp_sent",),
    "congestion_notices_received": ("rp_cnp_handled",),
}
_OCTETS_PER_UNIT = 4
_RDMA_DATA = {"received_bytes": "port_rcv_data", "sent_bytes": "port_xmit_data"}
# Of ethtool -S. The first pattern that any name matches counts, because drivers count the same frames in several ways.
_ETHTOOL = {
    "pause_frames_received": (
        r"rx_pause_ctrl_phy",
        r"rx_prio\d_pause|rx_global_pause",
        r"rx_pfc_ena_frames_pri\d",
        r"rx_pause_frames|rx_pause|rx_flow_control_xoff|link_xoff_rx(\.nic)?",
    ),
    "pause_frames_sent": (
        r"tx_pause_ctrl_phy",
        r"tx_prio\d_pause|tx_global_pause",
        r"tx_pfc_ena_frames_pri\d",
        r"tx_pause_frames|tx_pause|tx_flow_control_xoff|link_xoff_tx(\.nic)?",
    ),
    "ecn_marked_packets": (r"rx_ecn_mark",),
    # The kernel's own counts of the interface lack these.
    "errors": (r"rx_symbol_err_phy",),
    "discarded_packets": (r"rx_discards_phy|tx_discards_phy",),
}
_TCP = {
    "sent_segments": ("Tcp", "OutSegs"),
    "retransmitted_segments": ("Tcp", "RetransSegs"),
    "ecn_marked_packets": ("IpExt", "InCEPkts"),
}


@dataclass(frozen=True, kw_only=True)
class DeviceCounts:
    """An interface, or an RDMA device with all its ports, and what it has counted."""

    name: str
    is_rdma: bool
    is_virtual: bool
    counts: Counts


def devices(sysfs: Path = SYSFS) -> list[DeviceCounts]:
    """The interfaces and the RDMA devices that are up or have counted anything.

    The loopback is left out unless it is the only interface: what a host sends to itself says nothing of the network.
    """
    found = interfaces(sysfs)
    others = [interface for interface in found if interface.kind != LOOPBACK]
    read = [
        DeviceCounts(
            name=interface.name,
            is_rdma=False,
            is_virtual=interface.is_virtual,
            counts=_interface(sysfs / "class" / "net" / interface.name, with_ethtool=not interface.is_virtual),
        )
        for interface in others or found
    ]
    read += [
        DeviceCounts(name=device.name, is_rdma=True, is_virtual=False, counts=_rdma(sysfs, device))
        for device in rdma.devices(sysfs)
    ]
    return [device for device in read if any(device.counts.values())]


def tcp(procfs: Path = PROCFS) -> Counts:
    """What TCP and IP of this network namespace have counted."""
    tables = _tables(text_of(procfs / "net" / "snmp")) | _tables(text_of(procfs / "net" / "netstat"))
    return {name: tables[key][field] for name, (key, field) in _TCP.items() if field in tables.get(key, {})}


def ethtool_counts(output: str) -> Counts:
    """What of the output of `ethtool -S` we count."""
    pairs = re.findall(r"^\s*([\w.]+): (\d+)$", output, re.MULTILINE)
    counts = {}
    for name, patterns in _ETHTOOL.items():
        for pattern in patterns:
            values = [int(value) for key, value in pairs if re.fullmatch(pattern, key)]
            if values:
                counts[name] = sum(values)
                break
    return counts


def _interface(folder: Path, *, with_ethtool: bool) -> Counts:
    counts = _sums([folder / "statistics"], _INTERFACE)
    downs = number_of(folder / "carrier_down_count")
    if downs is not None:
        counts["link_downs"] = downs
    if with_ethtool:
        for name, value in ethtool_counts(tool("ethtool", "-S", folder.name)).items():
            counts[name] = counts.get(name, 0) + value
    return counts


def _rdma(sysfs: Path, device: rdma.RdmaDevice) -> Counts:
    ports = [sysfs / "class" / "infiniband" / device.name / "ports" / str(port.number) for port in device.ports]
    folders = [port / name for port in ports for name in ("counters", "hw_counters")]
    counts = _sums(folders, _RDMA)
    for name, file in _RDMA_DATA.items():
        for value in _sums(folders, {name: (file,)}).values():
            counts[name] = value * _OCTETS_PER_UNIT
    return counts


def _sums(folders: Iterable[Path], names: Mapping[str, tuple[str, ...]]) -> Counts:
    """The sum of the files of each name; a name is left out if none of its files is there."""
    folders = tuple(folders)
    counts = {}
    for name, files in names.items():
        values = [number_of(folder / file) for folder in folders for file in files]
        known = [value for value in values if value is not None]
        if known:
            counts[name] = sum(known)
    return counts


def _tables(text: str) -> dict[str, Counts]:
    """The tables of /proc/net/snmp: a line with a table's names, and one with its numbers."""
    lines = [line.partition(":") for line in text.splitlines()]
    return {
        key: {name: int(value) for name, value in zip(names.split(), values.split(), strict=False) if value.isdigit()}
        for (key, _, names), (_, _, values) in zip(lines[::2], lines[1::2], strict=False)
    }
