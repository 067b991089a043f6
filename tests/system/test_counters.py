"""What the network counts: on this host, in a namespace of its own, and on a recorded machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import psutil
import pytest
from recorded_machines import program, sysfs

from submitter.system import counters, network

# Names and their meaning: the kernel's device_drivers/ethernet/mellanox/mlx5/counters.rst. The numbers are made up.
MLX5 = """NIC statistics:
     rx_packets: 845320277
     rx_prio3_pause: 7
     rx_pause_ctrl_phy: 9
     tx_prio3_pause: 5
     tx_prio4_pause: 6
     tx_prio3_pause_duration: 1000
     rx_ecn_mark: 3
     rx_discards_phy: 2
     tx_discards_phy: 1
     rx_symbol_err_phy: 4
"""
# A Broadcom card, whose names are those of drivers/net/ethernet/broadcom/bnxt/bnxt_ethtool.c.
BNXT = "NIC statistics:\n     rx_pfc_ena_frames_pri3: 11\n     tx_pfc_ena_frames_pri3: 0\n     [0]: rx_discards: 5\n"


def test_this_hosts_interfaces_count_as_psutil_does() -> None:
    mine = [device for device in counters.devices() if not device.is_rdma]
    theirs = psutil.net_io_counters(pernic=True)
    if not mine:
        pytest.skip("no interface of this host has counted anything")
    for device in mine:
        assert 0 <= theirs[device.name].bytes_recv - device.counts["received_bytes"] < 10_000_000
        assert device.counts["sent_packets"] <= theirs[device.name].packets_sent


def test_this_hosts_tcp() -> None:
    assert counters.tcp()["sent_segments"] >= counters.tcp()["retransmitted_segments"] >= 0


@pytest.mark.skipif(not shutil.which("ethtool"), reason="ethtool is not installed")
def test_ethtool_of_this_host() -> None:
    """Whatever else its driver counts, the line that we add to its output is read."""
    for interface in network.interfaces():
        done = subprocess.run(["ethtool", "-S", interface.name], capture_output=True, text=True, check=False)
        before = counters.ethtool_counts(done.stdout)
        if interface.is_virtual:
            assert before == {}
        after = counters.ethtool_counts(done.stdout + "     rx_pause_ctrl_phy: 4\n")
        assert after == {**before, "pause_frames_received": 4}


def test_the_names_of_two_drivers() -> None:
    assert counters.ethtool_counts(MLX5) == {
        "pause_frames_received": 9,
        "pause_frames_sent": 11,
        "ecn_marked_packets": 3,
        "discarded_packets": 3,
        "errors": 4,
    }
    assert counters.ethtool_counts(BNXT) == {"pause_frames_received": 11, "pause_frames_sent": 0}
    assert counters.ethtool_counts("no stats available\n") == {}


def test_rdma_data_is_counted_in_units_of_four_octets(tmp_path: Path) -> None:
    found = {device.name: device for device in counters.devices(sysfs("8xH100", tmp_path))}
    first = found["mlx5_0"]
    assert (first.counts["received_bytes"], first.counts["sent_bytes"]) == (4000, 8000)
    assert (first.counts["link_downs"], first.counts["errors"], first.counts["retransmits"]) == (3, 0, 0)
    assert "pause_frames_sent" not in first.counts, "no driver counts them for RDMA"
    assert "lo" not in found, "there are others"
    assert len(found) == 16


def test_hardware_is_also_asked_by_ethtool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "ethtool", MLX5)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    (first, *_) = counters.devices(sysfs("8xH100", tmp_path))
    assert first.counts["pause_frames_received"] == 9
    assert (first.counts["errors"], first.counts["discarded_packets"]) == (4, 3)


def test_the_loopback_counts_where_nothing_else_is(tmp_path: Path) -> None:
    sysfs("8xH100", tmp_path)
    shutil.rmtree(tmp_path / "class/infiniband")
    for number in range(8):
        shutil.rmtree(tmp_path / f"class/net/eth{number}")
    (only,) = counters.devices(tmp_path)
    assert (only.name, only.is_virtual, only.counts) == ("lo", True, {"received_bytes": 700})


def test_a_container_that_shows_nothing(tmp_path: Path) -> None:
    assert counters.devices(tmp_path) == []
    assert counters.tcp(tmp_path) == {}


def test_a_damaged_proc_file(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/snmp").write_text("Tcp: OutSegs RetransSegs\nTcp: 12 x\nUdp: InErrors\n")
    assert counters.tcp(tmp_path) == {"sent_segments": 12}
