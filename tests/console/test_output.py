"""The live line: drawn on a terminal of any width, plain lines elsewhere, and never mixed with other text."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable

import pytest
from terminal import Terminal, frames

from submitter.console import show_line, show_table
from submitter.console.output import LiveLine

MakeTerminal = Callable[[int], Terminal]


def text_of(length: int) -> Callable[[int], str]:
    return lambda columns: ("x" * length)[:columns]


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_a_line_is_drawn_in_one_row_and_leaves_nothing(make_terminal: MakeTerminal, columns: int) -> None:
    terminal = make_terminal(columns)
    live = LiveLine(terminal)
    for length in (5, 70, 500, 30):
        live.show(text_of(length), 0.5)
        assert len(terminal.screen.rows) == 1
    live.line("done")
    live.show(text_of(10))
    live.close()
    assert terminal.screen.rows == ["done"]
    assert max(map(len, frames(terminal.getvalue()))) < columns


def test_a_bar_shows_the_share_where_there_is_room(make_terminal: MakeTerminal) -> None:
    terminal = make_terminal(80)
    live = LiveLine(terminal)
    for share in (0.0, 0.25, 1.0, None):
        live.show(text_of(30), share)
    live.show(text_of(75), 0.5)
    live.close()
    assert [frame.count("━") for frame in frames(terminal.getvalue())] == [40, 40, 40, 0, 0]
    assert re.findall(r"\x1b\[38;5;237m(━*)", terminal.getvalue()) == ["━" * 40, "━" * 30]  # what is still to do


@pytest.mark.parametrize("steps", [(200, 80, 40), (40, 200, 60), (80, 79, 78, 77)])
def test_a_terminal_may_change_its_width(make_terminal: MakeTerminal, steps: tuple[int, ...]) -> None:
    """A terminal wraps the line anew when it becomes narrower; all its rows are erased."""
    terminal = make_terminal(steps[0])
    live = LiveLine(terminal)
    live.line("first")
    for columns in steps:
        terminal.screen.columns = columns
        live.show(text_of(500), 0.5)
        assert terminal.screen.rows == ["first", "x" * (columns - 1)]
    terminal.screen.columns = 30
    live.line("second")
    assert terminal.screen.rows == ["first", "second"]


@pytest.mark.parametrize("is_known", [True, False])
def test_a_width_that_is_stated_too_large_leaves_nothing_either(
    make_terminal: MakeTerminal, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    """COLUMNS may be older than the window's width, which counts; where that is not known, the line is cut."""
    terminal = make_terminal(80)
    monkeypatch.setenv("COLUMNS", "200")
    if not is_known:
        monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((0, 0)))
    live = LiveLine(terminal)
    for _ in range(10):
        live.show(text_of(150))
        assert len(terminal.screen.rows) == 1
    live.close()
    assert terminal.screen.rows == []
    assert terminal.screen.wraps
    assert {len(frame) for frame in frames(terminal.getvalue())} == {79 if is_known else 150}


def test_other_text_is_written_above_the_live_line(make_terminal: MakeTerminal) -> None:
    terminal = make_terminal(80)
    live = LiveLine(terminal)
    live.show(text_of(20))
    show_line("said meanwhile", terminal)
    show_line("said in red", terminal, "red")
    live.show(text_of(20))
    show_table(("a", "b"), [("1", "2")], terminal)
    live.show(text_of(20))
    assert [row for row in terminal.screen.rows if "─" not in row] == [
        "said meanwhile",
        "said in red",
        "a  b",
        "1  2",
        "x" * 20,
    ]
    live.close()


def test_the_cursor_is_never_hidden(make_terminal: MakeTerminal) -> None:
    """So a process that is killed leaves a clean terminal, too."""
    terminal = make_terminal(80)
    LiveLine(terminal).show(text_of(20), 0.5)
    assert "\x1b[?25" not in terminal.getvalue()
    assert terminal.screen.wraps
    show_line("", terminal)


def test_plain_lines_come_at_most_every_10_s(clock: list[float]) -> None:
    stream = io.StringIO()
    live = LiveLine(stream)
    written = []
    for second in range(35):
        clock[0] = 1000.0 + second
        before = stream.tell()
        live.show(lambda columns, second=second: f"at {second}", 0.5)
        if stream.tell() > before:
            written.append(second)
    assert written == [0, 10, 20, 30]
    live.restart()
    live.show(text_of(3))
    live.show(text_of(4), at_once=True)
    live.close()
    assert stream.getvalue().splitlines() == ["at 0", "at 10", "at 20", "at 30", "xxxx"]


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("TERM", "unknown"), ("TTY_INTERACTIVE", "0")])
def test_a_terminal_that_cannot_redraw_gets_plain_lines(
    make_terminal: MakeTerminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    terminal = make_terminal(80)
    monkeypatch.setenv(name, value)
    live = LiveLine(terminal)
    live.show(text_of(200), 0.5)
    live.show(text_of(201), 0.5)
    live.close()
    assert terminal.getvalue() == "x" * 200 + "\n"


@pytest.mark.parametrize(
    ("environment", "is_red"), [({}, False), ({"FORCE_COLOR": "1"}, True), ({"NO_COLOR": "1"}, False)]
)
def test_a_pipe_has_colours_only_where_they_are_forced(
    make_terminal: MakeTerminal, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], is_red: bool
) -> None:
    """And even then no line is drawn twice."""
    make_terminal(80)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    live = LiveLine(stream)
    live.show(text_of(20), 0.5)
    live.line("wrong", "red")
    assert stream.getvalue() == "x" * 20 + ("\n\x1b[31mwrong\x1b[0m\n" if is_red else "\nwrong\n")
