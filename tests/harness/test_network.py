"""What the network did during a run: sampled by the parent, in the run's folder and in what the run returns."""

from __future__ import annotations

import csv
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from echo_sessions import Watched
from recorded_machines import sysfs

from submitter.harness import supervisor
from submitter.harness.network import NETWORK_LOG, NetworkSampler
from submitter.model import Mode, Scenario
from submitter.record import NetworkTraffic

RunEcho = Callable[..., Watched]
BYTES = 3_000_000


def count(path: Path, more: int) -> None:
    """Let a counter of a recorded machine count on."""
    path.write_text(f"{int(path.read_text()) + more}\n")


def sampled(folder: Path, machine: Path, change: Callable[[], None], proc: Path | None = None) -> NetworkTraffic:
    with NetworkSampler(0.02, machine, proc or folder / "none") as sampler:
        sampler.begin(folder)
        while not (folder / NETWORK_LOG).exists():
            time.sleep(0.01)
        change()
        traffic = sampler.end()
    assert traffic is not None
    return traffic


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / NETWORK_LOG).open(newline="") as file:
        return list(csv.DictReader(file))


def send_over_loopback(byte_count: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        served, _ = server.accept()
        thread = threading.Thread(target=client.sendall, args=(b"x" * byte_count,))
        with client, served:
            thread.start()
            got = 0
            while got < byte_count:
                got += len(served.recv(65536))
            thread.join()


def test_an_echo_run_sees_the_traffic_of_its_host(
    run_echo: RunEcho, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real counters: the bytes that this test sends over the loopback while the run goes on, and no fewer."""
    monkeypatch.setattr(supervisor, "NetworkSampler", partial(NetworkSampler, 0.1, _only_loopback(tmp_path / "sys")))

    class Sending(Watched):
        def event(self, kind: str, run: object, facts: dict[str, object]) -> None:  # type: ignore[override]
            super().event(kind, run, facts)  # type: ignore[arg-type]
            if kind == "run":
                time.sleep(0.2)  # the first sample is there
                send_over_loopback(BYTES)

    watched = run_echo([(Scenario.SERVER, Mode.PERFORMANCE)], watched=Sending())
    (done,) = watched.finished
    assert done.network is not None
    (device,) = done.network.devices.values()
    assert device.is_virtual
    assert device.sent_bytes is not None
    assert BYTES <= device.sent_bytes < 2 * BYTES
    assert device.sent_bytes == device.received_bytes
    assert done.network.tcp is not None
    assert done.network.tcp.sent_segments > 0
    sums = sum(int(row["lo sent_bytes"]) for row in rows(tmp_path / "runs/Server/performance"))
    assert sums == device.sent_bytes
    assert done.network.warnings == ()
    assert "network" not in [kind for kind, _ in watched.events]


def _only_loopback(folder: Path) -> Path:
    """A /sys with this host's loopback alone, whose counters are the real ones."""
    (folder / "class/net").mkdir(parents=True)
    (folder / "class/net/lo").symlink_to("/sys/class/net/lo")
    return folder


def test_a_run_on_a_host_without_counters(run_echo: RunEcho, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "nowhere"
    monkeypatch.setattr(supervisor, "NetworkSampler", partial(NetworkSampler, 0.1, nowhere, nowhere))
    (done,) = run_echo([(Scenario.OFFLINE, Mode.PERFORMANCE)]).finished
    assert done.network is not None
    assert (done.network.devices, done.network.tcp, done.network.warnings) == ({}, None, ())


def test_each_run_of_a_session_has_its_own(run_echo: RunEcho, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And an error of a card reaches the watcher, after the run's verdict."""
    machine = sysfs("8xH100", tmp_path / "sys")
    monkeypatch.setattr(supervisor, "NetworkSampler", partial(NetworkSampler, 0.1, machine, tmp_path / "none"))
    ports = machine / "class/infiniband"

    class Breaking(Watched):
        def event(self, kind: str, run: object, facts: dict[str, object]) -> None:  # type: ignore[override]
            super().event(kind, run, facts)  # type: ignore[arg-type]
            if kind == "run":
                time.sleep(0.2)
                count(ports / "mlx5_1/ports/1/counters/port_rcv_data", 1000)
                if len([1 for name, _ in self.events if name == "run"]) == 2:
                    count(ports / "mlx5_3/ports/1/counters/symbol_error", 17)

    both = [(Scenario.OFFLINE, Mode.PERFORMANCE), (Scenario.SERVER, Mode.PERFORMANCE)]
    watched = run_echo(both, watched=Breaking())
    first, second = (done.network for done in watched.finished)
    assert first is not None
    assert second is not None
    for traffic in (first, second):
        assert traffic.devices["rdma mlx5_1"].received_bytes == 4000
        assert traffic.devices["rdma mlx5_0"].received_bytes == 0
    assert first.warnings == ()
    assert second.warnings == ("rdma mlx5_3 counted 17 errors; look at its cable and at the port of the switch",)
    kinds = [kind for kind, _ in watched.events if kind in ("judged", "network")]
    assert kinds == ["judged", "judged", "network"]


def test_what_each_sample_counted_is_a_row(tmp_path: Path) -> None:
    machine = sysfs("8xH100", tmp_path / "sys")
    traffic = sampled(tmp_path, machine, lambda: count(machine / "class/net/eth2/statistics/rx_bytes", 500))
    found = rows(tmp_path)
    assert len(found) == traffic.sample_count - 1
    assert sum(int(row["eth2 received_bytes"]) for row in found) == 500
    assert traffic.devices["eth2"].received_bytes == 500
    assert traffic.devices["eth2"].pause_frames_sent is None
    assert "lo received_bytes" not in found[0]


@pytest.mark.parametrize(
    ("file", "more", "warning"),
    [
        (
            "class/infiniband/mlx5_5/ports/1/counters/link_downed",
            1,
            "the link of rdma mlx5_5 went down during the run (1x)",
        ),
        ("class/net/eth5/carrier_down_count", 2, "the link of eth5 went down during the run (2x)"),
        ("class/net/eth5/statistics/rx_dropped", 40, "eth5 discarded 40 of 0 packets"),
        ("class/net/eth5/statistics/rx_dropped", 9, ""),
        (
            "class/infiniband/mlx5_5/ports/1/hw_counters/local_ack_timeout_err",
            12,
            "rdma mlx5_5 had to send again 12 times in 0 packets",
        ),
        ("class/infiniband/mlx5_5/ports/1/hw_counters/np_ecn_marked_roce_packets", 10_000, ""),
        ("class/net/eth5/statistics/rx_bytes", -100, "the counters of eth5 began again at 0 during the run"),
    ],
)
def test_what_is_a_warning(tmp_path: Path, file: str, more: int, warning: str) -> None:
    machine = sysfs("8xH100", tmp_path / "sys")
    traffic = sampled(tmp_path, machine, lambda: count(machine / file, more))
    assert traffic.warnings == ((warning,) if warning else ())


def test_tcp_segments_that_were_sent_again(tmp_path: Path) -> None:
    snmp = tmp_path / "proc/net/snmp"
    snmp.parent.mkdir(parents=True)
    line = "Tcp: OutSegs RetransSegs\nTcp: {} {}\n"
    snmp.write_text(line.format(1000, 5))

    def change() -> None:
        snmp.write_text(line.format(3000, 45))

    traffic = sampled(tmp_path, tmp_path / "none", change, tmp_path / "proc")
    assert traffic.warnings == ("TCP sent 40 segments again, 2.00% of the segments",)


def test_a_device_that_goes_away(tmp_path: Path) -> None:
    machine = sysfs("8xH100", tmp_path / "sys")
    traffic = sampled(tmp_path, machine, (machine / "class/net/eth7/type").unlink)
    assert traffic.warnings == ("eth7 went away during the run",)
    assert traffic.devices["eth7"].received_bytes == 0


def test_a_folder_that_cannot_be_written_costs_only_the_rows(tmp_path: Path) -> None:
    machine = sysfs("8xH100", tmp_path / "sys")
    with NetworkSampler(0.02, machine, tmp_path) as sampler:
        sampler.begin(tmp_path / "absent")
        traffic = sampler.end()
    assert traffic is not None
    assert traffic.warnings == ("network.csv is incomplete: it does not exist",)
