"""Shows runs and tables: drawn with rich on a terminal, as plain lines in a file or a pipe.

The plain table is our own, because rich would fit it into 80 columns. Ours wraps or cuts no cell, and no line ends in
blanks.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from submitter.model import Scenario
from submitter.units import S_PER_H, S_PER_MIN

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
    if whole < S_PER_MIN:
        return f"{whole} s"
    if whole < S_PER_H:
        return f"{whole // S_PER_MIN} min {whole % S_PER_MIN:02d} s"
    return f"{whole // S_PER_H} h {whole % S_PER_H // S_PER_MIN:02d} min"


def margins(value: float, lower: float | None, upper: float | None) -> str:
    """How far a value is from its limits, in percent of the limit; empty if it has none."""
    parts = []
    if lower:
        share = (value / lower - 1) * 100
        parts.append(f"at least {lower:.6g}: {abs(share):.2f} % {'above' if value >= lower else 'SHORT OF IT'}")
    if upper:
        share = (1 - value / upper) * 100
        parts.append(f"at most {upper:.6g}: {abs(share):.2f} % {'below' if value <= upper else 'OVER IT'}")
    return f" ({'; '.join(parts)})" if parts else ""


def show_line(text: str, stream: TextIO, style: str = "") -> None:
    """Write a line and flush it; on a terminal in a style of rich, such as `red`."""
    console = _terminal(stream) if style else None
    if console is None:
        stream.write(text + "\n")
        stream.flush()
        return
    from rich.text import Text

    console.print(Text(text, style), soft_wrap=True)


def show_table(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]], stream: TextIO) -> None:
    """Write a table. Every row has as many cells as the heading."""
    console = _terminal(stream)
    if console is None:
        stream.write(_plain_table([heading, *rows]) + "\n")
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for cell in heading:
        table.add_column(Text(cell))
    for row in rows:
        table.add_row(*(Text(cell, _STYLES.get(cell, "")) for cell in row))
    console.print(table)


def _plain_table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _terminal(stream: TextIO) -> Console | None:
    """A rich console if the stream is a terminal that can redraw a line; else None."""
    if not stream.isatty():
        return None
    from rich.console import Console

    console = Console(file=stream, highlight=False)
    return console if console.is_interactive and not console.is_dumb_terminal else None


class ConsoleWatcher:
    """Shows a session's events: samples done of total, tokens/s, p99 TTFT and TPOT so far, time left.

    On a terminal it draws a bar for the current run, with each event and not between events; `close` removes the bar.
    Elsewhere it writes a line every 15 s.
    """

    def __init__(self, stream: TextIO, runs: Sequence[RunPlan]) -> None:
        """`runs` are all runs to come, for the estimate of the time that is left."""
        self._stream = stream
        self._console = _terminal(stream)
        self._bar: Progress | None = None
        self._pending_s = {run.folder: run.expected_s for run in runs}
        self._began_s = self._shown_s = time.monotonic()

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        """Show an event; `submitter.campaign.CampaignWatcher` lists the kinds and their facts."""
        if kind == "loading":
            self._draw(f"engine   loading {facts['engine']} ...")
        elif kind == "ready":
            self._line(f"engine   ready after {duration(facts['seconds'])}")
        elif run is not None:
            self._run_event(kind, run, facts)

    def close(self) -> None:
        """Remove the bar, so that only complete lines stay on the terminal."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _run_event(self, kind: str, run: RunPlan, facts: dict[str, Any]) -> None:
        if kind in ("kept", "finished"):
            self._pending_s.pop(run.folder, None)
        if kind == "kept":
            self._line(f"{run.label:<21} kept: finished before with the same settings")
        elif kind == "damaged":
            self._line(f"{run.label:<21} made again: {facts['why']}; its folder is now {facts['aside']}")
        elif kind == "run":
            self._began_s = self._shown_s = time.monotonic()
            self._show_progress(f"{run.label:<21} about {duration(run.expected_s)} ...", 0, run.expected_samples)
        elif kind == "progress":
            now_s = time.monotonic()
            if self._console or now_s - self._shown_s >= _PLAIN_EVERY_S:
                self._shown_s = now_s
                total = max(run.expected_samples, facts["issued"])
                text = self._progress_text(run, facts, total, now_s - self._began_s)
                self._show_progress(text, facts["done"], total)
        elif kind == "finished":
            rate = facts["tokens"] / facts["seconds"] if facts["seconds"] else 0.0
            self._line(f"{run.label:<21} {facts['done']} samples in {duration(facts['seconds'])}, {rate:,.0f} tokens/s")

    def _progress_text(self, run: RunPlan, facts: dict[str, Any], total: int, elapsed_s: float) -> str:
        parts = [f"{run.label:<21} {facts['done']}/{total}", f"{facts['tokens'] / elapsed_s:,.0f} tokens/s"]
        if run.scenario is not Scenario.OFFLINE and facts["ttft_p99_ms"] is not None:
            parts.append(f"p99 TTFT {facts['ttft_p99_ms']:.0f} ms TPOT {facts['tpot_p99_ms']:.1f} ms")
        left_s = (total - facts["done"]) * elapsed_s / facts["done"] if facts["done"] else run.expected_s
        others_s = sum(self._pending_s.values()) - run.expected_s
        parts.append(f"{duration(left_s)} left" + (f", all {duration(left_s + others_s)}" if others_s > 0 else ""))
        return "  ".join(parts)

    def _show_progress(self, text: str, done: int, total: int) -> None:
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
