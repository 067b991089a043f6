"""The RDMA devices: of a recorded machine, and where there are none."""

from __future__ import annotations

from pathlib import Path

from recorded_machines import sysfs

from submitter.system import rdma


def test_eight_cards_for_roce(tmp_path: Path) -> None:
    found = rdma.devices(sysfs("8xH100", tmp_path))
    assert [device.name for device in found] == [f"mlx5_{number}" for number in range(8)]
    assert [device.numa_node for device in found] == [0] * 4 + [1] * 4
    first = found[0]
    assert (first.kind, first.firmware, first.interfaces) == ("MT4129", "28.42.1000", ("eth0",))
    assert first.pcie == rdma.PcieLink(speed_gt_s=32.0, lanes=16, best_speed_gt_s=32.0, best_lanes=16)
    assert first.ports == (
        rdma.RdmaPort(
            number=1,
            state="ACTIVE",
            physical_state="LinkUp",
            rate_gbits=400.0,
            width_and_kind="4X NDR",
            link_layer="Ethernet",
        ),
    )


def test_a_port_that_is_down_and_a_slow_slot(tmp_path: Path) -> None:
    sysfs("8xH100", tmp_path)
    port = tmp_path / "class/infiniband/mlx5_2/ports/1"
    (port / "state").write_text("1: DOWN\n")
    (port / "phys_state").write_text("3: Disabled\n")
    (tmp_path / "bus/pci/devices/0000:4d:00.0/current_link_width").write_text("8\n")
    device = rdma.devices(tmp_path)[2]
    assert (device.ports[0].state, device.ports[0].physical_state) == ("DOWN", "Disabled")
    assert (device.pcie.lanes, device.pcie.best_lanes) == (8, 16)


def test_the_order_is_that_of_the_numbers(tmp_path: Path) -> None:
    for name in ("mlx5_10", "mlx5_2", "bnxt_re0"):
        (tmp_path / "class/infiniband" / name).mkdir(parents=True)
    assert [device.name for device in rdma.devices(tmp_path)] == ["bnxt_re0", "mlx5_2", "mlx5_10"]


def test_no_devices(tmp_path: Path) -> None:
    assert rdma.devices(tmp_path) == []
