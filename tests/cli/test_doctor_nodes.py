"""The report on a cluster as it is printed: also of nodes that send texts made to harm a terminal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from node_reports import eight_h100

from submitter.cli import doctor_nodes
from submitter.cluster import compare
from submitter.cluster.bandwidth import Measurement
from submitter.cluster.connection import ClockOffset
from submitter.cluster.preflight import ClusterReport

CLOCK = ClockOffset(offset_ms=1.25, accuracy_ms=0.5)
BELL = "\x1b]0;owned\x07\nnext"


def cluster(folder: Path) -> ClusterReport:
    """A healthy node, and one whose every text is hostile."""
    good = eight_h100(folder)
    bad = good.model_copy(
        update={
            "driver": BELL,
            "kernel": BELL,
            "processor": BELL,
            "packages": {"vllm": BELL},
            "numa_nodes": {0: BELL},
            "accelerators": tuple(replace(each, name=BELL) for each in good.accelerators),
            "states": tuple(replace(each, processes=(BELL,), slowdowns=(BELL,)) for each in good.states),
            "interfaces": tuple(replace(each, name=BELL, numa_node=0) for each in good.interfaces),
            "rdma": tuple(
                replace(each, name=BELL, kind=BELL, ports=(replace(each.ports[0], link_layer=BELL, state=BELL),))
                for each in good.rdma
            ),
        }
    )
    reports = {"good": good, "bad": bad}
    figure = Measurement(what=BELL, source="good", target="bad", value=None, unit="us", problem=BELL)
    return ClusterReport(
        reports=reports,
        clocks=dict.fromkeys(reports, CLOCK),
        measurements=(figure,),
        missing_tools={"good": ("iperf3",), "bad": ("iperf3",)},
        findings=tuple(compare.findings(reports, {})),
    )


def test_no_text_of_a_node_reaches_the_terminal_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    doctor_nodes._show(cluster(tmp_path), 2)
    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.splitlines())
    assert "next" not in [line.strip() for line in shown.splitlines()]
    assert "good  8x NVIDIA H100 80GB HBM3 " in shown
    assert "8x 400 Gbit/s Ethernet" in shown
    assert "+1.25 ± 0.50 ms" in shown
    assert "not measured: iperf3, not installed on good, bad" in shown


def test_the_numa_map_names_what_is_near(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = replace(cluster(tmp_path), findings=(), measurements=())
    same = {"n1": report.reports["good"], "n2": report.reports["good"]}
    doctor_nodes._show(replace(report, reports=same, clocks=dict.fromkeys(same, CLOCK)), 2)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    first = "n1, n2 0 0-103 0 1 2 3 mlx5_0 mlx5_1 mlx5_2 mlx5_3 eth0 eth1 eth2 eth3"
    at = lines.index(first)
    assert lines[at + 1] == "1 104-207 4 5 6 7 mlx5_4 mlx5_5 mlx5_6 mlx5_7 eth4 eth5 eth6 eth7"
    assert lines[-1] == "2 of 2 nodes examined: nothing is wrong"


def test_everything_is_in_the_json(tmp_path: Path) -> None:
    content = json.loads(json.dumps(doctor_nodes._as_json(cluster(tmp_path))))
    assert content["nodes"]["good"]["rdma"][0]["ports"][0]["rate_gbits"] == 400.0
    assert content["clocks"]["bad"] == {"offset_ms": 1.25, "accuracy_ms": 0.5}
    assert content["measurements"][0]["target"] == "bad"
    assert content["findings"]
