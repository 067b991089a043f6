"""Shows tables. The plain one is our own, because rich would fit it into 80 columns: it wraps or cuts no cell, and no
line ends in blanks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from submitter.console.output import Level, coloured, is_shown, no_live_line

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {"VALID": "green", "INVALID": "red", "pass": "green", "passed": "green", "fail": "red", "FAILED": "red"}
_BAD = ("SHORT OF", "OVER")


def show_table(
    heading: tuple[str, ...], rows: Sequence[tuple[str, ...]], stream: TextIO, level: Level = Level.NORMAL
) -> None:
    """Write a table. Every row has as many cells as the heading."""
    plain = _plain_table([heading, *rows])
    if not is_shown(plain, stream, level):
        return
    with no_live_line():
        console = coloured(stream)
        if console is None:
            stream.write(plain + "\n")
        else:
            _draw_table(heading, rows, console)


def _draw_table(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]], console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for cell in heading:
        table.add_column(Text(cell), overflow="fold")  # a narrow terminal breaks words, and loses none
    for row in rows:
        table.add_row(*(Text(cell, _style(cell)) for cell in row))
    console.print(table)


def _style(cell: str) -> str:
    return "red" if any(word in cell for word in _BAD) else _STYLES.get(cell, "")


def _plain_table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
