"""Engines: one file each, named as in `engine.toml`. An engine turns prompts into tokens and knows no LoadGen.

An engine module holds `check(settings)` and `check_sampling(sampling)` for the tables `[settings]` and `[sampling]` of
`engine.toml`, `serves_a_model(settings)`, `create(settings, plan, sampling) -> Engine`, and `versions()`. It imports
its library inside them, so that looking at a campaign costs nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from submitter import plugins
from submitter.harness.sampling import GREEDY, Sampling
from submitter.strict_record import StrictRecord


class EnginePlan(StrictRecord):
    """What every engine must be told: where the model lies and how long answers may be. All counts are tokens."""

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

    def process_ids(self) -> list[int]:
        """After `start`: the engine's own processes, one for each data-parallel rank, in order; none if it has none."""

    async def stop(self) -> None:
        """Release everything; safe to call after a failure."""


def check_settings(name: str, settings: dict[str, Any], sampling: Sampling = GREEDY) -> None:
    """InputError if the engine lacks a setting or a way of sampling; NotInstalledError if it cannot be loaded here."""
    engine = plugins.load(__name__, name, "engine")
    engine.check(settings)
    engine.check_sampling(sampling)


def serves_a_model(name: str, settings: dict[str, Any]) -> bool:
    """Whether an engine's answers are a model's: a submission may have no other."""
    found: bool = plugins.load(__name__, name, "engine").serves_a_model(settings)
    return found


def create(name: str, settings: dict[str, Any], plan: EnginePlan, sampling: Sampling = GREEDY) -> Engine:
    engine: Engine = plugins.load(__name__, name, "engine").create(settings, plan, sampling)
    return engine


def versions(name: str) -> dict[str, str]:
    """The packages an engine runs on, with their versions, for the record."""
    found: dict[str, str] = plugins.load(__name__, name, "engine").versions()
    return found
