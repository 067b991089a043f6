"""Compares the nodes with a system description: the results table shows what that states."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from submitter import documents
from submitter.cluster.finding import NodeFinding
from submitter.cluster.node_report import NodeReport
from submitter.system.known import known_accelerator
from submitter.system.network import LOOPBACK
from submitter.units import BYTES_PER_GB, BYTES_PER_GIB

ALL_NODES = "all nodes"
_BYTES = {"GB": BYTES_PER_GB, "GiB": BYTES_PER_GIB, "TB": 1000 * BYTES_PER_GB, "TiB": 1024 * BYTES_PER_GIB}
# Firmware and kernel keep some of a host's memory, and vendors' GB may mean GiB.
_MEMORY_SHARE = 0.1


def findings(description: Mapping[str, object], reports: Mapping[str, NodeReport]) -> list[NodeFinding]:
    """What the nodes have and the description states otherwise. Fields that are absent or unwritten are left out."""
    stated = {field: str(value).strip() for field, value in description.items() if documents.MARK not in str(value)}
    found = list(_count(stated, len(reports)))
    for node, report in reports.items():
        found += _accelerators(stated, node, report)
        found += _host(stated, node, report)
    return found


def _count(stated: Mapping[str, str], count: int) -> Iterator[NodeFinding]:
    number = stated.get("number_of_nodes", "")
    if number.isdigit() and int(number) != count:
        yield _finding(ALL_NODES, "number_of_nodes", str(count), number, "give all nodes of the system to --nodes")


def _accelerators(stated: Mapping[str, str], node: str, report: NodeReport) -> Iterator[NodeFinding]:
    number = stated.get("accelerators_per_node", "")
    if number.isdigit() and int(number) != len(report.accelerators):
        yield _finding(node, "accelerators_per_node", str(len(report.accelerators)), number)
    known = known_accelerator(stated.get("accelerator_model_name", ""))
    if known:
        others = {each.name for each in report.accelerators if each.name and known_accelerator(each.name) != known}
        for name in sorted(others):
            yield _finding(node, "accelerator_model_name", name, stated["accelerator_model_name"])


def _host(stated: Mapping[str, str], node: str, report: NodeReport) -> Iterator[NodeFinding]:
    memory_bytes = _size_bytes(stated.get("host_memory_capacity", ""))
    if memory_bytes and abs(report.memory_bytes / memory_bytes - 1) > _MEMORY_SHARE:
        found = f"{report.memory_bytes / BYTES_PER_GIB:.0f} GiB"
        yield _finding(node, "host_memory_capacity", found, stated["host_memory_capacity"])
    cards = stated.get("host_network_card_count", "")
    count = sum(1 for each in report.interfaces if each.kind != LOOPBACK and not each.is_virtual)
    if cards.isdigit() and int(cards) != count:
        yield _finding(node, "host_network_card_count", str(count), cards)
    name = stated.get("host_processor_model_name", "")
    if name and report.processor and name != report.processor:
        yield _finding(node, "host_processor_model_name", report.processor, name)


def _finding(node: str, field: str, found: str, stated: str, hint: str = "") -> NodeFinding:
    return NodeFinding(
        node=node,
        what=field,
        found=found,
        expected=f"{stated}, as the system description states",
        hint=hint or "use the nodes that it describes, or correct it",
    )


def _size_bytes(text: str) -> float | None:
    """The size in `1.5 TB`; None for anything else, such as a sum of modules."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([GT]i?B)", text)
    return float(found[1]) * _BYTES[found[2]] if found else None
