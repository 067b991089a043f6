"""An accelerator, what it does now, and the accelerators of a host, as their driver describes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """One device; None for facts that its driver does not report. `clock_mhz` is the maximum of its compute cores."""

    name: str | None
    uuid: str | None
    memory_bytes: int | None
    clock_mhz: int | None = None
    pcie_generation: int | None = None
    pcie_lanes: int | None = None
    numa_node: int | None = None
    """The NUMA node of the host that it is attached to."""


@dataclass(frozen=True, kw_only=True)
class Accelerators:
    """The devices of one vendor. `links` describes how they are connected; empty if the driver does not report it."""

    devices: tuple[Accelerator, ...] = ()
    driver: str = ""
    driver_version: str = ""
    links: str = ""

    @property
    def names(self) -> list[str]:
        return [device.name for device in self.devices if device.name]

    @property
    def software(self) -> str:
        """The driver's entry in the software stack; empty if there is no driver or its version is not known."""
        return f"{self.driver} driver {self.driver_version}" if self.driver_version else ""


@dataclass(frozen=True, kw_only=True)
class AcceleratorState:
    """What a device does and has now; None for what its driver does not report."""

    memory_bytes: int | None
    used_memory_bytes: int | None
    clock_mhz: int | None
    """Of its compute cores now; an idle device lowers it."""
    best_clock_mhz: int | None
    power_limit_w: float | None
    has_ecc: bool | None
    """Whether its memory corrects errors."""
    uncorrected_errors: int | None
    """Of its memory, since its driver was loaded."""
    slowdowns: tuple[str, ...] = ()
    """Why it is slower than its settings allow: heat or power, as its driver names it."""
    pcie_lanes: int | None = None
    best_pcie_lanes: int | None = None
    processes: tuple[str, ...] = ()
    """What computes on it now, each as a process id and a name."""


def answer(error: type[Exception], call: Callable[..., Any], *arguments: object) -> Any:
    """The result of one call of a driver's library; None if it raises `error`, because not all devices support it."""
    try:
        return call(*arguments)
    except error:
        return None


def whole_number(value: object) -> int | None:
    """The number that a driver reported, also as text; None for what it does not know, such as N/A."""
    if isinstance(value, int):
        return value
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() else None
