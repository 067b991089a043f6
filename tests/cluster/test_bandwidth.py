"""What is measured between which nodes, and by which way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from submitter.cluster import bandwidth
from submitter.cluster.bandwidth import common_link
from submitter.system.network import Interface


def interface(name: str, *addresses: str, virtual: bool = False, **fields: Any) -> Interface:
    usual = {"kind": "Ethernet", "driver": "x", "state": "up", "speed_mbits": 10_000, "mtu_bytes": 1500}
    values = {**usual, "numa_node": None, **fields}
    return Interface(name=name, is_virtual=virtual, addresses=addresses, **values)


def test_the_fastest_network_of_both() -> None:
    ours = [interface("a", "10.0.0.1/24"), interface("b", "10.1.0.1/24", speed_mbits=400_000)]
    theirs = [interface("x", "10.1.0.2/24", speed_mbits=100_000), interface("y", "10.0.0.2/24")]
    assert common_link(ours, theirs) == bandwidth.CommonLink(network="10.1.0.0/24", address="10.1.0.2", gbits=100.0)


def test_what_is_virtual_is_the_last_choice_and_has_no_speed() -> None:
    """The same bridge of a container engine on both hosts is no way between them."""
    bridge = interface("docker0", "172.17.0.1/16", virtual=True)
    veth = [interface("v", f"10.9.0.{number}/24", virtual=True, speed_mbits=400_000) for number in (1, 2)]
    card = [interface("c", f"10.0.0.{number}/24") for number in (1, 2)]
    assert common_link([bridge], [bridge]) is None
    found = common_link([bridge, veth[0]], [bridge, veth[1]])
    assert found is not None
    assert (found.address, found.gbits) == ("10.9.0.2", None)
    found = common_link([veth[0], card[0]], [veth[1], card[1]])
    assert found is not None
    assert (found.address, found.gbits) == ("10.0.0.2", 10.0)


def test_no_way() -> None:
    assert common_link([interface("a", "10.0.0.1/24")], [interface("b", "10.0.1.1/24")]) is None
    assert common_link([interface("a", "10.0.0.1/24", state="down")], [interface("b", "10.0.0.2/24")]) is None
    assert common_link([interface("lo", "127.0.0.1/8", kind="loopback")], [interface("b", "127.0.0.2/8")]) is None
    assert common_link([interface("a", "x", "")], [interface("b", "10.0.0.1/24")]) is None


def test_each_sends_once_and_receives_once_and_none_is_in_two_pairs_at_once() -> None:
    for count in (2, 3, 4, 7, 72):
        nodes: list[Any] = [SimpleNamespace(node=f"n{number}") for number in range(count)]
        rounds = list(bandwidth._rounds(nodes))
        assert len(rounds) <= 3
        pairs = [(source.node, target.node) for one in rounds for source, target in one]
        assert sorted(source for source, _ in pairs) == sorted(target for _, target in pairs)
        assert len(set(pairs)) == count
        for one in rounds:
            busy = [each.node for pair in one for each in pair]
            assert len(busy) == len(set(busy))
