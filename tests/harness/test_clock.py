"""A clock that is set during a run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from submitter.harness.clock import ClockSteps


class Clocks:
    """A system's clock and a monotonic one, which go on by a little with each look."""

    def __init__(self) -> None:
        self.now_s, self.set_s, self.held_up_s = 1000.0, 0.0, 0.0

    def wall_s(self) -> float:
        self.now_s += 1e-6 + self.held_up_s
        return self.now_s + self.set_s

    def monotonic_s(self) -> float:
        self.now_s += 1e-6
        return self.now_s


@pytest.mark.parametrize(("set_s", "noticed"), [(0, False), (0.05, False), (0.2, True), (3600, True), (-3600, True)])
def test_a_clock_that_was_set_is_noticed(set_s: float, noticed: bool) -> None:
    clocks = Clocks()
    steps = ClockSteps(clocks.wall_s, clocks.monotonic_s)
    assert steps.step_s() == 0
    steps.begin()
    clocks.now_s += 7200
    assert steps.step_s() == 0
    clocks.set_s = set_s
    assert steps.step_s() == pytest.approx(set_s if noticed else 0, abs=1e-3)
    steps.begin()
    assert steps.step_s() == 0


def test_a_process_that_is_held_up_between_two_looks_notices_nothing() -> None:
    clocks = Clocks()
    steps = ClockSteps(clocks.wall_s, clocks.monotonic_s)
    steps.begin()
    clocks.held_up_s = 5.0
    assert steps.step_s() == 0


def test_loadgen_measures_with_the_systems_clock() -> None:
    """The reason for all this; a LoadGen that measures with the steady clock would need it no more."""
    loadgen = pytest.importorskip("mlperf_loadgen")
    if shutil.which("nm") is None:
        pytest.skip("nm is not installed")
    symbols = subprocess.run(["nm", "-D", loadgen.__file__], capture_output=True, text=True, check=True).stdout
    assert "system_clock3now" in symbols
    assert Path(loadgen.__file__).suffix == ".so"
