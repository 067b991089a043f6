"""Figures of the network against each other and against their links."""

from __future__ import annotations

from submitter.cluster import compare_bandwidth
from submitter.cluster.bandwidth import Measurement


def measured(
    pair: str,
    value: float | None,
    what: str = "TCP",
    unit: str = "Gbit/s",
    link: float | None = None,
    problem: str = "",
) -> Measurement:
    source, _, target = pair.partition(">")
    return Measurement(
        what=what, source=source, target=target or source, value=value, unit=unit, link_gbits=link, problem=problem
    )


def findings(*measurements: Measurement) -> list[str]:
    return [f"{each.node}: {each.found}; {each.expected}" for each in compare_bandwidth.findings(measurements)]


def test_pairs_that_are_alike() -> None:
    rates = [measured(pair, value) for pair, value in (("a>b", 9.4), ("b>c", 9.2), ("c>a", 7.9))]
    times = [measured(pair, value, "TCP round trip", "us") for pair, value in (("a>b", 20), ("b>c", 60), ("c>a", 25))]
    assert findings(*rates, *times) == []
    assert findings() == []


def test_a_slow_pair() -> None:
    rates = [measured(pair, value) for pair, value in (("a>b", 9.4), ("b>c", 2.1), ("c>a", 9.3))]
    assert findings(*rates) == ["b -> c: 2.1 Gbit/s; about 9.3 Gbit/s, as elsewhere"]
    assert findings(rates[1], rates[2]) == ["b -> c: 2.1 Gbit/s; about 9.3 Gbit/s, as elsewhere"], "of two, too"
    assert findings(rates[1]) == []


def test_a_pair_with_long_round_trips() -> None:
    times = [measured(pair, value, "TCP round trip", "us") for pair, value in (("a>b", 20), ("b>a", 5020))]
    assert findings(*times) == ["b -> a: 5.02e+03 us; about 20 us, as elsewhere"]
    times = [measured(pair, value, "RDMA mlx5_0 latency", "us") for pair, value in (("a>b", 1.8), ("b>a", 6.1))]
    assert findings(*times) == ["b -> a: 6.1 us; about 1.8 us, as elsewhere"]


def test_one_device_is_not_compared_with_another() -> None:
    assert findings(measured("a>b", 390, "RDMA mlx5_0"), measured("a>b", 97, "RDMA mlx5_1")) == []
    assert findings(measured("a", 480, "all-reduce", "GB/s"), measured("b", 300, "all-reduce", "GB/s")) == [
        "b: 300 GB/s; about 480 GB/s, as elsewhere"
    ]


def test_a_rate_below_its_link() -> None:
    assert findings(measured("a>b", 6.9, link=10.0)) == ["a -> b: 6.9 Gbit/s; 70% or more of the link's 10 Gbit/s"]
    assert findings(measured("a>b", 9.4, link=10.0)) == []
    assert findings(measured("a>b", 30.0, link=400.0)) == [], "TCP fills no such link"
    assert findings(measured("a>b", 197.0, "RDMA mlx5_0", link=400.0)) == [
        "a -> b: 197 Gbit/s; 85% or more of the link's 400 Gbit/s"
    ]


def test_what_could_not_be_measured() -> None:
    assert findings(measured("a>b", None, problem="connection refused"), measured("b>a", 9.4)) == [
        "a -> b: connection refused; a figure"
    ]
