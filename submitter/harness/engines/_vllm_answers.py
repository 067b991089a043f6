"""Requests to vLLM's engine core, and its tokens back, without the objects that vLLM's `AsyncLLM` makes of each token.

LoadGen requires the first token and the whole answer. `AsyncLLM` prepares more for every token of every request:
text, log-probabilities, statistics, a queue. It also checks and copies the sampling parameters of each request, which
are the same for all here. Without it the harness's CPU time was half as long (docs/engines.md).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from submitter.errors import RunError

# How long vLLM may take to report the death of one of its processes.
_DEATH_S = 10.0


class _GivenUp(RunError):
    """vLLM ended an answer that is not whole."""


class _Answer:
    """The tokens so far. `ready` is set at the end, and with `awaits_first` at the first token before that."""

    __slots__ = ("awaits_first", "ready", "tokens", "whole")

    def __init__(self, awaits_first: bool, ready: asyncio.Future[None]) -> None:
        self.tokens: list[int] = []
        self.awaits_first = awaits_first
        self.ready = ready
        self.whole = False


class CoreRequests:
    """The requests of one loaded engine. All calls come from the event loop that it was created on.

    `template` is a request that vLLM has checked and completed; each request is a copy of it with another prompt.
    `ends` has the finish reasons of a whole answer. `answered` counts the answers of each rank, by its number.
    """

    def __init__(self, core: Any, template: Any, *, max_model_len: int, vocabulary: int, ends: Sequence[int]) -> None:
        self._core = core
        self._template = template
        self._max_model_len = max_model_len
        self._vocabulary = vocabulary
        self._ends = frozenset(ends)
        self.answered: Counter[int] = Counter()
        self._answers: dict[str, _Answer] = {}
        self._failure: Exception | None = None
        self._loop = asyncio.get_running_loop()
        self._receiver = asyncio.create_task(self._receive())

    async def generate(self, request_id: str, prompt: Sequence[int], stream: bool) -> AsyncIterator[Sequence[int]]:
        """As `Engine.generate`. Raises vLLM's own error if the engine has died."""
        self._require_possible(prompt)
        answer = self._answers[request_id] = _Answer(stream, self._ready())
        try:
            await self._core.add_request_async(
                msgspec.structs.replace(self._template, request_id=request_id, prompt_token_ids=prompt)
            )
            await answer.ready
            sent = 0
            if not answer.whole:
                sent = len(answer.tokens)
                answer.ready = self._ready()  # before the yield, during which the answer may end
                yield answer.tokens[:sent]
                await answer.ready
            yield answer.tokens[sent:] if sent else answer.tokens
        finally:
            if self._answers.pop(request_id, None) is not None and self._failure is None:
                await self._core.abort_requests_async([request_id])

    def _require_possible(self, prompt: Sequence[int]) -> None:
        """RunError for a prompt on which the engine would fail, or would never answer."""
        if not 0 < len(prompt) < self._max_model_len:
            raise RunError(
                f"a prompt has {len(prompt)} tokens, and max_model_len is {self._max_model_len} with the answer",
                "raise max_model_len in engine.toml",
            )
        if max(prompt) >= self._vocabulary:
            raise RunError(
                f"a prompt has the token {max(prompt)}, and the model has {self._vocabulary} tokens",
                "tokenise the data set with the model's own tokenizer",
            )

    def _ready(self) -> asyncio.Future[None]:
        if self._failure is not None:
            raise self._failure
        return self._loop.create_future()

    async def _receive(self) -> None:
        """Pass the tokens on; whatever ends that ends every request that waits."""
        try:
            while True:
                outputs = await self._core.get_output_async()
                for output in outputs.outputs:
                    self._take(output, outputs.engine_index)
        except _GivenUp as error:
            self._failure = await self._death() or error
        except Exception as error:
            self._failure = error
        for answer in self._answers.values():
            if not answer.ready.done():
                answer.ready.set_exception(self._failure)

    async def _death(self) -> Exception | None:
        """The error of an engine that dies: when one of its ranks has died, the others give up their answers first."""
        try:
            async with asyncio.timeout(_DEATH_S):
                while True:
                    await self._core.get_output_async()
        except TimeoutError:
            return None
        except Exception as error:
            return error

    def _take(self, output: Any, rank: int) -> None:
        answer = self._answers.get(output.request_id)
        if answer is None:  # it was aborted
            return
        answer.tokens += output.new_token_ids
        reason = output.finish_reason
        if reason is not None:
            if reason not in self._ends:
                raise _GivenUp(f"vLLM ended an answer with the reason '{reason}'", "read the engine's log")
            del self._answers[output.request_id]
            answer.whole = True
            self.answered[rank] += 1
        elif answer.awaits_first and answer.tokens:
            answer.awaits_first = False
        else:
            return
        if not answer.ready.done():
            answer.ready.set_result(None)

    def stop(self) -> None:
        self._receiver.cancel()
