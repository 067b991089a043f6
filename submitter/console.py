"""How a run looks on a terminal: one line that rewrites itself on a tty, a line now and then elsewhere."""

from __future__ import annotations

import time
from typing import Any, TextIO

from submitter.harness.plan import RunPlan
from submitter.model import Scenario

_PLAIN_EVERY_S = 15.0


def duration(seconds: float) -> str:
    """`45 s`, `12 min 30 s`, `1 h 05 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class ConsoleWatcher:
    """Draws a session's events: samples done of total, tokens/s, p99 TTFT and TPOT so far, time left.

    `remaining_s` is the expected time of all runs that are still to come.
    """

    def __init__(self, stream: TextIO, runs: list[RunPlan]) -> None:
        self._stream = stream
        self._tty = stream.isatty()
        self._to_come = {(run.scenario, run.mode, run.folder.parent.parent): run.expected_s for run in runs}
        self._began_s = self._printed_s = time.monotonic()
        self._width = 0

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        if kind == "loading":
            self._line(f"engine   loading {facts['engine']} ...", last=False)
        elif kind == "ready":
            self._line(f"engine   ready after {duration(facts['seconds'])}", last=True)
        elif run is not None:
            self._run_event(kind, run, facts)

    def _run_event(self, kind: str, run: RunPlan, facts: dict[str, Any]) -> None:
        if kind in ("kept", "finished"):
            self._to_come.pop((run.scenario, run.mode, run.folder.parent.parent), None)
        if kind == "kept":
            self._line(f"{run.label:<21} kept: finished before with the same settings", last=True)
        elif kind == "run":
            self._began_s = self._printed_s = time.monotonic()
            self._line(f"{run.label:<21} about {duration(run.expected_s)} ...", last=not self._tty)
        elif kind == "progress":
            now_s = time.monotonic()
            if self._tty or now_s - self._printed_s >= _PLAIN_EVERY_S:
                self._printed_s = now_s
                self._line(self._progress(run, facts, now_s - self._began_s), last=not self._tty)
        elif kind == "finished":
            rate = facts["tokens"] / facts["seconds"] if facts["seconds"] else 0.0
            self._line(
                f"{run.label:<21} {facts['done']} samples in {duration(facts['seconds'])}, {rate:,.0f} tokens/s",
                last=True,
            )

    def _progress(self, run: RunPlan, facts: dict[str, Any], elapsed_s: float) -> str:
        total = max(run.expected_samples, facts["issued"])
        parts = [f"{run.label:<21} {facts['done']}/{total}", f"{facts['tokens'] / elapsed_s:,.0f} tokens/s"]
        if run.scenario is not Scenario.OFFLINE and facts["ttft_p99_ms"] is not None:
            parts.append(f"p99 TTFT {facts['ttft_p99_ms']:.0f} ms TPOT {facts['tpot_p99_ms']:.1f} ms")
        left_s = (total - facts["done"]) * elapsed_s / facts["done"] if facts["done"] else run.expected_s
        others_s = sum(self._to_come.values()) - run.expected_s
        parts.append(
            f"{duration(left_s)} left" + (f", all {duration(left_s + max(0.0, others_s))}" if others_s > 0 else "")
        )
        return "  ".join(parts)

    def _line(self, text: str, *, last: bool) -> None:
        if self._tty:
            self._stream.write("\r" + text.ljust(self._width) + ("\n" if last else ""))
            self._width = 0 if last else len(text)
        elif last:
            self._stream.write(text + "\n")
        self._stream.flush()


def table(rows: list[tuple[str, ...]]) -> str:
    """Columns padded to their widest cell; the first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
