"""An engine without a model, for tests and rehearsals: it answers after a settable time, or fails as told.

It repeats the prompt's own tokens.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from submitter import plugins
from submitter.errors import InputError, RunError
from submitter.harness.engines import Engine, EnginePlan


class Settings(BaseModel):
    """`output_tokens` counts the EOS; `fail_after` and `hang_after` count requests, the warm-up's included."""

    model_config = ConfigDict(extra="forbid")

    first_token_ms: float = Field(0.0, ge=0)
    per_token_ms: float = Field(0.0, ge=0)
    output_tokens: int = Field(16, ge=0)
    spread_tokens: int = Field(0, ge=0)
    end_with_eos: bool = True
    fail_at_start: bool = False
    fail_after: int | None = None
    hang_after: int | None = None


def check(settings: dict[str, Any]) -> Settings:
    try:
        return Settings.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        hint = plugins.did_you_mean(key, Settings.model_fields) if first["type"] == "extra_forbidden" else first["msg"]
        raise InputError(f"engine.toml: bad setting '{key}' of the echo engine", hint) from None


def create(settings: dict[str, Any], plan: EnginePlan) -> Engine:
    return EchoEngine(check(settings), plan)


def versions() -> dict[str, str]:
    return {}


class EchoEngine:
    def __init__(self, settings: Settings, plan: EnginePlan) -> None:
        self._settings = settings
        self._plan = plan
        self._requests = 0

    async def start(self) -> None:
        if self._settings.fail_at_start:
            raise RunError("the echo engine was told to fail at its start", "remove fail_at_start from engine.toml")

    async def generate(self, request_id: str, prompt: Sequence[int], stream: bool) -> AsyncIterator[Sequence[int]]:
        settings = self._settings
        self._requests += 1
        if settings.fail_after is not None and self._requests > settings.fail_after:
            raise RuntimeError(f"the echo engine was told to fail after {settings.fail_after} requests")
        if settings.hang_after is not None and self._requests > settings.hang_after:
            await asyncio.Event().wait()
        answer = self._answer(prompt)
        if settings.first_token_ms:
            await asyncio.sleep(settings.first_token_ms / 1000)
        if stream:
            yield answer[:1]
        if settings.per_token_ms:
            await asyncio.sleep(settings.per_token_ms * (len(answer) - 1) / 1000)
        yield answer[1:] if stream else answer

    def _answer(self, prompt: Sequence[int]) -> list[int]:
        """A length that depends on the prompt alone, so that two runs give the same answers."""
        length = self._settings.output_tokens
        if self._settings.spread_tokens:
            length += zlib.crc32(repr(list(prompt)).encode()) % (self._settings.spread_tokens + 1)
        eos = self._plan.eos_token_id
        body = [token for token in prompt if token != eos] or [0]
        answer = (body * (length // len(body) + 1))[: min(length, self._plan.max_new_tokens)]
        if answer and self._settings.end_with_eos:
            answer[-1] = eos
        return answer

    async def stop(self) -> None:
        return None
