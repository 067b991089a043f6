"""The nodes against what a system description states."""

from __future__ import annotations

from pathlib import Path

import pytest
from node_reports import eight_h100

from submitter import documents
from submitter.cluster import compare_system

STATED = {
    "number_of_nodes": "2",
    "accelerators_per_node": "8",
    "accelerator_model_name": "NVIDIA H100-SXM-80GB",
    "host_memory_capacity": "2 TiB",
    "host_network_card_count": "8",
}


def findings(folder: Path, description: dict[str, object]) -> list[str]:
    reports = {node: eight_h100(folder) for node in ("n1", "n2")}
    return [f"{each.node}: {each.found}; {each.expected}" for each in compare_system.findings(description, reports)]


def test_what_is_stated_is_there(tmp_path: Path) -> None:
    assert findings(tmp_path, STATED) == []
    assert findings(tmp_path, {}) == []
    # Vendors' TB may mean 2^40 or 10^12, and firmware keeps some.
    assert findings(tmp_path, {"host_memory_capacity": "2.2 TB"}) == []


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("number_of_nodes", "4", ["all nodes: 2; 4, as the system description states"]),
        ("accelerators_per_node", "4", [f"n{n}: 8; 4, as the system description states" for n in (1, 2)]),
        (
            "accelerator_model_name",
            "NVIDIA H200-SXM-141GB",
            [f"n{n}: NVIDIA H100 80GB HBM3; NVIDIA H200-SXM-141GB, as the system description states" for n in (1, 2)],
        ),
        (
            "host_memory_capacity",
            "1 TB",
            [f"n{n}: 2048 GiB; 1 TB, as the system description states" for n in (1, 2)],
        ),
        ("host_network_card_count", "10", [f"n{n}: 8; 10, as the system description states" for n in (1, 2)]),
        ("host_memory_capacity", "24x 64 GB", []),
        ("accelerators_per_node", documents.todo("how many"), []),
        ("number_of_nodes", "several", []),
    ],
)
def test_what_is_stated_otherwise(tmp_path: Path, field: str, value: str, expected: list[str]) -> None:
    assert findings(tmp_path, {**STATED, field: value}) == expected
