"""Shows a session's events: the engine that loads, and each run as it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from submitter.console.invalid import short_path, why_invalid
from submitter.console.output import Level, LiveLine
from submitter.console.time_left import CampaignTime, RunTime
from submitter.console.words import duration, fitted, short_count, short_duration
from submitter.model import Mode, Scenario

if TYPE_CHECKING:
    from submitter.harness.plan import RunPlan

_LABEL_COLUMNS = 20
_LABEL, _COUNT, _RATE, _P99, _LEFT, _ALL = range(6)
# What matters least becomes shorter first.
_SHORTEN = (_ALL, _LABEL, _P99, _RATE, _COUNT, _LEFT, _P99, _P99, _LABEL, _LEFT, _COUNT, _RATE)
_WORTH_A_LINE_S = 10.0


class ConsoleWatcher:
    """Shows a session's events: samples done of total, tokens/s, p99 TTFT and TPOT so far, time left.

    On a terminal it draws one line, with each event and not between events; `close` removes it. Elsewhere it writes a
    line at most every 10 s.
    """

    def __init__(self, stream: TextIO, sessions: Sequence[Sequence[RunPlan]] = (), scoring_cores: int = 0) -> None:
        """`sessions` are the runs to come, one sequence for each engine to load, and `scoring_cores` will score them:
        for the estimate of the time that is left of the whole. Without them, only a run's time is shown.
        """
        self._live = LiveLine(stream)
        self._time = CampaignTime(sessions, scoring_cores)
        self._is_campaign = len(sessions) > 1 or any(len(runs) > 1 for runs in sessions)
        self._run_time: RunTime | None = None
        self._engine_phase = ""

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        """Show an event; `submitter.harness.events.Watcher` lists the kinds and their facts."""
        if run is not None:
            self._run_event(kind, run, facts)
        elif kind == "ready":
            self._time.end_load(facts["seconds"])
            self._live.line(f"engine   ready after {duration(facts['seconds'])}")
        else:
            self._engine_event(kind, facts)

    def close(self) -> None:
        """Remove the live line, so that only complete lines stay on the terminal."""
        self._live.close()

    def _engine_event(self, kind: str, facts: dict[str, Any]) -> None:
        ranks = facts.get("ranks", 0)
        what = {
            "nodes": f"waiting for nodes, {ranks} rank{'s' if ranks != 1 else ''} missing",
            "loading": f"loading {facts.get('engine', '')}",
            "warm_up": f"warm-up of {facts.get('prompts', 0)} prompts",
            "stopping": "stopping",
        }[kind]
        begins, self._engine_phase = kind != self._engine_phase, kind
        seconds, log = facts["seconds"], facts["log"]
        left_s = self._time.left_s(None, self._time.load_left_s(seconds)) if kind == "loading" else 0.0
        text = f"engine   {what} ... {duration(seconds)}"
        parts = (
            (f"{text}, log: {short_path(log)}", text),
            (f"campaign {duration(left_s)} left" if self._is_campaign and left_s else "", ""),
        )
        # The first line is for the path of the log; what takes no time needs no other.
        self._live.show(lambda columns: fitted(parts, (1, 0), columns), at_once=begins and kind in ("nodes", "loading"))

    def _run_event(self, kind: str, run: RunPlan, facts: dict[str, Any]) -> None:
        self._engine_phase = ""
        if kind == "progress":
            self._run_goes_on(run, facts)
        elif kind == "run":
            self._run_time = RunTime(run)
            self._live.line(f"{_labels(run)[0]}  {run.user_conf} to {run.folder}", level=Level.DETAIL)
            self._live.restart()
            if self._live.is_drawn or run.expected_s >= _WORTH_A_LINE_S:
                begins = (_labels(run), (f"about {duration(run.expected_s)} ...",))
                self._live.show(lambda columns: fitted(begins, (0, 0), columns), 0.0, at_once=True)
        elif kind == "damaged":
            self._live.line(f"{run.label}  made again: {facts['why']}; its folder is now {facts['aside']}")
        elif kind == "kept":
            self._time.end_run(run)
            kept = ("kept: finished before with the same settings", "kept from before")
            self._live.line(fitted((_labels(run), kept), (0, 1, 0), self._live.columns))
            if facts.get("valid") is False:
                self._live.line(f"  {why_invalid(run.folder)}", "red")
        elif kind == "finished":
            self._time.end_run(run)
            done, seconds = facts["done"], facts["seconds"]
            rate = facts["tokens"] / seconds if seconds else 0.0
            samples = (f"{done:,} samples in {duration(seconds)}", f"{done} in {short_duration(seconds)}")
            parts = (_labels(run), samples, (f"{rate:,.0f} tokens/s", f"{short_count(rate)} tok/s"))
            self._live.line(fitted(parts, (0, 2, 1, 0), self._live.columns))
            for server, count in facts.get("answers", {}).items():
                self._live.line(f"  {count:,} samples answered by {server}", level=Level.DETAIL)
        elif kind == "judged" and not facts["valid"] and run.mode is Mode.PERFORMANCE and run.folder.is_dir():
            # LoadGen's verdict on a compliance run does not count, and a run of `tune` leaves no folder.
            self._live.line(f"  {why_invalid(run.folder)}", "red")
        elif kind == "network":
            for warning in facts["warnings"]:
                self._live.line(f"  network: {warning}", "yellow")

    def _run_goes_on(self, run: RunPlan, facts: dict[str, Any]) -> None:
        total = max(run.expected_samples, facts["issued"], 1)
        parts = self._progress(run, facts, total)
        self._live.show(lambda columns: fitted(parts, _SHORTEN, columns), facts["done"] / total)

    def _progress(self, run: RunPlan, facts: dict[str, Any], total: int) -> list[tuple[str, ...]]:
        """The parts of a run's line, each with its forms."""
        done, elapsed_s = facts["done"], facts["seconds"]
        rate = facts["tokens"] / elapsed_s if done and elapsed_s else 0.0
        rates = (f"{rate:,.0f} tokens/s", f"{short_count(rate)} tok/s", "") if rate else ("", "", "")
        left_s = self._run_time.left_s(elapsed_s, done, total) if self._run_time else None
        if done >= total:
            left = ("writing the logs", "logs", "logs")
        elif left_s is None:
            left = ("time left unknown", "? left", "?")
        else:
            left = (f"{duration(left_s)} left", f"{short_duration(left_s)} left", short_duration(left_s))
        all_s = self._time.left_s(run, left_s or 0.0)
        return [
            _labels(run),
            (f"{done:,}/{total:,}", f"{done}/{total}", f"{done * 100 // total}%"),
            rates,
            _p99(run, facts),
            left,
            (f"campaign {duration(all_s)}" if self._is_campaign else "", ""),
        ]


def _labels(run: RunPlan) -> tuple[str, str, str]:
    mode = {Mode.PERFORMANCE: "perf", Mode.ACCURACY: "acc"}.get(run.mode, run.mode)
    return f"{run.label:<{_LABEL_COLUMNS}}", run.label, f"{run.scenario} {mode}"


def _p99(run: RunPlan, facts: dict[str, Any]) -> tuple[str, ...]:
    ttft_ms, tpot_ms = facts["ttft_p99_ms"], facts["tpot_p99_ms"]
    if run.scenario is Scenario.OFFLINE or ttft_ms is None:
        return "", "", "", ""
    ttft, tpot = f"{ttft_ms:.0f}", f"{tpot_ms:.1f}"
    return f"p99 TTFT {ttft} ms TPOT {tpot} ms", f"TTFT {ttft} TPOT {tpot} ms", f"p99 {ttft}/{tpot} ms", ""
