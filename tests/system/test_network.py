"""The network interfaces: of this host, of a recorded machine, and of what hides some of it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from recorded_machines import sysfs

from submitter.system import network


def test_this_hosts_interfaces() -> None:
    found = {interface.name: interface for interface in network.interfaces()}
    (loopback,) = [interface for interface in found.values() if interface.kind == network.LOOPBACK]
    assert loopback.is_virtual
    assert "127.0.0.1/8" in loopback.addresses
    for name, stats in psutil.net_if_stats().items():
        if name in found:
            assert found[name].mtu_bytes == stats.mtu
            assert found[name].speed_mbits == (stats.speed or None)


def test_eight_cards(tmp_path: Path) -> None:
    found = network.interfaces(sysfs("8xH100", tmp_path))
    assert [interface.name for interface in found] == [*(f"eth{number}" for number in range(8)), "lo"]
    last = found[7]
    assert (last.kind, last.driver, last.is_virtual) == ("Ethernet", "mlx5_core", False)
    assert (last.speed_mbits, last.mtu_bytes, last.numa_node, last.state) == (400_000, 9000, 1, "up")
    assert network.fields(tmp_path) == {
        "host_networking": "8x Ethernet (mlx5_core) 400000 Mbit/s",
        "host_network_card_count": "8",
    }


def test_a_link_that_is_down_has_no_speed(tmp_path: Path) -> None:
    """Linux writes -1 for it, or refuses to read the file."""
    speed = sysfs("8xH100", tmp_path) / "class/net/eth0/speed"
    speed.write_text("-1\n")
    assert network.interfaces(tmp_path)[0].speed_mbits is None
    speed.unlink()
    assert network.interfaces(tmp_path)[0].speed_mbits is None
    assert "7x Ethernet (mlx5_core) 400000 Mbit/s" in str(network.fields(tmp_path)["host_networking"])


def test_the_rate_of_infiniband_cards(tmp_path: Path) -> None:
    """A card's device is a link to its PCI device, below which InfiniBand has its ports."""
    for number in range(8):
        card = tmp_path / f"pci{number}"
        (card / f"infiniband/mlx5_{number}/ports/1").mkdir(parents=True)
        (card / f"infiniband/mlx5_{number}/ports/1/rate").write_text("400 Gb/sec (4X NDR)\n")
        (tmp_path / "drivers/mlx5_core").mkdir(parents=True, exist_ok=True)
        (card / "driver").symlink_to(tmp_path / "drivers/mlx5_core")
        interface = tmp_path / f"class/net/ibp{number}s0"
        interface.mkdir(parents=True)
        (interface / "type").write_text("32\n")
        (interface / "device").symlink_to(card)
    assert network.fields(tmp_path) == {
        "host_networking": "8x InfiniBand (mlx5_core) 400000 Mbit/s",
        "host_network_card_count": "8",
    }


def test_a_container_without_cards(tmp_path: Path) -> None:
    interface = tmp_path / "class/net/veth1"
    interface.mkdir(parents=True)
    (interface / "type").write_text("1\n")
    assert network.fields(tmp_path) == {"host_networking": "virtual Ethernet (veth1)", "host_network_card_count": "0"}
    assert network.fields(tmp_path / "empty") == {"host_networking": "none", "host_network_card_count": "0"}


def test_a_sandbox_that_hides_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    before = network.fields()

    def refused() -> None:
        raise PermissionError

    monkeypatch.setattr("psutil.net_if_addrs", refused)
    assert network.fields() == before
    assert not any(interface.addresses for interface in network.interfaces())
