"""An engine without a model, for tests and rehearsals: it answers after a configured time, or fails on request.

It repeats the prompt's own tokens, or replays recorded answers. With `tokens_per_s` it has a capacity: it serves
requests one after another at that rate, so that they wait longer the nearer the load comes to the capacity. It computes
the times instead of adding up sleeps, so that the capacity is exact even on a busy machine.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import zlib
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from submitter import plugins
from submitter.errors import InputError, RunError, raise_all
from submitter.harness.dataset import Dataset
from submitter.harness.engines import DRIVER_ADDRESS, Engine, EnginePlan, EngineShape, RanksElsewhere, RanksPlan
from submitter.harness.engines._settings import wrong_value
from submitter.harness.sampling import GREEDY, Sampling
from submitter.units import MS_PER_S


class Settings(BaseModel):
    """`output_tokens` includes the EOS token; `fail_after` and `hang_after` count requests, including the warm-up's.

    `load_s` is how long it takes to load, for a rehearsal of `[limits] start_s` and of what is shown meanwhile. Like an
    engine that loads a model, it holds up its whole process for that time.

    `replay_prompts` and `replay_answers` are absolute paths of data set files: the answer to sample i of the first is
    sample i of the second. Any other prompt is answered as without them.

    The `data_parallel_` settings have vLLM's names and are for a rehearsal of several machines: nodes are required,
    compared and watched as for vLLM, but the driver's process answers everything.
    """

    model_config = ConfigDict(extra="forbid")

    first_token_ms: float = Field(0.0, ge=0)
    per_token_ms: float = Field(0.0, ge=0)
    tokens_per_s: float | None = Field(None, gt=0)
    output_tokens: int = Field(16, ge=0)
    spread_tokens: int = Field(0, ge=0)
    end_with_eos: bool = True
    load_s: float = Field(0.0, ge=0)
    replay_prompts: str | None = None
    replay_answers: str | None = None
    fail_at_start: bool = False
    fail_after: int | None = None
    hang_after: int | None = None
    data_parallel_size: int = Field(1, ge=1)
    data_parallel_size_local: int | None = Field(None, ge=1)
    data_parallel_address: str | None = None
    data_parallel_rpc_port: int = Field(29550, ge=1, le=65534)


def check(settings: dict[str, Any]) -> Settings:
    """InputError for a setting that this engine does not have, or a value that it does not accept."""
    try:
        checked = Settings.model_validate(settings)
    except ValidationError as error:
        by_key: dict[str, list[ErrorDetails]] = {}
        for problem in error.errors():
            by_key.setdefault(str(problem["loc"][0]), []).append(problem)
        raise_all([_problem(key, settings[key], of_key) for key, of_key in by_key.items()])
        raise  # never reached: pydantic's error has at least one problem
    if (checked.replay_prompts is None) != (checked.replay_answers is None):
        raise InputError("engine.toml: replay_prompts and replay_answers must be set together", "set both, or neither")
    _recordings(checked)
    return checked


def _recordings(settings: Settings) -> tuple[Dataset, Dataset] | None:
    """The prompts and their answers; None if nothing is replayed. InputError if they cannot be replayed."""
    if settings.replay_prompts is None or settings.replay_answers is None:
        return None
    for name, text in (("replay_prompts", settings.replay_prompts), ("replay_answers", settings.replay_answers)):
        if not Path(text).is_absolute():  # the engine works in an empty folder of its own
            raise InputError(f"engine.toml: {name} is not an absolute path: {text}", f'write "{Path(text).absolute()}"')
    prompts, answers = Dataset.open(Path(settings.replay_prompts)), Dataset.open(Path(settings.replay_answers))
    if len(prompts) != len(answers):
        raise InputError(
            f"there are {len(prompts)} prompts and {len(answers)} answers to replay", "record the answers again"
        )
    return prompts, answers


def _problem(key: str, value: object, problems: list[ErrorDetails]) -> InputError:
    if problems[0]["type"] != "extra_forbidden":
        return wrong_value("the echo engine", key, value, problems)
    nearest = plugins.did_you_mean(key, Settings.model_fields)
    return InputError(f"engine.toml: the echo engine has no setting '{key}'", nearest)


def check_sampling(sampling: Sampling) -> None:
    """Accepts any sampling, because there is no model to sample from."""


def serves_a_model(settings: dict[str, Any]) -> bool:
    return False


def shape(settings: dict[str, Any]) -> EngineShape:
    given = check(settings)
    local = given.data_parallel_size_local or given.data_parallel_size
    if local >= given.data_parallel_size:
        return EngineShape()
    elsewhere = RanksElsewhere(
        count=given.data_parallel_size - local,
        per_node=local,
        address=given.data_parallel_address or os.environ.get(DRIVER_ADDRESS, "127.0.0.1"),
        port=given.data_parallel_rpc_port + 1,
        engine_port=given.data_parallel_rpc_port,
    )
    return EngineShape(ranks=given.data_parallel_size, elsewhere=elsewhere)


def serve_ranks(plan: RanksPlan, on_started: Callable[[list[int]], None]) -> None:
    on_started([])
    threading.Event().wait()


def runs_on() -> None:
    return None


def create(settings: dict[str, Any], plan: EnginePlan, sampling: Sampling = GREEDY) -> Engine:
    return EchoEngine(check(settings), plan)


def versions() -> dict[str, str]:
    return {}


class EchoEngine:
    def __init__(self, settings: Settings, plan: EnginePlan) -> None:
        self._settings = settings
        self._plan = plan
        self._requests = 0
        self._free_at_s = 0.0
        self._recorded: dict[bytes, int] = {}
        self._answers: Dataset | None = None

    async def start(self) -> None:
        time.sleep(self._settings.load_s)
        if self._settings.fail_at_start:
            raise RunError("the echo engine is set to fail at its start", "remove fail_at_start from engine.toml")
        if recordings := _recordings(self._settings):
            prompts, self._answers = recordings
            self._recorded = {_key(prompts.prompt(index)): index for index in range(len(prompts))}

    async def generate(self, request_id: str, prompt: Sequence[int], stream: bool) -> AsyncIterator[Sequence[int]]:
        settings = self._settings
        self._requests += 1
        if settings.fail_after is not None and self._requests > settings.fail_after:
            raise RuntimeError(f"the echo engine is set to fail after {settings.fail_after} requests")
        if settings.hang_after is not None and self._requests > settings.hang_after:
            await asyncio.Event().wait()
        answer = self._answer(prompt)
        first_s = self._service_start_s(len(answer)) + settings.first_token_ms / MS_PER_S
        await _sleep_until(first_s)
        if stream:
            yield answer[:1]
        await _sleep_until(first_s + settings.per_token_ms * (len(answer) - 1) / MS_PER_S)
        yield answer[1:] if stream else answer

    def _service_start_s(self, tokens: int) -> float:
        """When the request is served, on the event loop's clock; the next request also waits for its tokens."""
        now_s = asyncio.get_running_loop().time()
        if self._settings.tokens_per_s is None:
            return now_s
        start_s = max(now_s, self._free_at_s)
        self._free_at_s = start_s + tokens / self._settings.tokens_per_s
        return start_s

    def _answer(self, prompt: Sequence[int]) -> list[int]:
        """The answer to a prompt. Its length depends on the prompt alone, so that two runs give the same answers."""
        index = self._recorded.get(_key(prompt)) if self._recorded else None
        if self._answers is not None and index is not None:
            return self._answers.prompt(index)[: self._plan.max_new_tokens]
        length = self._settings.output_tokens
        if self._settings.spread_tokens:
            length += zlib.crc32(repr(list(prompt)).encode()) % (self._settings.spread_tokens + 1)
        eos = self._plan.eos_token_id
        body = [token for token in prompt if token != eos] or [0]
        answer = (body * (length // len(body) + 1))[: min(length, self._plan.max_new_tokens)]
        if answer and self._settings.end_with_eos:
            answer[-1] = eos
        return answer

    def process_ids(self) -> list[int]:
        return []

    def facts(self) -> dict[str, str]:
        return {}

    def answers(self) -> dict[str, int]:
        return {}

    async def stop(self) -> None:
        return None


async def _sleep_until(at_s: float) -> None:
    """Sleep until `at_s` on the event loop's clock; returns at once if that time has passed."""
    left_s = at_s - asyncio.get_running_loop().time()
    if left_s > 0:
        await asyncio.sleep(left_s)


def _key(prompt: Sequence[int]) -> bytes:
    return array("i", prompt).tobytes()
