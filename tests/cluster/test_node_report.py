"""The report of a node, and what is refused as one."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest
from node_reports import eight_h100
from pydantic import ValidationError

from submitter import packages
from submitter.cluster import node_report
from submitter.cluster.node_report import NodeReport
from submitter.version import VERSION


def test_this_host() -> None:
    report = node_report.collect()
    assert report.submitter == VERSION
    assert report.kernel == os.uname().release
    assert report.memory_bytes == psutil.virtual_memory().total
    assert 0 < report.available_memory_bytes <= report.memory_bytes
    assert report.packages.get("torch", "") == packages.version_of("torch")
    assert ("iperf3" in report.tools) is (shutil.which("iperf3") is not None)
    assert "lo" in [interface.name for interface in report.interfaces]


def test_a_report_comes_back_as_it_was_sent(tmp_path: Path) -> None:
    sent = eight_h100(tmp_path)
    assert NodeReport.model_validate_json(sent.model_dump_json()) == sent
    assert len(sent.model_dump_json()) < 20_000


@pytest.mark.parametrize(
    "change",
    [
        {"memory_bytes": 10**400},
        {"memory_bytes": "much"},
        {"memory_bytes": float("nan")},
        {"interfaces": [{"name": "eth0"}]},
        {"accelerators": {"0": 1}},
        {"unknown": 1},
        {"numa_nodes": {"x": "0-3"}},
        {"rdma": None},
    ],
)
def test_what_no_agent_sends_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    content = json.loads(eight_h100(tmp_path).model_dump_json())
    with pytest.raises(ValidationError):
        NodeReport.model_validate_json(json.dumps({**content, **change}))


def test_a_number_deep_within_is_checked_too(tmp_path: Path) -> None:
    content = json.loads(eight_h100(tmp_path).model_dump_json())
    content["states"][7]["used_memory_bytes"] = 10**30
    with pytest.raises(ValidationError, match="out of range"):
        NodeReport.model_validate_json(json.dumps(content))
