"""The process that owns LoadGen and the engine: `python -m submitter.harness.child PLAN.json EVENTS_FD`.

It loads the engine once and makes the runs one after the other. It reports events as lines of JSON to the file
descriptor EVENTS_FD; whatever the engine prints goes to standard output and error, which the parent sends to a log.
When the parent dies, the session's guard ends this process and all that it started (`leftovers.py`).
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from submitter.compliance import audit_text
from submitter.errors import InputError, RunError, SeveralErrors, SubmitterError, from_os_error
from submitter.harness import engines, loadgen, warm_up
from submitter.harness.dataset import Dataset
from submitter.harness.nodes.driver import Nodes
from submitter.harness.nodes.messages import SessionFacts, node_versions
from submitter.harness.plan import LATENCIES, RunPlan, SessionPlan
from submitter.harness.run_figures import summary, write_latencies
from submitter.harness.sut import Sut
from submitter.layout import AUDIT_CONFIG
from submitter.model import Scenario

_REPORT_EVERY_S, _GUARD_S = 1.0, 15.0


class EngineSession:
    """One engine and its runs. Everything except LoadGen itself runs on the event loop."""

    def __init__(self, plan: SessionPlan, events: int) -> None:
        self._plan = plan
        self._events = events
        self._failing = threading.Lock()
        self._nodes: Nodes | None = None
        self._next_runs: asyncio.Queue[RunPlan | None] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Load the engine, make the runs, and stop the engine. After an error it is not stopped: it may hang."""
        plan = self._plan
        self._loop = asyncio.get_running_loop()
        dataset = _verified_dataset(plan)
        plan.engine.binding.require_cores()
        self._nodes = await self._gathered()
        began_s = time.perf_counter()
        engine = engines.create(plan.engine.engine, plan.engine.settings, plan.engine_plan, plan.engine.sampling)
        await engine.start()
        if self._nodes is not None:
            self._nodes.loaded()
        plan.engine.binding.apply(engine.process_ids())
        await self._warm_up(engine, dataset)
        # These objects live to the end of the process: the garbage collector need not walk them.
        gc.collect()
        gc.freeze()
        facts = {**engine.facts(), **(self._nodes.facts() if self._nodes else {})}
        self._emit("ready", seconds=round(time.perf_counter() - began_s, 1), engine_facts=facts)
        sut = self._sut(engine, dataset)
        number = 0
        for number, run in enumerate(plan.runs, start=1):
            await self._one_run(number - 1, run, engine, sut, len(dataset))
        while plan.goes_on and (next_run := await self._next_runs.get()) is not None:
            await self._one_run(number, next_run, engine, sut, len(dataset))
            number += 1
        await engine.stop()
        if self._nodes is not None:  # after a failure this process ends at once, and its connections with it
            await self._nodes.close()

    async def _gathered(self) -> Nodes | None:
        """The nodes of an engine that serves on several machines, once all are there."""
        plan = self._plan
        shape = engines.shape(plan.engine.engine, plan.engine.settings)
        if shape.elsewhere is None:
            return None
        nodes = Nodes(
            shape.elsewhere,
            shape.ranks_here,
            SessionFacts(
                benchmark=plan.benchmark,
                scenarios=plan.scenarios,
                engine=plan.engine,
                model_sha256=plan.model_sha256,
            ),
            node_versions(plan.engine.engine),
            on_missing=lambda ranks: self._emit("nodes", ranks=ranks),
            on_lost=self.fail,
        )
        await nodes.gather()
        return nodes

    def _sut(self, engine: engines.Engine, dataset: Dataset) -> Sut:
        plan = self._plan
        return Sut(
            engine,
            dataset,
            loadgen.Responses(),
            eos_token_id=plan.engine_plan.eos_token_id,
            max_new_tokens=plan.engine_plan.max_new_tokens,
            in_flight=plan.engine.in_flight,
            sort_offline=plan.engine.offline_order == "longest_first",
            on_failure=self.fail,
        )

    async def _warm_up(self, engine: engines.Engine, dataset: Dataset) -> None:
        async def one(number: int, prompt: list[int]) -> None:
            async for _ in engine.generate(f"warm-up-{number}", prompt, stream=False):
                pass

        count = self._plan.engine.warm_up_prompts
        if count:
            self._emit("warm_up", prompts=count)
        prompts = warm_up.prompts(dataset, count)
        await asyncio.gather(*(one(number, prompt) for number, prompt in enumerate(prompts)))

    async def _one_run(self, number: int, run: RunPlan, engine: engines.Engine, sut: Sut, sample_count: int) -> None:
        self._emit("run", number=number)
        answers_before = engine.answers()
        sut.begin(stream=run.scenario is not Scenario.OFFLINE)
        began_s = time.perf_counter()
        reporter = asyncio.create_task(self._report(number, sut, began_s))
        with tempfile.TemporaryDirectory(prefix="submitter-audit-") as scratch:
            audit = None
            if run.audit is not None:
                audit = Path(scratch, AUDIT_CONFIG)
                audit.write_text(audit_text(run.audit))
            with _without_collector():
                await asyncio.to_thread(
                    _run_loadgen,
                    model=run.loadgen_model,
                    scenario=run.scenario,
                    mode=run.mode,
                    user_conf=run.user_conf,
                    audit=audit,
                    sample_count=sample_count,
                    output=run.folder,
                    issue=sut.issue,
                    is_limited=self._plan.sample_limit is not None,
                    network_name=self._network_name(engine),
                )
        seconds = time.perf_counter() - began_s
        reporter.cancel()
        await sut.end()
        if run.keep_latencies:
            write_latencies(run.folder / LATENCIES, sut.progress)
        self._emit(
            "finished",
            number=number,
            seconds=seconds,
            done=sut.progress.done,
            tokens=sut.progress.tokens,
            answers={name: count - answers_before.get(name, 0) for name, count in engine.answers().items()},
        )

    def _network_name(self, engine: engines.Engine) -> Callable[[], str] | None:
        """What LoadGen calls on its own thread for the name of a SUT on another system."""
        if not self._plan.is_network:
            return None
        if not isinstance(engine, engines.NetworkEngine):
            raise InputError(
                f"engine '{self._plan.engine.engine}' runs on LoadGen's own system, and the SUT is networked",
                "use the engine endpoint, or another division",
            )
        loop = asyncio.get_running_loop()

        def ask() -> str:
            try:
                return asyncio.run_coroutine_threadsafe(engine.network_name(), loop).result()
            except Exception as error:  # LoadGen's C++ would end the process without a word
                self.fail(error)
                raise

        return ask

    async def _report(self, number: int, sut: Sut, began_s: float) -> None:
        while True:
            await asyncio.sleep(_REPORT_EVERY_S)
            seconds = time.perf_counter() - began_s
            self._emit("progress", number=number, seconds=seconds, **summary(sut.progress))

    def _emit(self, event: str, **facts: Any) -> None:
        os.write(self._events, (json.dumps({"event": event, **facts}) + "\n").encode())

    def queue_run(self, line: bytes) -> None:
        """Queue the run that a line of JSON describes; an empty line ends the session.

        May be called from any thread, once the session runs.
        """
        run = RunPlan.model_validate_json(line) if line else None
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._next_runs.put_nowait, run)

    def fail(self, error: BaseException) -> None:
        """Report the error and end the process: LoadGen would wait for answers that will never come.

        May be called from any thread; the first error counts. The engine may have failed because it lost a node.
        """
        if not self._failing.acquire(blocking=False):
            return
        if self._nodes is not None and (loss := self._nodes.loss()):
            error = loss
        if isinstance(error, OSError):
            refused = from_os_error(error)
            error = RunError(f"the engine failed: {refused.message}", refused.hint)
        elif not isinstance(error, SubmitterError):
            error = RunError(f"the engine failed: {_first_line(error)}")
        problems = error.problems if isinstance(error, SeveralErrors) else (error,)
        try:
            self._emit(
                "error",
                problems=[{"message": each.message, "hint": each.hint} for each in problems],
                exit_code=error.exit_code,
            )
        finally:
            os._exit(RunError.exit_code)


