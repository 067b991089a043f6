"""What a session looks like: plain lines in a pipe; on a terminal one line that fits, and only whole lines stay."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_plans import run_plan
from terminal import Terminal, frames

from submitter.console import ConsoleWatcher
from submitter.harness.plan import RunPlan
from submitter.model import Mode, Scenario

MakeTerminal = Callable[[int], Terminal]
LOG = Path("out/engine/llama2-70b/engine.log")
PROGRESS = {"done": 25, "issued": 50, "tokens": 1000, "seconds": 22.5, "ttft_p99_ms": 12.3, "tpot_p99_ms": 4.56}
LARGE = {
    "done": 24_576,
    "issued": 24_600,
    "tokens": 7_230_000,
    "seconds": 600.0,
    "ttft_p99_ms": 1512,
    "tpot_p99_ms": 181.2,
}


def show_session(watcher: ConsoleWatcher, run: RunPlan) -> None:
    """The events of an engine that loads and one run."""
    events: list[tuple[str, RunPlan | None, dict[str, Any]]] = [
        ("loading", None, {"engine": "echo", "seconds": 0.0, "log": LOG}),
        ("loading", None, {"engine": "echo", "seconds": 1.0, "log": LOG}),
        ("warm_up", None, {"prompts": 16, "seconds": 0.5, "log": LOG}),
        ("ready", None, {"seconds": 3.0}),
        ("run", run, {}),
        ("progress", run, PROGRESS),
        ("progress", run, PROGRESS | {"done": 50, "tokens": 2000, "seconds": 45.0}),
        ("finished", run, {"done": 100, "seconds": 90.0, "tokens": 9000}),
        ("stopping", None, {"seconds": 1.0, "log": LOG}),
    ]
    for kind, of, facts in events:
        watcher.event(kind, of, dict(facts))


def test_an_engine_that_waits_for_other_machines_says_so_at_once(server: RunPlan) -> None:
    stream = io.StringIO()
    watcher = ConsoleWatcher(stream, [[server]])
    watcher.event("nodes", None, {"ranks": 8, "seconds": 0.0, "log": LOG})
    watcher.event("nodes", None, {"ranks": 1, "seconds": 1.0, "log": LOG})
    watcher.close()
    (line,) = stream.getvalue().splitlines()
    assert line.startswith("engine   waiting for nodes, 8 ranks missing ... 0 s, log: ")


def test_a_run_in_a_pipe_is_plain_lines_10_s_apart(server: RunPlan, clock: list[float]) -> None:
    stream = io.StringIO()
    watcher = ConsoleWatcher(stream, [[server]])
    for second in range(25):
        clock[0] = 1000.0 + second
        watcher.event("loading", None, {"engine": "vllm", "seconds": second, "log": LOG})
    watcher.event("ready", None, {"seconds": 25.0})
    watcher.event("run", server, {})
    for second in range(1, 90):
        clock[0] = 1024.0 + second
        facts = {"done": second, "issued": second, "tokens": 20 * second, "seconds": second}
        watcher.event("progress", server, PROGRESS | facts)
    watcher.event("finished", server, {"done": 100, "seconds": 90.0, "tokens": 2000})
    watcher.close()
    lines = stream.getvalue().splitlines()
    assert lines[:6] == [
        f"engine   loading vllm ... 0 s, log: {LOG}",
        f"engine   loading vllm ... 10 s, log: {LOG}",
        f"engine   loading vllm ... 20 s, log: {LOG}",
        "engine   ready after 25 s",
        "Server performance    about 1 min 30 s ...",
        "Server performance    10/100  20 tokens/s  p99 TTFT 12 ms TPOT 4.6 ms  1 min 30 s left",
    ]
    assert [line.split()[2] for line in lines[5:-1]] == [f"{second}/100" for second in range(10, 90, 10)]
    assert lines[-1] == "Server performance    100 samples in 1 min 30 s  22 tokens/s"
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_a_run_of_less_than_10_s_is_one_line_in_a_pipe(clock: list[float]) -> None:
    short = run_plan(Scenario.OFFLINE, Mode.ACCURACY, expected_samples=100, expected_s=2.0)
    stream = io.StringIO()
    watcher = ConsoleWatcher(stream, [[short]])
    for second, kind, facts in [(0, "run", {}), (1, "progress", PROGRESS), (2, "finished", PROGRESS)]:
        clock[0] = 1000.0 + second
        watcher.event(kind, short, dict(facts))
    assert stream.getvalue() == "Offline accuracy      25 samples in 22 s  44 tokens/s\n"


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_session_on_a_terminal_fits_and_leaves_whole_lines(
    make_terminal: MakeTerminal, server: RunPlan, columns: int
) -> None:
    terminal = make_terminal(columns)
    watcher = ConsoleWatcher(terminal, [[server]])
    show_session(watcher, server)
    watcher.close()
    drawn = frames(terminal.getvalue())
    assert all(len(frame) < columns for frame in drawn)
    assert any("25/100" in frame for frame in drawn)
    assert any("loading echo ... 1 s" in frame for frame in drawn)
    assert any("warm-up of 16 prompts" in frame for frame in drawn)
    finished = "Server perf  100 in 1m30  100 tok/s"
    if columns > 40:
        finished = "Server performance    100 samples in 1 min 30 s  100 tokens/s"
    assert terminal.screen.rows == ["engine   ready after 3 s", finished]


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (
            200,
            "Server performance    24,576/270,336  12,050 tokens/s  p99 TTFT 1512 ms TPOT 181.2 ms  1 h 50 min left  "
            "campaign 2 h 41 min",
        ),
        (120, "Server performance    24,576/270,336  12,050 tokens/s  p99 TTFT 1512 ms TPOT 181.2 ms  1 h 50 min left"),
        (80, "Server performance  24576/270336  12.1k tok/s  p99 1512/181.2 ms  1h50 left"),
        (60, "Server performance  24576/270336  12.1k tok/s  1h50 left"),
        (40, "Server perf  9%  12.1k tok/s  1h50"),
        (16, "Server perf  9%"),
    ],
)
def test_what_matters_least_goes_first(make_terminal: MakeTerminal, columns: int, line: str) -> None:
    run = run_plan(Scenario.SERVER, Mode.PERFORMANCE, expected_samples=270_336, expected_s=7200.0)
    other = run_plan(Scenario.SERVER, Mode.ACCURACY, expected_samples=24_576, expected_s=3000.0)
    terminal = make_terminal(columns)
    watcher = ConsoleWatcher(terminal, [[run, other]])
    watcher.event("run", run, {})
    watcher.event("progress", run, dict(LARGE))
    last = frames(terminal.getvalue())[-1]
    watcher.close()
    assert last.rstrip("━").rstrip() == line


def test_the_end_of_a_run_is_not_zero_seconds_for_ever(make_terminal: MakeTerminal, server: RunPlan) -> None:
    terminal = make_terminal(80)
    watcher = ConsoleWatcher(terminal, [[server]])
    watcher.event("run", server, {})
    watcher.event("progress", server, PROGRESS | {"done": 100, "issued": 100})
    assert "100/100" in frames(terminal.getvalue())[-1]
    assert "writing the logs" in frames(terminal.getvalue())[-1]
    watcher.close()


def test_a_campaign_counts_kept_runs_as_done(make_terminal: MakeTerminal, server: RunPlan) -> None:
    kept = run_plan(Scenario.OFFLINE, Mode.PERFORMANCE, expected_samples=100, expected_s=5000.0)
    terminal = make_terminal(200)
    watcher = ConsoleWatcher(terminal, [[kept], [server]])
    watcher.event("kept", kept, {})
    watcher.event("loading", None, {"engine": "vllm", "seconds": 20.0, "log": LOG})
    assert frames(terminal.getvalue())[-1].endswith("campaign 2 min 10 s left")  # 40 s for the engine, 90 s for the run
    watcher.close()
    assert terminal.screen.rows == ["Offline performance   kept: finished before with the same settings"]


def test_what_ends_in_the_middle_leaves_no_line(make_terminal: MakeTerminal, server: RunPlan) -> None:
    terminal = make_terminal(80)
    watcher = ConsoleWatcher(terminal, [[server]])
    watcher.event("run", server, {})
    watcher.event("progress", server, dict(PROGRESS))
    watcher.close()
    assert terminal.screen.rows == []
    assert terminal.screen.wraps


@pytest.mark.parametrize(("mode", "is_said"), [(Mode.PERFORMANCE, True), (Mode.TEST06, False)])
def test_an_invalid_run_says_why_and_what_says_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode, is_said: bool
) -> None:
    """LoadGen's verdict on a compliance run does not count."""
    run = run_plan(Scenario.SERVER, mode, expected_samples=100, expected_s=1.0).model_copy(
        update={"folder": tmp_path / "run"}
    )
    run.folder.mkdir()
    monkeypatch.chdir(tmp_path)
    stream = io.StringIO()
    watcher = ConsoleWatcher(stream, [[run]])
    watcher.event("judged", run, {"valid": False})
    assert stream.getvalue() == ("  INVALID; more: submitter explain run\n" if is_said else "")


def test_what_the_network_lost_is_said_after_the_run(server: RunPlan) -> None:
    stream = io.StringIO()
    watcher = ConsoleWatcher(stream)
    watcher.event("network", server, {"warnings": ("the link of eth0 went down during the run (1x)",)})
    assert stream.getvalue() == "  network: the link of eth0 went down during the run (1x)\n"
