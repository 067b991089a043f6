"""Compares the nodes with each other, and looks at each alone: everything in which one differs or is unwell.

The expected value is what most nodes have or, if none is the most frequent, what the first one has.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass

from submitter.cluster.connection import ClockOffset
from submitter.cluster.finding import NodeFinding
from submitter.cluster.node_report import NodeReport
from submitter.system.network import LOOPBACK, Interface
from submitter.system.rdma import ACTIVE, PcieLink, RdmaDevice
from submitter.system.wording import counted
from submitter.units import BYTES_PER_GIB, MS_PER_S

_MAX_OFFSET_MS = MS_PER_S
_USED_SHARE = 0.05  # of an accelerator's memory: a driver reserves less
_LEAST_AVAILABLE_SHARE = 0.5  # of the host's memory: a checkpoint is read into it
Reports = Mapping[str, NodeReport]


def findings(reports: Reports, clocks: Mapping[str, ClockOffset]) -> list[NodeFinding]:
    """Everything that is found, node by node."""
    order = {node: number for number, node in enumerate(reports)}
    found = [*_differences(reports), *_networks(reports), *_ports(reports)]
    for node, report in reports.items():
        found += [*_pcie(node, report), *_accelerator_states(node, report), *_memory(node, report)]
        if node in clocks:
            found += _clock(node, clocks[node])
    return sorted(found, key=lambda finding: order[finding.node])


@dataclass(frozen=True)
class _Same:
    """A fact that all nodes should share."""

    what: str
    fact: Callable[[NodeReport], Hashable]
    hint: str


_INSTALL = "install the same version on all nodes"
_SAME = (
    _Same("submitter", lambda report: report.submitter, _INSTALL),
    _Same("Python", lambda report: report.python, "use the same environment on all nodes"),
    *(
        _Same(name, lambda report, name=name: report.packages.get(name, ""), _INSTALL)  # type: ignore[misc]
        for name in ("vllm", "torch", "mlcommons-loadgen")
    ),
    _Same("kernel", lambda report: report.kernel, "boot the same kernel on all nodes"),
    _Same("processor", lambda report: report.processor, "use nodes of one kind"),
    _Same("NUMA nodes", lambda report: len(report.numa_nodes) or 1, "compare the BIOS settings (NPS, SNC)"),
    _Same("CPU governor", lambda report: report.governor, "cpupower frequency-set -g performance, on all nodes"),
    _Same("transparent huge pages", lambda report: report.huge_pages, "set the same on all nodes"),
    _Same(
        "accelerators",
        lambda report: counted(each.name or "?" for each in report.accelerators),
        "look at what the driver's tool (nvidia-smi, amd-smi) and dmesg show there",
    ),
    _Same("driver of the accelerators", lambda report: report.driver, _INSTALL),
    _Same(
        "highest clock (MHz)",
        lambda report: ", ".join(sorted({str(each.clock_mhz) for each in report.accelerators if each.clock_mhz})),
        "compare models and firmware: nvidia-smi -q, or amd-smi static",
    ),
    _Same(
        "power limit (W)",
        lambda report: ", ".join(sorted({f"{each.power_limit_w:.0f}" for each in report.states if each.power_limit_w})),
        "set the same limit on all nodes: nvidia-smi -pl",
    ),
    _Same(
        "ECC",
        lambda report: ", ".join(sorted({_on(each.has_ecc) for each in report.states if each.has_ecc is not None})),
        "switch it to the same on all nodes: nvidia-smi -e 1, then reboot",
    ),
    _Same(
        "RDMA devices",
        lambda report: counted(f"{each.kind or each.name}" for each in report.rdma),
        "look at what lspci and dmesg show there",
    ),
    _Same(
        "firmware of the RDMA devices",
        lambda report: ", ".join(sorted({each.firmware for each in report.rdma if each.firmware})),
        "bring all cards to the same firmware",
    ),
)


def _on(is_on: bool) -> str:
    return "on" if is_on else "off"


def _differences(reports: Reports) -> Iterator[NodeFinding]:
    for same in _SAME:
        yield from _unlike(same.what, {node: same.fact(report) for node, report in reports.items()}, same.hint)


def _unlike(what: str, facts: Mapping[str, Hashable], hint: str, unit: str = "") -> Iterator[NodeFinding]:
    """A finding for each node whose fact is not the usual one."""
    (usual, count), *_ = Counter(facts.values()).most_common(1)
    if count <= len(facts) / 2:
        usual = next(iter(facts.values()))
    peers = [node for node, fact in facts.items() if fact == usual]
    where = f"as on {peers[0]}" if len(peers) == 1 else f"as on {len(peers)} nodes"
    for node, fact in facts.items():
        if fact != usual:
            expected = f"{_shown(usual)}{unit}, {where}"
            yield NodeFinding(node=node, what=what, found=f"{_shown(fact)}{unit}", expected=expected, hint=hint)


def _shown(fact: Hashable) -> str:
    return "none" if fact in ("", None) else str(fact)


def _networks(reports: Reports) -> Iterator[NodeFinding]:
    """The interfaces of each network that several nodes are in: MTU, speed and state."""
    members: dict[str, dict[str, Interface]] = {}
    for node, report in reports.items():
        for interface in report.interfaces:
            for address in interface.addresses if interface.kind != LOOPBACK else ():
                try:
                    network = str(ipaddress.ip_interface(address).network)
                except ValueError:
                    continue
                members.setdefault(network, {}).setdefault(node, interface)
    done: set[tuple[str, ...]] = set()
    for network, interfaces in members.items():
        key = tuple(f"{node} {interface.name}" for node, interface in interfaces.items())
        if len(interfaces) < 2 or key in done:
            continue
        done.add(key)
        for what, facts, hint, unit in (
            ("MTU", {node: each.mtu_bytes for node, each in interfaces.items()}, "ip link set {} mtu {}", " bytes"),
            ("speed", {node: each.speed_mbits for node, each in interfaces.items()}, "look at ethtool {}", " Mbit/s"),
            ("state", {node: each.state for node, each in interfaces.items()}, "look at ip link show {}", ""),
        ):
            for finding in _unlike(what, facts, hint, unit):
                name = interfaces[finding.node].name
                yield NodeFinding(
                    node=finding.node,
                    what=f"{name} ({network}) {what}",
                    found=finding.found,
                    expected=finding.expected,
                    hint=hint.format(name, finding.expected.split()[0]),
                )


def _ports(reports: Reports) -> Iterator[NodeFinding]:
    """RDMA ports that are not active, except those that are active on no node, and ports with another link."""
    ports = {
        node: {(device.name, port.number): port for device in report.rdma for port in device.ports}
        for node, report in reports.items()
    }
    for key in sorted({key for mine in ports.values() for key in mine}):
        name = f"{key[0]} port {key[1]}"
        here = {node: mine[key] for node, mine in ports.items() if key in mine}
        active = {node: port for node, port in here.items() if port.state == ACTIVE}
        if not active and len(reports) > 1:
            continue
        for node, port in here.items():
            if node not in active:
                yield NodeFinding(
                    node=node,
                    what=name,
                    found=f"{port.state or 'no state'} ({port.physical_state or 'physical state unknown'})",
                    expected=ACTIVE,
                    hint=f"look at its cable, at the port of the switch, and at ibstat {key[0]}",
                )
        if active:
            links = {node: f"{port.rate_gbits:g}" if port.rate_gbits else "" for node, port in active.items()}
            yield from _unlike(f"{name} rate", links, f"look at its cable and at mlxlink -d {key[0]}", " Gbit/s")
            layers = {node: port.link_layer for node, port in active.items()}
            yield from _unlike(f"{name} link layer", layers, "set the card to InfiniBand or Ethernet: mlxconfig")


def _pcie(node: str, report: NodeReport) -> Iterator[NodeFinding]:
    """Devices whose connection to the host was trained below what they can."""
    for device in report.rdma:
        yield from _trained_down(node, device, device.pcie)
    for number, state in enumerate(report.states):
        # Its generation is not looked at: an idle device lowers it to save power.
        if state.pcie_lanes and state.best_pcie_lanes and state.pcie_lanes < state.best_pcie_lanes:
            yield NodeFinding(
                node=node,
                what=f"accelerator {number} PCIe lanes",
                found=str(state.pcie_lanes),
                expected=str(state.best_pcie_lanes),
                hint="seat it again, or look at its riser and at the BIOS",
            )


def _trained_down(node: str, device: RdmaDevice, link: PcieLink) -> Iterator[NodeFinding]:
    for what, now, best in (
        ("PCIe speed (GT/s)", link.speed_gt_s, link.best_speed_gt_s),
        ("PCIe lanes", link.lanes, link.best_lanes),
    ):
        if now and best and now < best:
            yield NodeFinding(
                node=node,
                what=f"{device.name} {what}",
                found=f"{now:g}",
                expected=f"{best:g}, as the card can",
                hint="seat it again, or look at its slot and at the BIOS",
            )


def _accelerator_states(node: str, report: NodeReport) -> Iterator[NodeFinding]:
    for number, state in enumerate(report.states):
        if state.uncorrected_errors:
            yield NodeFinding(
                node=node,
                what=f"accelerator {number} uncorrected ECC errors",
                found=str(state.uncorrected_errors),
                expected="0",
                hint="reset it (nvidia-smi -r -i N); if they come again, replace it",
            )
        for slowdown in state.slowdowns:
            yield NodeFinding(
                node=node,
                what=f"accelerator {number} clocks",
                found=f"{slowdown}, {state.clock_mhz or '?'} MHz",
                expected="no slowdown",
                hint="look at its cooling and at its power supply",
            )
        used, total = state.used_memory_bytes or 0, state.memory_bytes or 0
        if state.processes or used > _USED_SHARE * total > 0:
            by = f" by {', '.join(state.processes[:4])}" if state.processes else ""
            yield NodeFinding(
                node=node,
                what=f"accelerator {number} memory in use",
                found=f"{used / BYTES_PER_GIB:.1f} of {total / BYTES_PER_GIB:.0f} GiB{by}",
                expected="free",
                hint="end what runs there",
            )


def _memory(node: str, report: NodeReport) -> Iterator[NodeFinding]:
    if report.available_memory_bytes < _LEAST_AVAILABLE_SHARE * report.memory_bytes:
        yield NodeFinding(
            node=node,
            what="memory available",
            found=f"{report.available_memory_bytes / BYTES_PER_GIB:.0f} GiB",
            expected=f"half of {report.memory_bytes / BYTES_PER_GIB:.0f} GiB or more",
            hint="end what runs there",
        )


def _clock(node: str, clock: ClockOffset) -> Iterator[NodeFinding]:
    if abs(clock.offset_ms) - clock.accuracy_ms > _MAX_OFFSET_MS:
        yield NodeFinding(
            node=node,
            what="clock",
            found=f"{clock.offset_ms / MS_PER_S:+.1f} s from this machine's",
            expected=f"within {_MAX_OFFSET_MS / MS_PER_S:g} s, or logs cannot be compared",
            hint="synchronise it: chronyc makestep, or timedatectl set-ntp true",
        )
