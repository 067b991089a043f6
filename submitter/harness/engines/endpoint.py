"""A server of an OpenAI-compatible completions API, by URL: `vllm serve`, `trtllm-serve`, SGLang, Dynamo, llm-d.

`[settings]` of `engine.toml` are `remote.settings.Settings`. The server runs the model; this engine sends it token ids
over HTTP and counts the tokens that come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from submitter import packages
from submitter.errors import raise_all
from submitter.harness.engines import Engine, EnginePlan, EngineShape
from submitter.harness.remote import client, facts, requests
from submitter.harness.remote.balance import Balance
from submitter.harness.remote.processes import ClientProcesses
from submitter.harness.remote.settings import Settings, read
from submitter.harness.remote.transport import Transport
from submitter.harness.sampling import GREEDY, Sampling

_DISTRIBUTIONS = ("aiohttp", "msgspec", "tokenizers")


def check(settings: dict[str, Any]) -> Settings:
    """InputError for a setting that this engine does not have or lacks, or a value that it does not accept."""
    return read(settings)


def check_sampling(sampling: Sampling) -> None:
    """InputError for beam search; the other keys go into each request."""
    requests.check_sampling(sampling)


def serves_a_model(settings: dict[str, Any]) -> bool:
    return True


def shape(settings: dict[str, Any]) -> EngineShape:
    """No device of this machine. Each client process is a process of the engine, for `[binding]`."""
    return EngineShape(ranks=settings.get("client_processes", 1))


def runs_on() -> None:
    """None: the server has the devices. NotInstalledError if the HTTP client is not installed."""
    client.require()


def versions() -> dict[str, str]:
    return {name: version for name in _DISTRIBUTIONS if (version := packages.version_of(name))}


def create(settings: dict[str, Any], plan: EnginePlan, sampling: Sampling = GREEDY) -> Engine:
    check_sampling(sampling)
    return EndpointEngine(check(settings), plan, sampling)


async def look_at(settings: Settings, plan: EnginePlan | None, longest_tokens: int) -> list[facts.ServerFacts]:
    """What each server says of itself, and what keeps it from serving a run; `facts.look_at` says what it asks."""
    looking = client.Client(settings)
    try:
        return await facts.look_at(looking, settings, plan, longest_tokens)
    finally:
        await looking.close()


class EndpointEngine:
    """With one client process the HTTP client runs in this process, else in processes of its own."""

    def __init__(self, settings: Settings, plan: EnginePlan, sampling: Sampling) -> None:
        self._settings = settings
        self._plan = plan
        self._sampling = sampling
        self._balance = Balance(settings.base_urls)
        self._client: client.Client | None = None
        self._servers: list[facts.ServerFacts] = []
        self._transport: Transport | None = None
        self._processes: ClientProcesses | None = None

    async def start(self) -> None:
        """Look at each server as preflight does: all problems at once, because a server may be another one by now."""
        settings = self._settings
        self._client = client.Client(settings)
        self._servers = await facts.look_at(self._client, settings, self._plan, 0)
        raise_all([problem for server in self._servers for problem in server.problems])
        model = self._servers[0].model
        if settings.client_processes == 1:
            self._transport = Transport(settings, model, self._plan, self._sampling)
        else:
            self._processes = ClientProcesses(settings, model, self._plan, self._sampling)
            await self._processes.start()

    async def generate(self, request_id: str, prompt: Sequence[int], stream: bool) -> AsyncIterator[Sequence[int]]:
        transport = self._transport or self._processes
        assert transport is not None  # started
        with self._balance.request() as url:
            async for tokens in transport.generate(url, prompt, stream):
                yield tokens

    def process_ids(self) -> list[int]:
        return self._processes.process_ids() if self._processes is not None else []

    def facts(self) -> dict[str, str]:
        found = {name: value for server in self._servers for name, value in server.lines().items()}
        if self._settings.answers == "text":
            found["token_ids"] = (
                "prompts are sent as token ids, answers come as text and are tokenised here: the ids and their number "
                "may differ from what the servers generated"
            )
        else:
            found["token_ids"] = "as the servers send them; their number equals the servers' own count (usage)"
        return found

    def answers(self) -> dict[str, int]:
        return dict(self._balance.answered)

    async def network_name(self) -> str:
        """The rules: it has "Network SUT" in it, each server is asked, and each has a name of its own."""
        assert self._client is not None  # started
        names = await asyncio.gather(
            *(facts.served_model(self._client, self._settings, server.url) for server in self._servers)
        )
        return "Network SUT: " + ", ".join(
            f"{model} at {urlsplit(server.url).netloc}" for model, server in zip(names, self._servers, strict=True)
        )

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None
        if self._transport is not None:
            await self._transport.close()
            self._transport = None
        if self._processes is not None:
            await self._processes.stop()
            self._processes = None
