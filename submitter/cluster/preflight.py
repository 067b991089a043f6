"""Whether every node of a cluster is fit for a campaign: asks each, compares them, and measures the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from submitter.cluster import bandwidth, compare, compare_bandwidth, compare_system
from submitter.cluster.bandwidth import Measurement
from submitter.cluster.connection import ClockOffset, NodeConnection, close_all
from submitter.cluster.finding import NodeFinding
from submitter.cluster.launcher import Launcher
from submitter.cluster.node_report import NodeReport
from submitter.errors import RunError

_AT_ONCE = 32  # sshd lets about so many connections begin at the same time


@dataclass(frozen=True, kw_only=True)
class ClusterReport:
    """What was found out about the nodes, and what is wrong."""

    reports: dict[str, NodeReport]
    """By node, in the order in which they were named; without those that did not answer."""
    clocks: dict[str, ClockOffset]
    measurements: tuple[Measurement, ...]
    missing_tools: dict[str, tuple[str, ...]]
    """By node, the tools that would have measured something there and are not installed."""
    findings: tuple[NodeFinding, ...]


def examine(
    nodes: Sequence[str],
    launcher: Launcher,
    python: str,
    description: Mapping[str, object],
    on_step: Callable[[str], None],
) -> ClusterReport:
    """Examine the nodes; `description` is the system's, or empty. `on_step` is called with what is done next.

    Nothing that is wrong with a node raises: it is a finding. What was started on the nodes is ended in any case.
    """
    connections: list[NodeConnection] = []
    pool = ThreadPoolExecutor(_AT_ONCE)
    found: list[NodeFinding] = []
    reached: list[NodeConnection] = []
    clocks: dict[str, ClockOffset] = {}

    def lose(node: str, error: RunError) -> None:
        found.append(_unreachable(node, error))

    try:
        on_step(f"asking {len(nodes)} nodes" if len(nodes) > 1 else f"asking {nodes[0]}")
        for node in nodes:
            try:
                connections.append(NodeConnection(node, launcher, python))
            except RunError as error:
                lose(node, error)
        for connection, outcome in zip(connections, pool.map(_reach, connections), strict=True):
            if isinstance(outcome, RunError):
                lose(connection.node, outcome)
            else:
                reached.append(connection)
        for connection in reached:
            try:
                clocks[connection.node] = connection.clock()
            except RunError as error:
                lose(connection.node, error)
        reached = [connection for connection in reached if connection.node in clocks]
        measurements = bandwidth.measure(reached, lambda what: on_step(f"measuring {what}"))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        close_all(connections)
    reports = {connection.node: connection.report for connection in reached}
    found += compare_system.findings(description, reports) if reports else []
    found += compare.findings(reports, clocks) if reports else []
    found += compare_bandwidth.findings(measurements)
    return ClusterReport(
        reports=reports,
        clocks=clocks,
        measurements=tuple(measurements),
        missing_tools={node: missing for node, report in reports.items() if (missing := _missing_tools(report))},
        findings=tuple(found),
    )


def _reach(connection: NodeConnection) -> RunError | None:
    try:
        connection.receive_report()
    except RunError as error:
        return error
    return None


def _unreachable(node: str, error: RunError) -> NodeFinding:
    hint = error.hint or "start the agent there by hand: python -m submitter.cluster.agent"
    return NodeFinding(node=node, what="connection", found=error.message, expected="a report", hint=hint)


def _missing_tools(report: NodeReport) -> tuple[str, ...]:
    """Those that have something to measure there: RDMA needs devices, an all-reduce several accelerators."""
    useful = ["iperf3"]
    useful += ["ib_write_bw", "ib_write_lat"] if report.rdma else []
    useful += ["all_reduce_perf"] if len(report.accelerators) > 1 else []
    return tuple(tool for tool in useful if tool not in report.tools)
