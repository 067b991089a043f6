"""Work that reports little by itself: shown once it takes a while, by a thread that ends with it."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable

import pytest
from terminal import Terminal, frames

from submitter.console import Working, show_line, working

MakeTerminal = Callable[[int], Terminal]


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks of 20 ms, shown after 100 ms."""
    monkeypatch.setattr("submitter.console.work._TICK_S", 0.02)
    monkeypatch.setattr("submitter.console.work._AFTER_S", 0.1)


@pytest.mark.usefixtures("fast")
def test_it_is_drawn_while_it_lasts_and_leaves_nothing(make_terminal: MakeTerminal) -> None:
    terminal = make_terminal(80)
    threads = threading.active_count()
    with working("reading the model", terminal):
        time.sleep(0.5)
        show_line("meanwhile", terminal)
        time.sleep(0.1)
    assert "reading the model ...  0 s" in frames(terminal.getvalue())
    assert terminal.screen.rows == ["meanwhile"]
    assert threading.active_count() == threads


def interrupt_after(seconds: float) -> None:
    time.sleep(seconds)
    raise KeyboardInterrupt


@pytest.mark.usefixtures("fast")
def test_an_interrupt_leaves_nothing(make_terminal: MakeTerminal) -> None:
    terminal = make_terminal(80)
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt), working("reading the model", terminal):
        interrupt_after(0.3)
    assert frames(terminal.getvalue())
    assert terminal.screen.rows == []
    assert threading.active_count() == threads


def test_what_is_fast_is_not_shown(make_terminal: MakeTerminal) -> None:
    terminal = make_terminal(80)
    with working("reading the model", terminal):
        time.sleep(0.1)
    assert terminal.getvalue() == ""


def test_in_a_pipe_it_is_a_line_each_10_s(clock: list[float]) -> None:
    stream = io.StringIO()
    work = Working(stream)
    work.begin("scoring llama2-70b Server", "answers")
    for second in range(31):
        clock[0] = 1000.0 + second
        work.advance(200 * second, 24_000)
        work.show()
    work.close()
    assert stream.getvalue().splitlines() == [
        "scoring llama2-70b Server ...  2,000/24,000 answers  10 s  1 min 50 s left",
        "scoring llama2-70b Server ...  4,000/24,000 answers  20 s  1 min 40 s left",
        "scoring llama2-70b Server ...  6,000/24,000 answers  30 s  1 min 30 s left",
    ]


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (80, "scoring llama2-70b-99.9 Interactive ...  6,000/24,000 answers  30 s"),
        (40, "scoring llama2-70b-9 ...  30 s"),
    ],
)
def test_it_fits(make_terminal: MakeTerminal, clock: list[float], columns: int, line: str) -> None:
    terminal = make_terminal(columns)
    work = Working(terminal)
    work.begin("scoring llama2-70b-99.9 Interactive", "answers")
    work.advance(6_000, 24_000)
    clock[0] += 30
    work.show()
    assert terminal.screen.rows[0].rstrip("━").rstrip() == line
    work.close()
    assert terminal.screen.rows == []


def test_what_begins_next_starts_at_zero(clock: list[float]) -> None:
    stream = io.StringIO()
    work = Working(stream)
    work.begin("one")
    clock[0] += 11
    work.show()
    work.begin("two")
    clock[0] += 3
    work.show()
    clock[0] += 8
    work.show()
    work.end()
    clock[0] += 60
    work.show()
    work.close()
    assert stream.getvalue().splitlines() == ["one ...  11 s", "two ...  11 s"]
