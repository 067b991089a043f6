"""The SUT: takes LoadGen's samples, feeds them to the engine and returns its tokens, on one event loop.

The contract with LoadGen, which `tests/harness/test_sut.py` tests point by point: token ids are int32; the first token
is reported once; then all tokens are reported, including the first; there are at least two, because LoadGen divides by
the number of tokens minus one (loadgen/logging.cc); there is at most one EOS token, and it is the last.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable, Sequence
from typing import Protocol

from submitter.errors import RunError
from submitter.harness.engines import Engine
from submitter.units import MS_PER_S

# A task lets the others run after this many samples, in case the engine never waits for anything.
_SAMPLES_BEFORE_YIELD = 64


class AnswerReceiver(Protocol):
    """Receives a run's answers, sample by sample. In a run it is `loadgen.Responses`, which passes them to LoadGen."""

    def first_token(self, response_id: int, token: int) -> None: ...

    def complete(self, response_id: int, tokens: Sequence[int]) -> None: ...


class Prompts(Protocol):
    """The part of a data set that the timed path uses: token ids by index."""

    def __len__(self) -> int: ...

    def prompt(self, index: int) -> Sequence[int]: ...


class Progress:
    """The progress of one run. The arrays have one item per finished sample; `issued_s` is `time.perf_counter`'s."""

    def __init__(self) -> None:
        self.issued = 0
        self.done = 0
        self.tokens = 0
        self.issued_s = array("d")
        self.ttft_ms = array("f")
        self.tpot_ms = array("f")
        self.latency_ms = array("f")

    def add(self, issued_s: float, first_s: float, done_s: float, tokens: int) -> None:
        self.done += 1
        self.tokens += tokens
        self.issued_s.append(issued_s)
        self.latency_ms.append((done_s - issued_s) * MS_PER_S)
        self.ttft_ms.append((first_s - issued_s) * MS_PER_S)
        self.tpot_ms.append((done_s - first_s) * MS_PER_S / (tokens - 1))


def finished_answer(tokens: list[int], eos_token_id: int, max_new_tokens: int) -> list[int]:
    """The answer in the form that LoadGen requires. RunError if the engine broke its contract: no run may hide that.

    An answer of one token gets an EOS token, which some engines strip, because LoadGen requires at least two tokens.
    """
    if len(tokens) > max_new_tokens:
        raise RunError(
            f"the engine returned {len(tokens)} tokens, the limit is {max_new_tokens}", "pass max_tokens to the engine"
        )
    if not tokens or tokens[0] == eos_token_id:
        raise RunError("the engine returned an empty answer", "set min_tokens to 1: the rules require a token")
    if eos_token_id in tokens[:-1]:
        raise RunError("the engine continued after the EOS token", "stop at the model's EOS token")
    return [*tokens, eos_token_id] if len(tokens) == 1 else tokens


def longest_first(pairs: list[tuple[int, int]], prompts: Prompts) -> list[tuple[int, int]]:
    """Sort an Offline query by prompt length, longest first, but only within each copy of the data set.

    For language models the rules forbid sorting across copies (inference_rules.adoc, 152 and 805 at ac93e89).
    """
    copy = len(prompts)
    ordered: list[tuple[int, int]] = []
    for start in range(0, len(pairs), copy):
        ordered += sorted(pairs[start : start + copy], key=lambda pair: -len(prompts.prompt(pair[1])))
    return ordered


class Sut:
    """Serves one LoadGen run at a time, on an engine that serves several runs.

    `in_flight` is the most samples that the engine has at once: a task for every sample of an Offline query would cost
    more than it gains.
    """

    def __init__(
        self,
        engine: Engine,
        prompts: Prompts,
        responses: AnswerReceiver,
        *,
        eos_token_id: int,
        max_new_tokens: int,
        in_flight: int,
        sort_offline: bool,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._engine = engine
        self._prompts = prompts
        self._responses = responses
        self._eos_token_id = eos_token_id
        self._max_new_tokens = max_new_tokens
        self._in_flight = in_flight
        self._sort_offline = sort_offline
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[tuple[int, int, float]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self.progress = Progress()

    def begin(self, *, stream: bool) -> None:
        """Start serving a run; on the event loop. With `stream` the engine yields the first token early."""
        self.progress = Progress()
        self._tasks = [asyncio.create_task(self._serve(f"{worker}", stream)) for worker in range(self._in_flight)]

    async def end(self) -> None:
        """Stop serving; on the event loop, after LoadGen has all its answers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def issue(self, pairs: list[tuple[int, int]]) -> None:
        """Take (response id, sample index) pairs, on LoadGen's thread; returns at once."""
        self._loop.call_soon_threadsafe(self._enqueue, pairs, time.perf_counter())

    def _enqueue(self, pairs: list[tuple[int, int]], issued_s: float) -> None:
        if self._sort_offline and len(pairs) > 1:
            pairs = longest_first(pairs, self._prompts)
        self.progress.issued += len(pairs)
        for response_id, index in pairs:
            self._queue.put_nowait((response_id, index, issued_s))

    async def _serve(self, worker: str, stream: bool) -> None:
        served = 0
        while True:
            response_id, index, issued_s = await self._queue.get()
            try:
                await self._answer(f"{worker}-{response_id}-{served}", response_id, index, issued_s, stream)
            except BaseException as error:
                # An engine may raise anything, and LoadGen would wait forever. Only `end` cancels this task, which has
                # no sample then: CancelledError is the engine's own.
                self._on_failure(error)
                return
            served += 1
            if served % _SAMPLES_BEFORE_YIELD == 0:
                await asyncio.sleep(0)

    async def _answer(self, request_id: str, response_id: int, index: int, issued_s: float, stream: bool) -> None:
        tokens: list[int] = []
        first_s = 0.0
        async for part in self._engine.generate(request_id, self._prompts.prompt(index), stream):
            if not tokens and part:
                self._responses.first_token(response_id, part[0])
                first_s = time.perf_counter()
            tokens.extend(part)
            if len(tokens) > self._max_new_tokens:  # the engine may never end
                break
        tokens = finished_answer(tokens, self._eos_token_id, self._max_new_tokens)
        self._responses.complete(response_id, tokens)
        self.progress.add(issued_s, first_s, time.perf_counter(), len(tokens))
