"""`submitter doctor --nodes`: the machines of a cluster, compared with each other and with the system description."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

import typer

from submitter import campaign as c
from submitter import system
from submitter.cli.say import say
from submitter.cluster.bandwidth import Measurement
from submitter.cluster.connection import ClockOffset
from submitter.cluster.launcher import Launcher, default_template, expanded
from submitter.cluster.node_report import NodeReport
from submitter.cluster.preflight import ClusterReport, examine
from submitter.console import show_table
from submitter.quoting import printable
from submitter.system.rdma import ACTIVE
from submitter.system.wording import counted
from submitter.units import BYTES_PER_GIB

_FINDINGS_EXIT_CODE = 1


def doctor_nodes(nodes: str, launch: str, python: str, campaign: Path | None, output_format: str) -> None:
    """Examine the nodes and print the report. Exit code 1 if anything is wrong."""
    names = expanded(nodes)
    launcher = Launcher(launch or default_template())
    description: Mapping[str, object] = {}
    if campaign is not None:
        description = system.read(c.load_campaign(campaign).system.description)
    report = examine(names, launcher, python or sys.executable, description, lambda step: say(f"{step} ..."))
    if output_format == "json":
        print(json.dumps(_as_json(report), indent=2))
    else:
        _show(report, len(names))
    if report.findings:
        raise typer.Exit(_FINDINGS_EXIT_CODE)


def _as_json(report: ClusterReport) -> dict[str, object]:
    return {
        "nodes": {node: each.model_dump(mode="json") for node, each in report.reports.items()},
        "clocks": {node: dataclasses.asdict(clock) for node, clock in report.clocks.items()},
        "measurements": [dataclasses.asdict(each) for each in report.measurements],
        "missing_tools": report.missing_tools,
        "findings": [dataclasses.asdict(finding) for finding in report.findings],
    }


def _show(report: ClusterReport, named: int) -> None:
    say("")
    if report.reports:
        heading = ("node", "accelerators", "driver", "memory free", "RDMA", "clock")
        rows = [_row(node, each, report.clocks[node]) for node, each in report.reports.items()]
        show_table(heading, rows, sys.stdout)
        print()
        rows = [(node, *map(printable, _versions(each))) for node, each in report.reports.items()]
        show_table(("node", "submitter", "vLLM", "torch", "LoadGen", "kernel"), rows, sys.stdout)
        print()
        show_table(("nodes", "NUMA", "cores", "accelerators", "RDMA", "interfaces"), _numa_rows(report), sys.stdout)
        print()
    if report.measurements:
        show_table(("from", "to", "what", "figure", "link"), list(map(_figure, report.measurements)), sys.stdout)
        print()
    for tools, group in groupby(report.missing_tools.items(), lambda item: item[1]):
        print(f"not measured: {', '.join(tools)}, not installed on {', '.join(node for node, _ in group)}")
    for finding in report.findings:
        what, found, expected = map(printable, (finding.what, finding.found, finding.expected))
        print(f"WRONG    {finding.node}: {what}: found {found}; expected {expected}")
        print(f"         {printable(finding.hint)}")
    count = len(report.findings)
    outcome = f"{count} {'finding' if count == 1 else 'findings'}" if count else "nothing is wrong"
    print(f"{len(report.reports)} of {named} {'node' if named == 1 else 'nodes'} examined: {outcome}")


def _row(node: str, report: NodeReport, clock: ClockOffset) -> tuple[str, ...]:
    free, total = report.available_memory_bytes / BYTES_PER_GIB, report.memory_bytes / BYTES_PER_GIB
    cells = (
        counted(each.name or "without a name" for each in report.accelerators) or "none",
        report.driver or "none",
        f"{free:.0f} of {total:.0f} GiB",
        _rdma(report),
        f"{clock.offset_ms:+.2f} ± {clock.accuracy_ms:.2f} ms",
    )
    return (node, *map(printable, cells))


def _rdma(report: NodeReport) -> str:
    """`8x 400 Gbit/s Ethernet`, for the ports that are active, and how many are not."""
    ports = [port for device in report.rdma for port in device.ports]
    active = [port for port in ports if port.state == ACTIVE]
    links = counted(f"{port.rate_gbits:g} Gbit/s {port.link_layer}" if port.rate_gbits else "?" for port in active)
    idle = len(ports) - len(active)
    return ", ".join(filter(None, (links, f"{idle} not active" if idle else ""))) or "none"


def _versions(report: NodeReport) -> Iterator[str]:
    yield report.submitter
    for name in ("vllm", "torch", "mlcommons-loadgen"):
        yield report.packages.get(name, "none")
    yield report.kernel


def _numa_rows(report: ClusterReport) -> list[tuple[str, ...]]:
    """What is near each NUMA node, once for all nodes that have the same map."""
    maps: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for node, each in report.reports.items():
        maps.setdefault(tuple(_numa_map(each)), []).append(node)
    return [
        (", ".join(nodes) if number == 0 else "", *map(printable, row))
        for rows, nodes in maps.items()
        for number, row in enumerate(rows)
    ]


def _numa_map(report: NodeReport) -> Iterator[tuple[str, ...]]:
    for number, cores in sorted(report.numa_nodes.items()):
        near = [str(index) for index, each in enumerate(report.accelerators) if each.numa_node == number]
        rdma = [device.name for device in report.rdma if device.numa_node == number]
        interfaces = [each.name for each in report.interfaces if each.numa_node == number]
        yield (str(number), cores, *(" ".join(names) or "-" for names in (near, rdma, interfaces)))


def _figure(each: Measurement) -> tuple[str, ...]:
    value = printable(each.problem) if each.value is None else f"{each.value:.3g} {each.unit}"
    within = each.source == each.target
    link = f"{each.link_gbits:g} Gbit/s" if each.link_gbits else ""
    return (each.source, "within" if within else each.target, printable(each.what), value, link)
