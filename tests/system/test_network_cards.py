"""The network cards in words, as a document names them."""

from __future__ import annotations

from pathlib import Path

import pytest
import recorded_machines

from submitter.campaign import templates
from submitter.system import network, network_cards


def test_each_card_with_its_rdma_device_and_its_way_to_the_host(tmp_path: Path) -> None:
    cards = network_cards.found(recorded_machines.sysfs("8xH100", tmp_path))
    assert len(cards) == 8
    assert cards[7] == network_cards.NetworkCard(
        interfaces="eth7",
        name="Ethernet (mlx5_core), MT4129",
        link="400 Gbit/s, up",
        rdma="mlx5_7: 400 Gbit/s (4X NDR)",
        host_link="PCIe 32 GT/s, 16 lanes, NUMA node 1",
    )


def test_nothing_is_guessed_of_a_card_that_shows_little(tmp_path: Path) -> None:
    card = tmp_path / "class/net/eth0"
    (card / "device").mkdir(parents=True)
    (card / "type").write_text("1\n")
    (card / "speed").write_text("-1\n")
    (one,) = network_cards.found(tmp_path)
    assert (one.interfaces, one.link, one.rdma, one.host_link) == ("eth0", "", "", "")


def test_an_rdma_device_without_an_interface(tmp_path: Path) -> None:
    port = tmp_path / "class/infiniband/mlx5_0/ports/1"
    port.mkdir(parents=True)
    (port / "rate").write_text("200 Gb/sec (4X HDR)\n")
    (one,) = network_cards.found(tmp_path)
    assert (one.interfaces, one.rdma) == ("", "mlx5_0: 200 Gbit/s (4X HDR)")


def test_virtual_interfaces_are_no_cards(tmp_path: Path) -> None:
    folder = tmp_path / "class/net/veth0"
    folder.mkdir(parents=True)
    (folder / "type").write_text("1\n")
    assert network_cards.found(tmp_path) == []


def test_the_document_about_bandwidth_has_the_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "SYSFS", recorded_machines.sysfs("8xH100", tmp_path))
    text = templates._network_cards()
    assert "| eth0 | Ethernet (mlx5_core), MT4129 | 400 Gbit/s, up | mlx5_0: 400 Gbit/s (4X NDR) | PCIe 32 GT/s" in text
    assert text.count("| eth") == 8
    monkeypatch.setattr(network, "SYSFS", tmp_path / "nothing")
    assert templates._network_cards() == ""
