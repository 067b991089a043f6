"""What the servers say of themselves: version, model, limits, prefix caching. And what keeps them from a run."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from submitter.errors import InputError, NotInstalledError, RunError, SubmitterError
from submitter.harness.engines import EnginePlan
from submitter.harness.remote import PREFIX_CACHING
from submitter.harness.remote.answers import Answer
from submitter.harness.remote.client import Client
from submitter.harness.remote.requests import RequestBodies
from submitter.harness.remote.settings import Settings
from submitter.quoting import printable

_PAGE_TIMEOUT_S = 5.0
_PROBE_TIMEOUT_S = 30.0
# The prompt of the probe is long enough for a whole block of any server's cache, and its ids are in any vocabulary.
_PROBE_TOKENS, _PROBE_IDS, _PROBES = 300, (10, 90), 3
_CACHE_CONFIG = re.compile(rb"^vllm:cache_config_info\{(.*)\} ", re.MULTILINE)
_LABEL = re.compile(rb'(\w+)="((?:[^"\\]|\\.)*)"')
# The labels of vLLM's cache settings and the keys of SGLang's server information that affect a run.
_VLLM_KEYS = ("cache_dtype", "block_size", "gpu_memory_utilization", "num_gpu_blocks")
_SGLANG_KEYS = ("tp_size", "dp_size", "quantization", "kv_cache_dtype", "mem_fraction_static", "max_running_requests")


@dataclass(kw_only=True)
class ServerFacts:
    """One server. `prefix_caching` is None if the server does not say; `max_tokens` limits a prompt and its answer."""

    url: str
    version: str = ""
    model: str = ""
    max_tokens: int | None = None
    prefix_caching: bool | None = None
    prefix_caching_source: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    problems: list[SubmitterError] = field(default_factory=list)

    def lines(self) -> dict[str, str]:
        """For the record: each fact by its name."""
        caching = {True: "on", False: "off", None: "unknown"}[self.prefix_caching]
        found = {
            "version": self.version or "unknown",
            "model": self.model,
            "max_model_len": str(self.max_tokens or "unknown"),
            **self.settings,
        }
        lines = {f"{self.url} {name}": value for name, value in found.items()}
        return lines | {self.url + PREFIX_CACHING: f"{caching} ({self.prefix_caching_source})"}


async def look_at(
    client: Client, settings: Settings, plan: EnginePlan | None, longest_tokens: int
) -> list[ServerFacts]:
    """Every server, with its problems. With a `plan` each gets a few requests with random prompts.

    `longest_tokens` is the longest prompt with its answer; 0 if it is not known.
    """
    return list(
        await asyncio.gather(*(_one(client, settings, url, plan, longest_tokens) for url in settings.base_urls))
    )


async def _one(
    client: Client, settings: Settings, url: str, plan: EnginePlan | None, longest_tokens: int
) -> ServerFacts:
    facts = ServerFacts(url=url)
    try:
        await _read_model(client, settings, facts)
        await _read_settings(client, facts)
        if longest_tokens and facts.max_tokens is not None and facts.max_tokens < longest_tokens:
            facts.problems.append(
                InputError(
                    f"{url} takes {facts.max_tokens} tokens, the longest prompt and its answer may have "
                    f"{longest_tokens}",
                    f"start it with a larger limit (vLLM: --max-model-len {longest_tokens})",
                )
            )
        if plan is not None:
            await _probe(client, settings, facts, plan)
    except SubmitterError as error:
        facts.problems.append(error)
    except TimeoutError:
        facts.problems.append(
            RunError(
                f"{url} did not end an answer of two tokens within {_PROBE_TIMEOUT_S:g} s",
                "the server's log may say why",
            )
        )
    return facts


async def served_model(client: Client, settings: Settings, url: str) -> str:
    """The name under which a server serves the model, asked now. SubmitterError if it does not serve it."""
    facts = ServerFacts(url=url)
    await _read_model(client, settings, facts)
    return facts.model


async def _read_model(client: Client, settings: Settings, facts: ServerFacts) -> None:
    url = facts.url
    try:
        status, body = await client.get(url, "/v1/models", min(_PAGE_TIMEOUT_S, settings.connect_timeout_s))
    except RunError as error:
        # A server that is not there yet keeps no plan from being made, as a package that is not installed.
        raise NotInstalledError(error.message, error.hint) from None
    if status != 200:
        hint = "api_key_env names the variable with its API key" if status in (401, 403) else "check urls"
        raise InputError(f"{url}/v1/models answers with status {status}", hint)
    models = {str(each["id"]): each for each in _items(_json(body), "data") if "id" in each}
    if not models:
        raise InputError(f"{url}/v1/models lists no model", "is it an OpenAI-compatible server?")
    names = ", ".join(map(printable, list(models)[:8]))
    if settings.model is None and len(models) > 1:
        raise InputError(f"{url} serves several models: {names}", "choose one: [settings] model in engine.toml")
    facts.model = settings.model or next(iter(models))
    if facts.model not in models:
        raise InputError(f"{url} does not serve the model '{printable(facts.model)}'", f"it serves: {names}")
    limit = models[facts.model].get("max_model_len")
    facts.max_tokens = limit if isinstance(limit, int) else None


async def _read_settings(client: Client, facts: ServerFacts) -> None:
    """The version, and prefix caching where the server states it."""
    facts.prefix_caching_source = "the server does not say"
    if version := _json(await _page(client, facts.url, "/version")).get("version"):
        facts.version = printable(str(version))
    if found := _CACHE_CONFIG.search(await _page(client, facts.url, "/metrics")):
        labels = {key.decode(): value.decode(errors="replace") for key, value in _LABEL.findall(found[1])}
        if caching := labels.get("enable_prefix_caching"):
            facts.prefix_caching = caching == "True"
            facts.prefix_caching_source = "/metrics: vllm:cache_config_info"
        facts.settings |= {key: printable(labels[key]) for key in _VLLM_KEYS if key in labels}
        return
    if info := _json(await _page(client, facts.url, "/get_server_info")):
        facts.version = facts.version or printable(str(info.get("version", "")))
        if isinstance(info.get("disable_radix_cache"), bool):
            facts.prefix_caching = not info["disable_radix_cache"]
            facts.prefix_caching_source = "/get_server_info: disable_radix_cache"
        facts.settings |= {key: printable(str(info[key])) for key in _SGLANG_KEYS if info.get(key) is not None}


async def _probe(client: Client, settings: Settings, facts: ServerFacts, plan: EnginePlan) -> None:
    """A few requests as a run sends them, with one random prompt: the answers have token ids, and none is cached."""
    probe_plan = plan.model_copy(update={"max_new_tokens": 2})
    room = min(_PROBE_TOKENS, (facts.max_tokens or _PROBE_TOKENS + 2) - 2)
    prompt = random.Random().choices(range(*_PROBE_IDS), k=max(room, 1))
    bodies = RequestBodies(settings, facts.model, probe_plan)
    cached: list[int | None] = []
    for _ in range(_PROBES):
        answer = Answer(2, plan.eos_token_id, as_text=settings.answers == "text")
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            async for _ in client.answer(facts.url, bodies.body(prompt, True), answer, True):
                pass
        cached.append(answer.usage.cached_tokens)
        if facts.prefix_caching is not None:
            return
    if any(cached):
        facts.prefix_caching = True
        facts.prefix_caching_source = "usage: tokens of a repeated prompt came from a cache"
    elif None not in cached:
        facts.prefix_caching = False
        facts.prefix_caching_source = "usage: no token of a repeated prompt came from a cache"


async def _page(client: Client, url: str, path: str) -> bytes:
    """An optional page; empty if the server does not have it."""
    try:
        status, body = await client.get(url, path, _PAGE_TIMEOUT_S)
    except RunError:
        return b""
    return body if status == 200 else b""


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _items(found: dict[str, Any], key: str) -> Sequence[dict[str, Any]]:
    items = found.get(key)
    return [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []
