"""The preflight check of the servers of engine `endpoint`: they answer, serve the model, and as the division requires.

The clauses are in inference_rules.adoc, mlcommons/inference_policies at ac93e89, section "Network Division".
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from submitter import system
from submitter.campaign.description import is_networked
from submitter.campaign.file import Campaign
from submitter.campaign.outline import BenchmarkOutline, CampaignOutline
from submitter.errors import InputError, SubmitterError
from submitter.harness.plan import EngineSettings
from submitter.model import Division
from submitter.quoting import printable

ENDPOINT = "endpoint"
_CACHING = (
    "the rules forbid caching across queries (inference_rules.adoc): start it without "
    "(vLLM: --no-enable-prefix-caching, SGLang: --disable-radix-cache, trtllm-serve: enable_block_reuse: false)"
)


def check_servers(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    """Every server of every engine, each looked at once; and what the network division requires of all engines."""
    yield from _suite_problems(outline.campaign)
    looked_at: list[EngineSettings] = []
    networked = is_networked(outline.campaign)
    for benchmark in outline.benchmarks:
        for scenario, engine in benchmark.engines.items():
            where = f"{benchmark.table.measurements / scenario}: engine.toml"
            if networked:
                yield from _network_problems(outline.campaign.division, where, engine)
            if engine.engine == ENDPOINT and engine not in looked_at:
                looked_at.append(engine)
                yield from _server_outcomes(outline.campaign, benchmark, engine)


def caching_problem(division: Division, url: str) -> InputError | None:
    """The error for a server that caches prefixes; None in the open division, where the record states it."""
    if division is Division.OPEN:
        return None
    return InputError(f"{url} caches prefixes, and division {division} forbids it", _CACHING)


def _server_outcomes(
    campaign: Campaign, benchmark: BenchmarkOutline, engine: EngineSettings
) -> Iterator[SubmitterError | str]:
    from submitter.harness.engines import endpoint

    try:
        settings = endpoint.check(engine.settings)
    except SubmitterError:  # the check of the engines reports it
        return
    plan = benchmark.engine_plan
    longest = benchmark.longest_prompt_tokens + plan.max_new_tokens if plan and benchmark.longest_prompt_tokens else 0
    for server in asyncio.run(endpoint.look_at(settings, plan, longest)):
        yield from server.problems
        if server.problems:
            continue
        found = f"{server.url}: {server.model}, version {server.version or 'unknown'}"
        if server.prefix_caching is None:
            yield f"{found}; warning: whether it caches prefixes is unknown: make sure that it does not"
        elif server.prefix_caching:
            yield caching_problem(campaign.division, server.url) or f"{found}; warning: it caches prefixes"
        else:
            yield f"{found}, caches no prefixes"


def _suite_problems(campaign: Campaign) -> Iterator[InputError]:
    if campaign.division is not Division.NETWORK:
        return
    try:
        kind = system.read(campaign.system.description).get("system_type")
    except InputError:  # the check of the system reports it
        return
    if isinstance(kind, str) and kind and "datacenter" not in kind:
        found = f"{campaign.system.description}: system_type is '{printable(kind)}'"
        yield InputError(
            f"{found}, and division network is for datacenter systems",
            "use another division (inference_rules.adoc, Network Division)",
        )


def _network_problems(division: Division, where: str, engine: EngineSettings) -> Iterator[InputError]:
    if engine.engine != ENDPOINT:
        yield InputError(
            f"{where}: engine '{engine.engine}' runs on LoadGen's own system, and the SUT is networked",
            'use engine = "endpoint" with the servers of another system, or another division',
        )
        return
    if division is not Division.NETWORK:  # the clauses below are those of the network division
        return
    if engine.settings.get("answers") == "text":
        yield InputError(
            f'{where}: answers = "text" is not allowed in division network: tokenising answers is post-processing',
            "use a server that returns token ids (inference_rules.adoc, QDL Constraints)",
        )
    if engine.offline_order != "as_issued":
        yield InputError(
            f'{where}: offline_order = "{engine.offline_order}" is not allowed in division network: sorting queries is '
            "pre-processing",
            "let the servers sort them (inference_rules.adoc, QDL Constraints)",
        )
    urls = engine.settings.get("urls")
    for url in urls if isinstance(urls, list) else ():
        if isinstance(url, str) and _is_this_system(url):
            yield InputError(
                f"{where}: {url} is on LoadGen's own system, and the division is network",
                "the SUT must run on a physically separate system (inference_rules.adoc, QDL Constraints)",
            )


def _is_this_system(url: str) -> bool:
    """Whether a URL names this machine by a loopback address or by its own name."""
    import socket

    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host in ("localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
