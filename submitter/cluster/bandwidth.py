"""Measures the network between nodes with the tools that they have: a few seconds each, between neighbours of a ring.

Each node sends to the next one, and the last to the first: each sends once and receives once, and a slow node shows in
both its pairs. Pairs without a node in common are measured at the same time, so that there are three rounds at most.
"""

from __future__ import annotations

import ipaddress
import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from submitter.cluster import tool_output
from submitter.cluster.connection import NodeConnection
from submitter.cluster.protocol import Answer, Request
from submitter.errors import RunError
from submitter.system.network import LOOPBACK, Interface
from submitter.system.rdma import ACTIVE

_SECONDS = 2
_STREAMS = 4  # one TCP stream fills no fast link
_START_S = 10.0
_LIMIT_S = 20.0
_ROUND_TRIPS = 200
_ALL_REDUCE_LIMIT_S = 60.0
_ALL_REDUCE = "all_reduce_perf"


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A figure of the network from one node to another, or within one; None if it could not be measured."""

    what: str
    """Such as `TCP`, `TCP round trip`, `RDMA mlx5_0` or `RDMA mlx5_0 latency`."""
    source: str
    target: str
    """The same as `source` for what is measured within a node."""
    value: float | None
    unit: str
    """Gbit/s, GB/s or us."""
    link_gbits: float | None = None
    """The speed of the slower of the two links, if both are known."""
    problem: str = ""
    """Why the figure is missing."""


def measure(connections: Sequence[NodeConnection], on_step: Callable[[str], None]) -> list[Measurement]:
    """All that the installed tools measure; `on_step` is called with what is measured next."""
    found: list[Measurement] = []
    if len(connections) > 1:
        for pairs in _rounds(connections):
            on_step(_named(pairs))
            with ThreadPoolExecutor(len(pairs)) as pool:
                for measured in pool.map(lambda pair: list(_between(*pair)), pairs):
                    found += measured
    within = [each for each in connections if _ALL_REDUCE in each.report.tools and len(each.report.accelerators) > 1]
    if within:
        on_step(f"{_ALL_REDUCE} within each node")
        with ThreadPoolExecutor(len(within)) as pool:
            found += pool.map(_all_reduce, within)
    return found


Pair = tuple[NodeConnection, NodeConnection]


def _named(pairs: Sequence[Pair]) -> str:
    if len(pairs) > 2:
        return f"{len(pairs)} pairs of nodes"
    return ", ".join(f"{source.node} -> {target.node}" for source, target in pairs)


def _rounds(connections: Sequence[NodeConnection]) -> Iterator[list[Pair]]:
    """The pairs of the ring, in rounds in which no node has two."""
    ring = list(zip(connections, [*connections[1:], connections[0]], strict=True))
    last = [ring.pop()] if len(ring) % 2 else []
    yield from filter(None, (ring[::2], ring[1::2], last))


def _between(source: NodeConnection, target: NodeConnection) -> Iterator[Measurement]:
    link = common_link(source.report.interfaces, target.report.interfaces)
    address = link.address if link else target.node.rpartition("@")[2]
    gbits = link.gbits if link else None
    yield _figure("TCP round trip", "us", source, target, None, lambda: _round_trip_us(source, target, address))
    if all("iperf3" in each.report.tools for each in (source, target)):
        yield _figure("TCP", "Gbit/s", source, target, gbits, lambda: _iperf3_gbits(source, target, address))
    ports = [_active_ports(each) for each in (source, target)]
    for device in sorted(ports[0].keys() & ports[1].keys()):
        rate = min(filter(None, (port[device] for port in ports)), default=None)
        for tool, unit, read in (
            ("ib_write_bw", "Gbit/s", tool_output.ib_bandwidth_gbits),
            ("ib_write_lat", "us", tool_output.ib_latency_us),
        ):
            if all(tool in each.report.tools for each in (source, target)):
                gbits = rate if unit == "Gbit/s" else None
                what = f"RDMA {device}" + (" latency" if unit == "us" else "")
                yield _figure(what, unit, source, target, gbits, _perftest(tool, device, source, target, address, read))


@dataclass(frozen=True, kw_only=True)
class CommonLink:
    """The way from one node to another through a network that both are in."""

    network: str
    address: str
    """The target's."""
    gbits: float | None
    """The slower of both speeds; None if one is not known, or is that of no hardware."""


def common_link(ours: Sequence[Interface], theirs: Sequence[Interface]) -> CommonLink | None:
    """The fastest network of both; hardware before what is virtual. None if no network is common to both.

    A network in which both have the same address is one within each host, such as a container engine's.
    """
    links = []
    for mine in _addressed(ours):
        for other in _addressed(theirs):
            if mine[1].network != other[1].network or mine[1].ip == other[1].ip:
                continue
            both = mine[0], other[0]
            speeds = [each.speed_mbits for each in both if each.speed_mbits and not each.is_virtual]
            gbits = min(speeds) / 1000 if len(speeds) == len(both) else None
            rank = (all(not each.is_virtual for each in both), gbits or 0.0, other[1].version == 4)
            links.append((rank, CommonLink(network=str(mine[1].network), address=str(other[1].ip), gbits=gbits)))
    return max(links, key=lambda each: each[0])[1] if links else None


