"""Samples what the network of the parent's host counts while a run is under way, and sums it up at the end.

A thread of the parent reads the counters of `system.counters`, which takes 3 ms of CPU time with one card, 15 ms with
eight; the child, which serves and is timed, does nothing for it. Each sample is a row of `network.csv` in the run's
folder.
"""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TextIO

from submitter.errors import os_reason
from submitter.record import DeviceTraffic, NetworkTraffic, TcpTraffic
from submitter.system import counters
from submitter.system.counters import PROCFS, Counts
from submitter.system.network import SYSFS

NETWORK_LOG = "network.csv"
INTERVAL_S = 5.0
_END_LIMIT_S = 30.0  # a driver's tool that hangs must not keep a finished run
_TCP = "tcp"
# Switches lose a packet in millions. At these shares the lost time shows in the tail of the latencies.
_RETRANSMITTED_SHARE = 1e-3
_DISCARDED_SHARE = 1e-4
_RDMA_RETRANSMITS_SHARE = 1e-5
# What says nothing whatever its share: a short run sends few packets, and an idle interface discards what a switch
# announces each second.
_FEW = 10
_FEW_PER_S = 1.0


class NetworkSampler:
    """Samples one run after the other: `begin` with the run's folder, then `end`. Leaving its block ends the thread."""

    def __init__(self, interval_s: float = INTERVAL_S, sysfs: Path = SYSFS, procfs: Path = PROCFS) -> None:
        self._interval_s = interval_s
        self._sysfs, self._procfs = sysfs, procfs
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None
        self._traffic: NetworkTraffic | None = None

    def __enter__(self) -> NetworkSampler:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()  # a thread that still writes would keep the folder of a failed run from being removed

    def begin(self, folder: Path) -> None:
        """Sample from now on; the rows go to a file in `folder`."""
        self._is_over = threading.Event()
        self._traffic = None
        self._thread = threading.Thread(target=self._sample, args=(folder, self._is_over), daemon=True)
        self._thread.start()

    def end(self) -> NetworkTraffic | None:
        """What was counted since `begin`; None if the host does not answer in time."""
        self._is_over.set()
        if self._thread is not None:
            self._thread.join(_END_LIMIT_S)
        return self._traffic

    def _sample(self, folder: Path, is_over: threading.Event) -> None:
        began_s = time.monotonic()
        samples = _Samples(self._read())
        try:
            with (folder / NETWORK_LOG).open("w", newline="") as file:
                samples.write_heading(file)
                while not is_over.wait(self._interval_s):
                    samples.add(self._read(), time.monotonic() - began_s, file)
                samples.add(self._read(), time.monotonic() - began_s, file)
        except OSError as error:  # LoadGen's own logs fail then, too, and end the run
            samples.problem = f"{NETWORK_LOG} is incomplete: {os_reason(error)}"
        self._traffic = samples.traffic(self._interval_s)

    def _read(self) -> _Reading:
        return _Reading(self._sysfs, self._procfs)


class _Reading:
    """All counters at one time, by device; TCP is one, too."""

    def __init__(self, sysfs: Path, procfs: Path) -> None:
        self.devices = {_label(device): device for device in counters.devices(sysfs)}
        self.counts = {name: device.counts for name, device in self.devices.items()}
        if tcp := counters.tcp(procfs):
            self.counts[_TCP] = tcp


def _label(device: counters.DeviceCounts) -> str:
    """Its name; that of an RDMA device is marked, because its interface may have the same."""
    return f"rdma {device.name}" if device.is_rdma else device.name


class _Samples:
    """The readings of a run: what each counter has counted since the first one."""

    def __init__(self, first: _Reading) -> None:
        self._devices = dict(first.devices)
        self._before = first.counts
        self._columns = [(name, key) for name, counts in first.counts.items() for key in counts]
        self._totals: dict[str, Counts] = {name: dict.fromkeys(counts, 0) for name, counts in first.counts.items()}
        self._count = 1
        self._seconds = 0.0
        self._problems: list[str] = []
        self.problem = ""

    def write_heading(self, file: TextIO) -> None:
        csv.writer(file).writerow(["seconds", *(f"{name} {key}" for name, key in self._columns)])

    def add(self, reading: _Reading, seconds: float, file: TextIO) -> None:
        """Count a reading, and write a row with what was counted since the one before."""
        row: dict[tuple[str, str], int] = {}
        for name, counts in reading.counts.items():
            before = self._before.get(name, {})
            totals = self._totals.setdefault(name, {})
            if any(counts[key] < before.get(key, 0) for key in counts):
                self._note(f"the counters of {name} began again at 0 during the run")
            for key, value in counts.items():
                earlier = before.get(key, 0)
                row[name, key] = value - earlier if value >= earlier else value
                totals[key] = totals.get(key, 0) + row[name, key]
        for name in self._before.keys() - reading.counts.keys():
            self._note(f"{name} went away during the run")
        self._before = reading.counts
        self._devices |= reading.devices
        self._count += 1
        self._seconds = seconds
        csv.writer(file).writerow([f"{seconds:.1f}", *(row.get(column, "") for column in self._columns)])

    def _note(self, problem: str) -> None:
        if problem not in self._problems:
            self._problems.append(problem)

    def traffic(self, interval_s: float) -> NetworkTraffic:
        devices = {
            name: DeviceTraffic(is_rdma=device.is_rdma, is_virtual=device.is_virtual, **self._totals[name])
            for name, device in self._devices.items()
        }
        tcp = TcpTraffic(**self._totals[_TCP]) if _TCP in self._totals else None
        few = max(_FEW, self._seconds * _FEW_PER_S)
        warnings = [*filter(None, [self.problem]), *self._problems]
        for name, device in devices.items():
            warnings += _device_warnings(name, device, few)
        if tcp and _is_much(tcp.retransmitted_segments, tcp.sent_segments, _RETRANSMITTED_SHARE, few):
            share = f"{tcp.retransmitted_segments / tcp.sent_segments:.2%} of the segments"
            warnings.append(f"TCP sent {tcp.retransmitted_segments:,} segments again, {share}")
        return NetworkTraffic(
            interval_s=interval_s, sample_count=self._count, devices=devices, tcp=tcp, warnings=tuple(warnings)
        )


def _device_warnings(name: str, device: DeviceTraffic, few: float) -> Iterator[str]:
    packets = (device.received_packets or 0) + (device.sent_packets or 0)
    if device.link_downs:
        yield f"the link of {name} went down during the run ({device.link_downs}x)"
    if device.errors:
        yield f"{name} counted {device.errors:,} errors; look at its cable and at the port of the switch"
    discarded, retransmits = device.discarded_packets or 0, device.retransmits or 0
    if _is_much(discarded, packets, _DISCARDED_SHARE, few):
        yield f"{name} discarded {discarded:,} of {packets:,} packets"
    if _is_much(retransmits, packets, _RDMA_RETRANSMITS_SHARE, _FEW):
        yield f"{name} had to send again {retransmits:,} times in {packets:,} packets"


def _is_much(count: int, total: int, share: float, few: float) -> bool:
    return count >= few and count > share * total
