"""The host's network interfaces, as Linux shows them in /sys/class/net.

Source: the kernel's Documentation/ABI/testing/sysfs-class-net.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from submitter.system.host import text_of
from submitter.system.wording import counted

SYSFS = Path("/sys")
LOOPBACK = "loopback"
_KINDS = {"1": "Ethernet", "32": "InfiniBand", "772": LOOPBACK}  # ARPHRD_* of if_arp.h


@dataclass(frozen=True, kw_only=True)
class Interface:
    """One interface; None for a number that its driver does not report."""

    name: str
    kind: str
    """Ethernet, InfiniBand or loopback."""
    is_virtual: bool
    """Whether no hardware of this host is behind it: a bridge, a tunnel, one end of a container's veth pair."""
    driver: str
    """Of its hardware; empty if it is virtual."""
    state: str
    """up, down, or what else the kernel calls it."""
    speed_mbits: int | None
    """The speed of its link, in 10^6 bits per second. Virtual interfaces report a constant."""
    mtu_bytes: int | None
    numa_node: int | None
    addresses: tuple[str, ...] = ()
    """Its IP addresses with their networks, such as 10.0.0.1/24; those that are valid on one link only are left out."""


def interfaces(sysfs: Path = SYSFS) -> list[Interface]:
    """The interfaces that are Ethernet, InfiniBand or the loopback, by name. `addresses` are this host's, if any."""
    addresses = _addresses()
    found = []
    for folder in sorted((sysfs / "class" / "net").glob("*")):
        kind = _KINDS.get(text_of(folder / "type"))
        if kind is None:
            continue
        card = folder / "device"
        is_virtual = not card.exists()
        speed = text_of(folder / "speed")  # -1 if unknown, and an error while the link is down
        found.append(
            Interface(
                name=folder.name,
                kind=kind,
                is_virtual=is_virtual,
                driver="" if is_virtual else (card / "driver").resolve().name,
                state=text_of(folder / "operstate"),
                speed_mbits=(int(speed) if speed.isdigit() and int(speed) else None) or _infiniband_mbits(card),
                mtu_bytes=number_of(folder / "mtu"),
                numa_node=number_of(card / "numa_node"),
                addresses=tuple(addresses.get(folder.name, ())),
            )
        )
    return found


def fields(sysfs: Path = SYSFS) -> dict[str, object]:
    """The published fields: the network cards; in a container without any, the names of its virtual interfaces."""
    found = [interface for interface in interfaces(sysfs) if interface.kind != LOOPBACK]
    cards = [
        f"{card.kind} ({card.driver})" + (f" {card.speed_mbits} Mbit/s" if card.speed_mbits else "")
        for card in found
        if not card.is_virtual
    ]
    virtual = ", ".join(interface.name for interface in found if interface.is_virtual)
    return {
        "host_networking": counted(cards) or (f"virtual Ethernet ({virtual})" if virtual else "none"),
        "host_network_card_count": str(len(cards)),
    }


def number_of(path: Path) -> int | None:
    """The number in a file of sysfs; None if there is none, or -1, which means unknown."""
    text = text_of(path)
    return int(text) if text.isascii() and text.isdigit() else None


def _infiniband_mbits(card: Path) -> int | None:
    """The rate of an InfiniBand card's first port, which Linux writes like `400 Gb/sec (4X NDR)`; None if unknown."""
    rates = (re.match(r"(\d+) Gb/sec", text_of(path)) for path in sorted(card.glob("infiniband/*/ports/1/rate")))
    return next((int(found[1]) * 1000 for found in rates if found), None)


def _addresses() -> dict[str, list[str]]:
    """The IP addresses of each interface of this host, with their networks."""
    import psutil

    try:
        known = psutil.net_if_addrs()
    except OSError:  # a sandbox may forbid the query
        return {}
    found: dict[str, list[str]] = {}
    for name, addresses in known.items():
        for each in addresses:
            if each.family not in (socket.AF_INET, socket.AF_INET6) or not each.netmask:
                continue
            bits = bin(int(ipaddress.ip_address(each.netmask))).count("1")
            address = ipaddress.ip_interface(f"{each.address.partition('%')[0]}/{bits}")
            if not address.is_link_local:
                found.setdefault(name, []).append(str(address))
    return found
