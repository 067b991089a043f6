"""The process that owns LoadGen and the engine: `python -m submitter.harness.child PLAN.json EVENTS_FD`.

It loads the engine once and makes the runs one after the other. What it has to say goes as lines of JSON to the file
descriptor it was given; what the engine prints goes wherever its output was sent. When the parent dies, so does it,
with everything it started: an engine's worker processes would otherwise live on and hold the device.
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from submitter.compliance import audit_text
from submitter.errors import SubmitterError
from submitter.harness import engines, loadgen, warm_up
from submitter.harness.dataset import Dataset
from submitter.harness.plan import LATENCIES, RunPlan, SessionPlan
from submitter.harness.sut import Progress, Sut
from submitter.layout import AUDIT_CONFIG
from submitter.model import Scenario

_REPORT_EVERY_S = 1.0


class EngineSession:
    """One engine and its runs. Everything but LoadGen itself happens on the event loop."""

    def __init__(self, plan: SessionPlan, events: int) -> None:
        self._plan = plan
        self._events = events
        self._failing = False
        self._orders: asyncio.Queue[RunPlan | None] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        plan = self._plan
        self._loop = asyncio.get_running_loop()
        dataset = Dataset.open(plan.dataset)
        dataset.verify()  # and so it is in memory before the clock runs
        if plan.sample_limit is not None:
            dataset = dataset.subset(plan.sample_limit)
        plan.engine.binding.require_cores()
        began_s = time.perf_counter()
        self._say("loading", engine=plan.engine.engine)
        engine = engines.create(plan.engine.engine, plan.engine.settings, plan.engine_plan, plan.engine.sampling)
        try:
            await engine.start()
            plan.engine.binding.apply(engine.process_ids())
            await self._warm_up(engine, dataset)
            # What lives now lives to the end: the collector need not look at it.
            gc.collect()
            gc.freeze()
            self._say("ready", seconds=round(time.perf_counter() - began_s, 1))
            sut = Sut(
                engine,
                dataset,
                loadgen.Responses(),
                eos_token_id=plan.engine_plan.eos_token_id,
                max_new_tokens=plan.engine_plan.max_new_tokens,
                in_flight=plan.engine.in_flight,
                sort_offline=plan.engine.offline_order == "longest_first",
                on_failure=self.fail,
            )
            number = 0
            for number, run in enumerate(plan.runs, start=1):
                await self._one_run(number - 1, run, sut, len(dataset))
            while plan.goes_on and (ordered := await self._orders.get()) is not None:
                await self._one_run(number, ordered, sut, len(dataset))
                number += 1
        finally:
            await engine.stop()

    async def _warm_up(self, engine: engines.Engine, dataset: Dataset) -> None:
        async def one(number: int, prompt: list[int]) -> None:
            async for _ in engine.generate(f"warm-up-{number}", prompt, stream=False):
                pass

        prompts = warm_up.prompts(dataset, self._plan.engine.warm_up_prompts)
        await asyncio.gather(*(one(number, prompt) for number, prompt in enumerate(prompts)))

    async def _one_run(self, number: int, run: RunPlan, sut: Sut, sample_count: int) -> None:
        self._say("run", number=number)
        sut.begin(stream=run.scenario is not Scenario.OFFLINE)
        reporter = asyncio.create_task(self._report(number, sut))
        began_s = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="submitter-audit-") as scratch:
            audit = None
            if run.audit is not None:
                audit = Path(scratch, AUDIT_CONFIG)
                audit.write_text(audit_text(run.audit))
            with _without_collector():
                await asyncio.to_thread(
                    loadgen.run_test,
                    model=run.loadgen_model,
                    scenario=run.scenario,
                    mode=run.mode,
                    user_conf=run.user_conf,
                    audit=audit,
                    sample_count=sample_count,
                    output=run.folder,
                    issue=sut.issue,
                )
        seconds = time.perf_counter() - began_s
        reporter.cancel()
        await sut.end()
        if run.keep_latencies:
            _write_latencies(run.folder / LATENCIES, sut.progress)
        self._say("finished", number=number, seconds=seconds, done=sut.progress.done, tokens=sut.progress.tokens)

    async def _report(self, number: int, sut: Sut) -> None:
        while True:
            await asyncio.sleep(_REPORT_EVERY_S)
            self._say("progress", number=number, **_summary(sut.progress))

    def _say(self, event: str, **facts: Any) -> None:
        os.write(self._events, (json.dumps({"event": event, **facts}) + "\n").encode())

    def order(self, line: bytes) -> None:
        """Take the next run, or the empty line that ends the session; from any thread, once the session runs."""
        run = RunPlan.model_validate_json(line) if line else None
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._orders.put_nowait, run)

    def fail(self, error: BaseException) -> None:
        """Say what went wrong and end the process: LoadGen waits for answers that will never come."""
        if self._failing:
            return
        self._failing = True
        if isinstance(error, SubmitterError):
            self._say("error", message=error.message, hint=error.hint, exit_code=error.exit_code)
        else:
            self._say("error", message=f"the engine failed: {type(error).__name__}: {error}", hint="", exit_code=4)
        os._exit(4)


@contextmanager
def _without_collector() -> Iterator[None]:
    """No garbage collection inside: it walks every request in flight, again and again.

    With 12,000 samples in flight it took a third of this process's time, and stopped it for 90 ms at a time, which a
    first token must not wait for. Nothing is lost: reference counting frees what a request leaves (640 requests to vLLM
    0.32 left not one cycle), and what is cyclic goes after the run.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()


def _summary(progress: Progress) -> dict[str, Any]:
    return {
        "done": progress.done,
        "issued": progress.issued,
        "tokens": progress.tokens,
        "ttft_p99_ms": _p99(progress.ttft_ms),
        "tpot_p99_ms": _p99(progress.tpot_ms),
    }


def _p99(values: Sequence[float]) -> float | None:
    import numpy

    return round(float(numpy.percentile(values, 99)), 2) if len(values) else None


def _write_latencies(path: Path, progress: Progress) -> None:
    import numpy

    issued_s = numpy.asarray(progress.issued_s)
    began_s = issued_s.min(initial=numpy.inf)
    table = numpy.column_stack([issued_s - began_s, progress.ttft_ms, progress.tpot_ms, progress.latency_ms])
    numpy.save(path, table.astype("<f4"))


def _obey_parent(session: EngineSession) -> None:
    """Take orders from standard input, which only the parent holds open; at its end, take the whole group along."""
    pending = b""
    while chunk := os.read(0, 65536):
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            session.order(line)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    plan_file, events = sys.argv[1], int(sys.argv[2])
    os.set_inheritable(events, False)
    plan = SessionPlan.model_validate_json(Path(plan_file).read_bytes())
    os.environ.update(plan.engine.env)
    session = EngineSession(plan, events)
    threading.Thread(target=_obey_parent, args=(session,), daemon=True).start()
    try:
        asyncio.run(session.run())
    except (SubmitterError, OSError) as error:
        session.fail(error)
    except Exception as error:  # whatever it was, the parent must hear of it; the log has the traceback
        import traceback

        traceback.print_exc()
        session.fail(error)


if __name__ == "__main__":
    main()
