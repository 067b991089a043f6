"""One answer from one server, from the prompt's token ids to the answer's: in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from submitter.harness.engines import EnginePlan
from submitter.harness.remote.answers import Answer
from submitter.harness.remote.client import Client
from submitter.harness.remote.requests import RequestBodies
from submitter.harness.remote.retokenise import Retokeniser
from submitter.harness.remote.settings import Settings
from submitter.harness.sampling import Sampling


class Transport:
    """Create and use it on one event loop, and `close` it."""

    def __init__(self, settings: Settings, model: str, plan: EnginePlan, sampling: Sampling) -> None:
        self._plan = plan
        self._bodies = RequestBodies(settings, model, plan, sampling)
        self._as_text = settings.answers == "text"
        self._retokeniser = (
            Retokeniser(Path(plan.model), plan.eos_token_id, plan.max_new_tokens) if self._as_text else None
        )
        self._client = Client(settings)

    async def generate(self, url: str, prompt: Sequence[int], stream: bool) -> AsyncIterator[list[int]]:
        """Yield the first token ids of a stream as soon as they are there, and the others when the answer is whole."""
        answer = Answer(self._plan.max_new_tokens, self._plan.eos_token_id, as_text=self._as_text)
        if self._retokeniser is not None:
            async for tokens in self._retokenised(self._retokeniser, url, prompt, stream, answer):
                yield tokens
            return
        reported = 0
        async for _ in self._client.answer(url, self._bodies.body(prompt, stream), answer, stream):
            if not reported and answer.token_ids:
                reported = len(answer.token_ids)
                yield answer.token_ids[:reported]
        if reported < len(answer.token_ids):
            yield answer.token_ids[reported:] if reported else answer.token_ids

    async def _retokenised(
        self, retokeniser: Retokeniser, url: str, prompt: Sequence[int], stream: bool, answer: Answer
    ) -> AsyncIterator[list[int]]:
        first: list[int] = []
        first_text = ""
        async for _ in self._client.answer(url, self._bodies.body(prompt, stream), answer, stream):
            if not first and (first := retokeniser.first(answer.text)):
                first_text = answer.text
                yield first
        yield retokeniser.rest(first, first_text, answer.text, has_eos=answer.finish_reason == "stop")

    async def close(self) -> None:
        await self._client.close()