def _run_loadgen(**test: Any) -> None:
    """As `loadgen.run_test`. RunError for whatever LoadGen's C++ raises."""
    try:
        loadgen.run_test(**test)
    except (SubmitterError, OSError):
        raise
    except Exception as error:
        raise RunError(f"LoadGen failed: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    """The error's message, or its type if it has none or is no ordinary error."""
    text = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, Exception) and text:
        return text
    return f"{type(error).__name__} {text}".rstrip()


def _verified_dataset(plan: SessionPlan) -> Dataset:
    dataset = Dataset.open(plan.dataset)
    dataset.verify()  # this also reads it into memory, before any timed window
    return dataset if plan.sample_limit is None else dataset.subset(plan.sample_limit)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Turn garbage collection off inside the block: it walks every request in flight, again and again.

    With 12,000 samples in flight it took a third of this process's time and stopped it for 90 ms at a time, which would
    delay first tokens. Memory does not leak: reference counting frees what a request leaves behind (640 requests to
    vLLM 0.32 left no cycle), and cycles are collected after the run.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()


def _read_next_runs(session: EngineSession) -> None:
    """Read the next runs from standard input, which only the parent holds open. At its end the guard acts first."""
    pending = b""
    while chunk := os.read(0, 65536):
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            session.queue_run(line)
    time.sleep(_GUARD_S)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    plan_file, events = sys.argv[1], int(sys.argv[2])
    os.set_inheritable(events, False)
    plan = SessionPlan.model_validate_json(Path(plan_file).read_bytes())
    os.environ.update(plan.engine.env)
    session = EngineSession(plan, events)
    threading.Thread(target=_read_next_runs, args=(session,), daemon=True).start()
    try:
        asyncio.run(session.run())
    except (SubmitterError, OSError) as error:
        session.fail(error)
    except BaseException as error:  # the parent must learn of any end, also of SystemExit; the log has the traceback
        import traceback

        traceback.print_exc()
        session.fail(error)


if __name__ == "__main__":
    main()