def _addressed(
    interfaces: Sequence[Interface],
) -> Iterator[tuple[Interface, ipaddress.IPv4Interface | ipaddress.IPv6Interface]]:
    for interface in interfaces:
        if interface.kind == LOOPBACK or interface.state == "down":
            continue
        for text in interface.addresses:
            try:
                yield interface, ipaddress.ip_interface(text)
            except ValueError:
                continue


def _figure(
    what: str,
    unit: str,
    source: NodeConnection,
    target: NodeConnection,
    link_gbits: float | None,
    measured: Callable[[], float],
) -> Measurement:
    value, problem = None, ""
    try:
        value = measured()
    except RunError as error:
        problem = error.message
    return Measurement(
        what=what,
        source=source.node,
        target=target.node,
        value=value,
        unit=unit,
        link_gbits=link_gbits,
        problem=problem,
    )


def _round_trip_us(source: NodeConnection, target: NodeConnection, address: str) -> float:
    """The median of the times that a byte needs to the other node and back, over TCP."""
    port = target.ask(Request(do="echo", address="::" if ":" in address else "0.0.0.0")).port
    trips = source.ask(Request(do="round_trips", address=address, port=port, count=_ROUND_TRIPS)).round_trips_us
    if len(trips) != _ROUND_TRIPS:
        raise RunError(f"{source.node} measured {len(trips)} of {_ROUND_TRIPS} round trips")
    return statistics.median(trips)


def _iperf3_gbits(source: NodeConnection, target: NodeConnection, address: str) -> float:
    port = str(target.ask(Request(do="port")).port)
    server = ("iperf3", "-s", "-1", "-p", port, "--forceflush")
    client = ("iperf3", "-c", address, "-p", port, "-J", "-t", str(_SECONDS), "-P", str(_STREAMS))
    done = _served(source, target, server, "listening", (*client, "--connect-timeout", "3000"))
    found = tool_output.iperf3_gbits(done.output)
    if found is None:
        raise RunError(f"iperf3: {tool_output.iperf3_error(done.output) or _last_words(done)}")
    return found


def _perftest(
    tool: str,
    device: str,
    source: NodeConnection,
    target: NodeConnection,
    address: str,
    read: Callable[[str], float | None],
) -> Callable[[], float]:
    """One tool of perftest on one RDMA device of both nodes."""

    def measured() -> float:
        port = str(target.ask(Request(do="port")).port)
        how = ("-D", str(_SECONDS), "--report_gbits") if tool == "ib_write_bw" else ("-n", "1000")
        program = (tool, "-d", device, "-F", "-p", port, *how)
        done = _served(source, target, program, "Waiting for client", (*program, address))
        found = read(done.output)
        if found is None:
            raise RunError(f"{tool}: {_last_words(done)}")
        return found

    return measured


def _served(
    source: NodeConnection, target: NodeConnection, server: tuple[str, ...], ready: str, client: tuple[str, ...]
) -> Answer:
    """What the client says, while the server runs on the target; the server is ended in any case."""
    target.ask(Request(do="serve", program=server, ready=ready, limit_s=_START_S))
    try:
        return source.ask(Request(do="run", program=client, limit_s=_LIMIT_S))
    finally:
        target.ask(Request(do="end", limit_s=_START_S))


def _all_reduce(node: NodeConnection) -> Measurement:
    """NCCL's or RCCL's all-reduce over all accelerators of one node: its links between them."""
    program = (_ALL_REDUCE, "-b", "1G", "-e", "1G", "-g", str(len(node.report.accelerators)))

    def measured() -> float:
        done = node.ask(Request(do="run", program=program, limit_s=_ALL_REDUCE_LIMIT_S))
        found = tool_output.all_reduce_gbytes(done.output)
        if found is None:
            raise RunError(f"{_ALL_REDUCE}: {_last_words(done)}")
        return found

    return _figure("all-reduce", "GB/s", node, node, None, measured)


def _active_ports(node: NodeConnection) -> dict[str, float | None]:
    """The rate of each RDMA device whose first port is active, in Gbit/s."""
    return {
        device.name: device.ports[0].rate_gbits
        for device in node.report.rdma
        if device.ports and device.ports[0].state == ACTIVE
    }


def _last_words(done: Answer) -> str:
    lines = [line.strip() for line in (done.output + "\n" + done.error_output).splitlines() if line.strip()]
    return f"it ended with {done.status}" + (f": {lines[-1][:200]}" if lines else "")
