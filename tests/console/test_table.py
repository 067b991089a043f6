"""A table is plain in a file or a pipe, and drawn on a terminal."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from terminal import Terminal

from submitter import console

MakeTerminal = Callable[[int], Terminal]
HEADING = ("benchmark", "result", "verdict")
ROWS = [("a [b] c", "1,234.00 Tokens/s", "VALID"), ("x" * 100, "", "INVALID"), ("", "", "1.00 % SHORT OF 2")]


def test_a_table_in_a_pipe_is_plain_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream = io.StringIO()
    console.show_table(HEADING, ROWS, stream)
    assert stream.getvalue().splitlines() == [
        f"{'benchmark':<100}  result             verdict",
        f"{'-' * 100}  {'-' * 17}  {'-' * 17}",
        f"{'a [b] c':<100}  1,234.00 Tokens/s  VALID",
        f"{'x' * 100}                     INVALID",
        f"{'':<100}                     1.00 % SHORT OF 2",
    ]


def test_a_table_on_a_terminal_has_colours_and_the_same_words(make_terminal: MakeTerminal) -> None:
    terminal = make_terminal(200)
    console.show_table(HEADING, ROWS, terminal)
    text = terminal.getvalue()
    assert re.search(r"\x1b\[32mVALID", text)
    assert re.search(r"\x1b\[31mINVALID", text)
    assert re.search(r"\x1b\[31m1.00 % SHORT OF 2", text)
    assert [line.split() for line in terminal.screen.rows if "─" not in line] == [
        " ".join(row).split() for row in [HEADING, *ROWS]
    ]


def test_a_narrow_terminal_breaks_words_and_loses_none(make_terminal: MakeTerminal) -> None:
    terminal = make_terminal(14)
    console.show_table(("run", "result"), [("", "tokens/sample")], terminal)
    rows = [row.strip() for row in terminal.screen.rows if "─" not in row]
    assert "".join("".join(rows).split()) == "runresulttokens/sample"


def test_no_colour_where_none_is_wanted(make_terminal: MakeTerminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = make_terminal(200)
    monkeypatch.setenv("NO_COLOR", "1")
    console.show_table(HEADING, ROWS, terminal)
    assert "\x1b[3" not in terminal.getvalue()


def test_a_log_that_takes_colours_gets_them_and_no_folded_cells(
    make_terminal: MakeTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_terminal(80)
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    console.show_table(HEADING, ROWS, stream)
    assert re.search(r"\x1b\[32mVALID", stream.getvalue())
    assert len(stream.getvalue().splitlines()) == 2 + len(ROWS)
