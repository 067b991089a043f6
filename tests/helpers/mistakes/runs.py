"""What goes wrong in a run: nothing shows it before."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import psutil
from ready_campaign import Ready

from mistakes.edits import Edit, all_of, nothing, replace
from mistakes.record import Base, Mistake, Stage


def _engine(scenario: str, line: str) -> Edit:
    return replace(f"measurements/{scenario}/engine.toml", "[settings]\n", f"[settings]\n{line}\n")


def _both(line: str) -> Edit:
    return all_of(_engine("Offline", line), _engine("Server", line))


def _short_answers(made: Ready) -> None:
    for scenario in ("Offline", "Server"):
        replace(f"measurements/{scenario}/engine.toml", "output_tokens = 5", "output_tokens = 0")(made)


def _while_it_runs(act: Callable[[int], None]) -> Edit:
    """Stop answering after some samples, and then call `act` with the id of the engine's process."""

    @contextlib.contextmanager
    def edit(made: Ready) -> Iterator[None]:
        _both("hang_after = 40")(made)
        ended = threading.Event()

        def watch() -> None:
            while not ended.is_set():
                # The child is inside a run once LoadGen has written there.
                if list(made.output.glob("runs/**/*.partial/mlperf_log_detail.txt")):
                    children = psutil.Process().children()
                    act(next(each.pid for each in children if "submitter.harness.child" in each.cmdline()))
                    return
                time.sleep(0.02)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    return edit


_RUN_OFFLINE = ("run", "{file}", "--scenario", "Offline", "--mode", "accuracy")

MISTAKES = (
    Mistake(
        id="run-engine-does-not-start",
        what="the engine fails while it loads",
        base=Base.REHEARSAL,
        make=_both("fail_at_start = true"),
        stage=Stage.RUN,
        command=_RUN_OFFLINE,
        message="the echo engine is set to fail at its start",
        code=4,
    ),
    Mistake(
        id="run-engine-crashes",
        what="the engine fails during a run",
        base=Base.REHEARSAL,
        make=_both("fail_after = 40"),
        stage=Stage.RUN,
        command=_RUN_OFFLINE,
        message="set to fail after 40 requests",
        code=4,
    ),
    Mistake(
        id="run-engine-hangs",
        what="the engine stops answering",
        base=Base.REHEARSAL,
        make=all_of(_both("hang_after = 40"), replace("campaign.toml", "stall_s = 20", "stall_s = 1")),
        stage=Stage.RUN,
        command=_RUN_OFFLINE,
        message="timed out waiting for the next finished sample (limit 1 s)",
        remedy="the engine's log is out/failed/",
        code=4,
    ),
    Mistake(
        id="run-engine-killed",
        what="the engine's process is killed, as by the system when memory runs out",
        base=Base.REHEARSAL,
        make=_while_it_runs(lambda child: os.kill(child, signal.SIGKILL)),
        stage=Stage.RUN,
        command=_RUN_OFFLINE,
        message="the engine's process ended by SIGKILL (not by the kernel for memory) in the run Offline",
        remedy="the engine's log is out/failed/",
        code=4,
    ),
    Mistake(
        id="run-interrupted",
        what="Ctrl-C during a run",
        base=Base.REHEARSAL,
        make=_while_it_runs(lambda child: os.kill(os.getpid(), signal.SIGINT)),
        stage=Stage.RUN,
        command=_RUN_OFFLINE,
        message="interrupted; finished runs are kept, the current one is discarded",
        code=130,
    ),
    Mistake(
        id="run-empty-answers",
        what="the engine returns empty answers",
        base=Base.REHEARSAL,
        make=_short_answers,
        stage=Stage.RUN,
        command=_RUN_OFFLINE,
        message="the engine returned an empty answer",
        code=4,
    ),
    Mistake(
        id="run-rate-too-high",
        what="a target rate above what the engine can serve: LoadGen reports INVALID",
        base=Base.REHEARSAL,
        make=_engine("Server", "per_token_ms = 300"),
        stage=Stage.RUN,
        command=("run-all", "{file}"),
        varies=True,
        message="INVALID because of performance constraints and early stopping: TTFT p99",
        code=1,
        is_slow=True,
    ),
    Mistake(
        id="run-no-end-token",
        what="answers without an end token",
        base=Base.REHEARSAL,
        make=_both("end_with_eos = false"),
        stage=Stage.RUN,
        command=("run-all", "{file}"),
        message="answers were cut before max_new_tokens",
        code=1,
        is_slow=True,
    ),
    Mistake(
        id="run-scored-without-runs",
        what="score before any run",
        base=Base.REHEARSAL,
        make=nothing,
        stage=Stage.SCORE,
        message="holds no finished run",
        remedy="submitter run-all",
    ),
    Mistake(
        id="run-assembled-without-runs",
        what="assemble before any run",
        base=Base.REHEARSAL,
        make=nothing,
        stage=Stage.ASSEMBLE,
        message="not finished: Offline performance, Offline accuracy, Offline TEST06, Server performance",
        remedy="submitter run-all",
    ),
)
