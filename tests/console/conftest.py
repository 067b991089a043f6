"""What the tests of the console share."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from run_plans import run_plan
from terminal import Terminal

from submitter.console import output
from submitter.harness.plan import RunPlan
from submitter.model import Mode, Scenario


@pytest.fixture
def make_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Terminal]:
    """A terminal of so many columns. Who asks the system for the size of a terminal gets that of its screen."""

    def make(columns: int) -> Terminal:
        terminal = Terminal(columns)
        monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((terminal.screen.columns, 40)))
        return terminal

    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return make


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in s, in a list, so that a test can change it."""
    now = [1000.0]
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def server() -> RunPlan:
    return run_plan(Scenario.SERVER, Mode.PERFORMANCE, expected_samples=100, expected_s=90.0)
