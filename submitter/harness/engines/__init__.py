"""Engines: one file each, named as in `engine.toml`. An engine turns prompts into tokens and knows no LoadGen.

An engine module holds `Settings`, a pydantic model or a function that checks the `[settings]` table of
`engine.toml`, and `create(settings, plan) -> Engine`. It imports its library inside `create` or later, so that
looking at a campaign costs nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from submitter import plugins


class EnginePlan(BaseModel):
    """What every engine must be told: where the model lies and how long answers may be. All counts are tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: str
    max_new_tokens: int
    min_new_tokens: int = 1
    eos_token_id: int


class Engine(Protocol):
    """Called from one event loop only."""

    async def start(self) -> None:
        """Load the model. RunError if it cannot be loaded."""

    def generate(self, request_id: str, prompt: Sequence[int], stream: bool) -> AsyncIterator[Sequence[int]]:
        """Yield new token ids: with `stream` the first as soon as it is there, else all at once is enough.

        An answer ends with its EOS, or where `max_new_tokens` are reached. Any exception ends the run.
        """

    async def stop(self) -> None:
        """Release everything; safe to call after a failure."""


def check_settings(name: str, settings: dict[str, Any]) -> None:
    """InputError if the engine does not know one of its settings; NotInstalledError if it cannot be loaded here."""
    plugins.load(__name__, name, "engine").check(settings)


def create(name: str, settings: dict[str, Any], plan: EnginePlan) -> Engine:
    engine: Engine = plugins.load(__name__, name, "engine").create(settings, plan)
    return engine


def versions(name: str) -> dict[str, str]:
    """The packages an engine runs on, with their versions, for the record."""
    found: dict[str, str] = plugins.load(__name__, name, "engine").versions()
    return found
