"""`submitter run-all` on a real terminal, a pty of 80 columns: nothing is left of what was drawn, also after Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from typing import Any

import pytest
from echo_campaign import REPOSITORY
from terminal import Screen, frames

WHOLE_LINES = 110  # with the preflight and the report, folded at 80 columns


class OnTerminal:
    """The command line on a pty; its screen has seen all that `text` has."""

    def __init__(self, columns: int, *arguments: str, **environment: str) -> None:
        self.screen = Screen(columns)
        self.text = ""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        unset = ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
        inherited = {name: value for name, value in os.environ.items() if name not in unset}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "submitter.cli", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=REPOSITORY,
            env={**inherited, "TERM": "xterm-256color", **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)

    def read(self, until: str = "", timeout_s: float = 120) -> int | None:
        """Read until these words were drawn, or to the end; then returns the exit code."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            if not select.select([self._ours], [], [], 0.1)[0]:
                continue
            try:
                new = os.read(self._ours, 65536).decode(errors="replace")
            except OSError:  # the process and all its children have closed the terminal
                return self._process.wait(timeout=10)
            self.text += new
            if until and until in self.text:
                return None
        self._process.kill()
        raise AssertionError(f"{until or 'the end'} did not come: {self.text[-2000:]}")

    def press_ctrl_c(self) -> None:
        os.write(self._ours, b"\x03")

    @property
    def rows(self) -> list[str]:
        self.screen.feed(self.text)
        return self.screen.rows


@pytest.mark.parametrize(
    "environment", [{}, {"COLUMNS": "200"}], ids=["the terminal's width", "a width that is too large"]
)
def test_only_whole_lines_are_left(campaign: Any, environment: dict[str, str]) -> None:
    campaign.edit(campaign.measurement("Server", "user.conf"), "min_duration = 2000", "min_duration = 4000")
    campaign.edit(
        campaign.measurement("Server", "engine.toml"), "first_token_ms = 20", "load_s = 2\nfirst_token_ms = 20"
    )
    terminal = OnTerminal(80, "run-all", str(campaign.file), **environment)
    assert terminal.read() == 0
    drawn = frames(terminal.text)
    assert len([frame for frame in drawn if "Server performance" in frame and "left" in frame]) >= 3
    assert len([frame for frame in drawn if "loading echo" in frame]) >= 3
    assert all(len(frame) < 80 for frame in drawn)
    rows = terminal.rows
    assert not [row for row in rows if " left" in row or "loading" in row]
    assert len([row for row in rows if row.startswith("Server performance")]) == 1
    assert len(rows) < WHOLE_LINES
    assert all(len(row) <= 80 for row in rows)
    assert terminal.screen.wraps


def test_ctrl_c_leaves_a_clean_terminal(campaign: Any) -> None:
    campaign.edit(campaign.measurement("Server", "user.conf"), "min_duration = 2000", "min_duration = 60000")
    terminal = OnTerminal(80, "run-all", str(campaign.file))
    terminal.read(until="/24,000")
    terminal.press_ctrl_c()
    assert terminal.read(timeout_s=30) == 130
    rows = terminal.rows
    assert [row for row in rows if row.startswith("submitter: interrupted")]
    assert not [row for row in rows if " left" in row]
    assert terminal.screen.wraps
    assert "\x1b[?25l" not in terminal.text
