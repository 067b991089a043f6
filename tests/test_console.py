"""Tables and runs in a file or a pipe: plain lines; on a terminal: drawn by rich, and nothing is left half drawn."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numpy")

from submitter import console
from submitter.harness.plan import RunPlan
from submitter.model import Mode, Scenario

HEADING = ("benchmark", "result", "")
ROWS = [("a [b] c", "1,234.00 Tokens/s", "VALID"), ("x" * 100, "", "INVALID")]
ESCAPE = "\x1b"
PROGRESS = {"done": 25, "issued": 50, "tokens": 1000, "ttft_p99_ms": 12.3, "tpot_p99_ms": 4.56}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    return Terminal()


@pytest.fixture
def run() -> RunPlan:
    return RunPlan(
        scenario=Scenario.SERVER,
        mode=Mode.PERFORMANCE,
        loadgen_model="llama2-70b",
        user_conf=Path("user.conf"),
        folder=Path("runs/Server/performance"),
        expected_samples=100,
        expected_s=90.0,
    )


def session(watcher: console.ConsoleWatcher, run: RunPlan) -> None:
    """The events of one run; the clock of the watcher decides which progress is worth a line."""
    events: list[tuple[str, RunPlan | None, dict[str, Any]]] = [
        ("loading", None, {"engine": "echo"}),
        ("ready", None, {"seconds": 3.0}),
        ("run", run, {}),
        ("progress", run, PROGRESS),
        ("progress", run, PROGRESS | {"done": 50}),
        ("finished", run, {"done": 100, "seconds": 90.0, "tokens": 9000}),
    ]
    for kind, of, facts in events:
        watcher.event(kind, of, dict(facts))


def test_a_table_in_a_pipe_is_plain_and_whole() -> None:
    stream = io.StringIO()
    console.show_table(HEADING, ROWS, stream)
    assert stream.getvalue().splitlines() == [
        f"{'benchmark':<100}  result",
        f"{'-' * 100}  {'-' * 17}  -------",
        f"{'a [b] c':<100}  1,234.00 Tokens/s  VALID",
        f"{'x' * 100}                     INVALID",
    ]


def test_a_table_on_a_terminal_has_colours_and_the_same_words(terminal: Terminal) -> None:
    console.show_table(HEADING, ROWS, terminal)
    text = terminal.getvalue()
    assert re.search(r"\x1b\[32mVALID", text)
    assert re.search(r"\x1b\[31mINVALID", text)
    bare = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert [line.split() for line in bare.splitlines() if "─" not in line] == [
        " ".join(row).split() for row in [HEADING, *ROWS]
    ]


def test_no_colour_where_none_is_wanted(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console.show_table(HEADING, ROWS, terminal)
    assert "\x1b[3" not in terminal.getvalue()


def test_a_run_in_a_pipe_is_a_line_an_event(run: RunPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 100.0, 110.0, 120.0])  # made, the run, 10 s on: no line yet, 20 s on
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    stream = io.StringIO()
    watcher = console.ConsoleWatcher(stream, [run])
    session(watcher, run)
    watcher.close()
    assert stream.getvalue().splitlines() == [
        "engine   ready after 3 s",
        "Server performance    about 1 min 30 s ...",
        "Server performance    50/100  50 tokens/s  p99 TTFT 12 ms TPOT 4.6 ms  20 s left",
        "Server performance    100 samples in 1 min 30 s, 100 tokens/s",
    ]


def test_a_run_on_a_terminal_is_drawn_and_leaves_whole_lines(terminal: Terminal, run: RunPlan) -> None:
    watcher = console.ConsoleWatcher(terminal, [run])
    session(watcher, run)
    watcher.close()
    text = terminal.getvalue()
    assert "25/100" in text
    assert "50/100" in text
    assert "━" in text
    assert screen(text) == ["engine   ready after 3 s", "Server performance    100 samples in 1 min 30 s, 100 tokens/s"]


def test_what_ends_in_the_middle_leaves_no_bar_and_shows_the_cursor(terminal: Terminal, run: RunPlan) -> None:
    watcher = console.ConsoleWatcher(terminal, [run])
    watcher.event("run", run, {})
    watcher.event("progress", run, dict(PROGRESS))
    watcher.close()
    text = terminal.getvalue()
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert screen(text) == []


def test_a_dumb_terminal_gets_plain_lines(terminal: Terminal, run: RunPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    session(console.ConsoleWatcher(terminal, [run]), run)
    assert ESCAPE not in terminal.getvalue()
    assert len(terminal.getvalue().splitlines()) == 3


def screen(text: str) -> list[str]:
    """What a terminal shows in the end: the few commands that rich gives, carried out."""
    lines, row = [""], 0
    for piece in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        if piece == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif piece == "\x1b[1A":
            row -= 1
        elif piece == "\x1b[2K":
            lines[row] = ""
        elif piece != "\r" and not piece.startswith(ESCAPE):
            lines[row] += piece
    return [line for line in lines if line.strip()]
