"""Compares the figures of the network with each other and with the speed of its links."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from submitter.cluster.bandwidth import Measurement
from submitter.cluster.finding import NodeFinding

# The share of the others' rate, and the multiple of their time, from which on a pair is worse than they are.
_RATE_SHARE = 0.8
_TIME_FACTOR = 2.0
# So much more than the others may be noise.
_TCP_NOISE_US, _RDMA_NOISE_US = 50.0, 2.0
# What a healthy link carries of its speed; above 25 Gbit/s, TCP is limited by the processor instead.
_TCP_LINK_SHARE, _TCP_LINK_MAX_GBITS = 0.7, 25.0
_RDMA_LINK_SHARE = 0.85


def findings(measurements: Sequence[Measurement]) -> list[NodeFinding]:
    """What could not be measured, what is slower than elsewhere, and what is slower than its link."""
    found = []
    for each in measurements:
        usual = _usual([other for other in measurements if (other.what, other.unit) == (each.what, each.unit)])
        found += [*_failed(each), *_worse(each, usual), *_slower_than_its_link(each)]
    return found


def place(measurement: Measurement) -> str:
    """The node or the pair that was measured."""
    within = measurement.source == measurement.target
    return measurement.source if within else f"{measurement.source} -> {measurement.target}"


def _usual(group: Sequence[Measurement]) -> float | None:
    """The median; of an even number of figures the better one in the middle, so that one of two can be found slow."""
    values = [each.value for each in group if each.value is not None]
    if len(values) < 2:
        return None
    return statistics.median_low(values) if group[0].unit == "us" else statistics.median_high(values)


def _failed(each: Measurement) -> Iterator[NodeFinding]:
    if each.problem:
        yield NodeFinding(
            node=place(each),
            what=each.what,
            found=each.problem,
            expected="a figure",
            hint="let the nodes connect to each other on all ports: look at firewalls and at the routes",
        )


def _worse(each: Measurement, usual: float | None) -> Iterator[NodeFinding]:
    if each.value is None or usual is None:
        return
    if each.unit == "us":
        noise_us = _TCP_NOISE_US if each.what.startswith("TCP") else _RDMA_NOISE_US
        is_worse = each.value > max(_TIME_FACTOR * usual, usual + noise_us)
    else:
        is_worse = each.value < _RATE_SHARE * usual
    if is_worse:
        yield NodeFinding(
            node=place(each),
            what=each.what,
            found=f"{each.value:.3g} {each.unit}",
            expected=f"about {usual:.3g} {each.unit}, as elsewhere",
            hint="look at the cables, the ports of the switch, and at what else uses the network",
        )


def _slower_than_its_link(each: Measurement) -> Iterator[NodeFinding]:
    if each.value is None or each.link_gbits is None:
        return
    is_tcp = each.what == "TCP"
    if is_tcp and each.link_gbits > _TCP_LINK_MAX_GBITS:
        return
    share = _TCP_LINK_SHARE if is_tcp else _RDMA_LINK_SHARE
    if each.value < share * each.link_gbits:
        yield NodeFinding(
            node=place(each),
            what=each.what,
            found=f"{each.value:.3g} {each.unit}",
            expected=f"{share:.0%} or more of the link's {each.link_gbits:g} Gbit/s",
            hint="look at MTU, at the card's PCIe slot, and at what else uses the network",
        )
