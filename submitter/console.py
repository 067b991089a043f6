"""How runs and tables look: drawn by rich on a terminal, and plain lines in a file or a pipe.

The plain table is not rich's, which would fit it into 80 columns: here no cell is wrapped or cut, and no line ends in
blanks.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from submitter.model import Scenario

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from submitter.harness.plan import RunPlan

_PLAIN_EVERY_S = 15.0
_BAR_COLUMNS = 20
_STYLES = {"VALID": "green", "INVALID": "red", "pass": "green", "fail": "red"}


def duration(seconds: float) -> str:
    """`45 s`, `12 min 30 s`, `1 h 05 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def margins(value: float, lower: float | None, upper: float | None) -> str:
    """How far a value is from its limits, in percent of them; empty where it has none."""
    told = []
    if lower:
        share = (value / lower - 1) * 100
        told.append(f"at least {lower:.6g}: {abs(share):.2f} % {'above' if value >= lower else 'SHORT OF IT'}")
    if upper:
        share = (1 - value / upper) * 100
        told.append(f"at most {upper:.6g}: {abs(share):.2f} % {'below' if value <= upper else 'OVER IT'}")
    return f" ({'; '.join(told)})" if told else ""


def show_line(text: str, stream: TextIO, style: str = "") -> None:
    """Write a line at once; on a terminal in a style of rich's, such as `red`."""
    console = _terminal(stream) if style else None
    if console is None:
        stream.write(text + "\n")
        stream.flush()
        return
    from rich.text import Text

    console.print(Text(text, style), soft_wrap=True)


def show_table(rows: Sequence[tuple[str, ...]], stream: TextIO) -> None:
    """Write a table; the first row is the heading."""
    console = _terminal(stream)
    if console is None:
        stream.write(_plain_table(rows) + "\n")
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for cell in rows[0]:
        table.add_column(Text(cell))
    for row in rows[1:]:
        table.add_row(*(Text(cell, _STYLES.get(cell, "")) for cell in row))
    console.print(table)


def _plain_table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _terminal(stream: TextIO) -> Console | None:
    """rich's console where the stream is a terminal on which a line can be drawn again; else None."""
    if not stream.isatty():
        return None
    from rich.console import Console

    console = Console(file=stream, highlight=False)
    return console if console.is_interactive and not console.is_dumb_terminal else None


class ConsoleWatcher:
    """Shows a session's events: samples done of total, tokens/s, p99 TTFT and TPOT so far, time left.

    On a terminal the run under way is a bar, drawn when an event comes and not between events; `close` takes it away.
    Elsewhere it is a line every 15 s.
    """

    def __init__(self, stream: TextIO, runs: Sequence[RunPlan]) -> None:
        """`runs` are all that are still to come."""
        self._stream = stream
        self._console = _terminal(stream)
        self._bar: Progress | None = None
        self._to_come_s = {run.folder: run.expected_s for run in runs}
        self._began_s = self._shown_s = time.monotonic()

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        if kind == "loading":
            self._draw(f"engine   loading {facts['engine']} ...")
        elif kind == "ready":
            self._line(f"engine   ready after {duration(facts['seconds'])}")
        elif run is not None:
            self._run_event(kind, run, facts)

    def close(self) -> None:
        """Leave only whole lines behind."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _run_event(self, kind: str, run: RunPlan, facts: dict[str, Any]) -> None:
        if kind in ("kept", "finished"):
            self._to_come_s.pop(run.folder, None)
        if kind == "kept":
            self._line(f"{run.label:<21} kept: finished before with the same settings")
        elif kind == "run":
            self._began_s = self._shown_s = time.monotonic()
            self._under_way(f"{run.label:<21} about {duration(run.expected_s)} ...", 0, run.expected_samples)
        elif kind == "progress":
            now_s = time.monotonic()
            if self._console or now_s - self._shown_s >= _PLAIN_EVERY_S:
                self._shown_s = now_s
                total = max(run.expected_samples, facts["issued"])
                self._under_way(self._progress(run, facts, total, now_s - self._began_s), facts["done"], total)
        elif kind == "finished":
            rate = facts["tokens"] / facts["seconds"] if facts["seconds"] else 0.0
            self._line(f"{run.label:<21} {facts['done']} samples in {duration(facts['seconds'])}, {rate:,.0f} tokens/s")

    def _progress(self, run: RunPlan, facts: dict[str, Any], total: int, elapsed_s: float) -> str:
        parts = [f"{run.label:<21} {facts['done']}/{total}", f"{facts['tokens'] / elapsed_s:,.0f} tokens/s"]
        if run.scenario is not Scenario.OFFLINE and facts["ttft_p99_ms"] is not None:
            parts.append(f"p99 TTFT {facts['ttft_p99_ms']:.0f} ms TPOT {facts['tpot_p99_ms']:.1f} ms")
        left_s = (total - facts["done"]) * elapsed_s / facts["done"] if facts["done"] else run.expected_s
        others_s = sum(self._to_come_s.values()) - run.expected_s
        parts.append(
            f"{duration(left_s)} left" + (f", all {duration(left_s + max(0.0, others_s))}" if others_s > 0 else "")
        )
        return "  ".join(parts)

    def _under_way(self, text: str, done: int, total: int) -> None:
        if self._console:
            self._draw(text, done, total)
        else:
            self._line(text)

    def _draw(self, text: str, done: int = 0, total: int | None = None) -> None:
        if self._console is None:
            return
        if self._bar is None:
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (TextColumn("{task.description}", markup=False), BarColumn(_BAR_COLUMNS))
            self._bar = Progress(*columns, console=self._console, auto_refresh=False, transient=True)
            self._bar.add_task(text)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], description=text, completed=done, total=total, refresh=True)

    def _line(self, text: str) -> None:
        self.close()
        show_line(text, self._stream)
