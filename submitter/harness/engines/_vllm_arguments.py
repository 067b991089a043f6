"""vLLM's engine arguments in `[settings]` of engine.toml: what is wrong with them, and what they require.

It does not need vLLM: the importer passes the arguments that the installed one knows.
"""

from __future__ import annotations

import os
import types
import typing
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from pydantic import TypeAdapter, ValidationError

from submitter import plugins
from submitter.errors import InputError
from submitter.harness.engines import DRIVER_ADDRESS, EngineShape, RanksElsewhere
from submitter.harness.engines._settings import wrong_value
from submitter.harness.environment import masked
from submitter.quoting import printable, shown

_ONE_CLIENT = "LoadGen is the only client, and it serves all ranks through vLLM's own load balancer"
_SPREAD = "for ranks on other machines set data_parallel_size, data_parallel_size_local and data_parallel_address"
# Arguments with a fixed value, each with the reason that the user reads.
FIXED: dict[str, tuple[Any, str]] = {
    "enable_prefix_caching": (
        False,
        "the rules forbid caching across queries (inference_rules.adoc)",
    ),
    "disable_log_stats": (
        True,
        "the harness takes tokens from vLLM's engine core, past the part that keeps statistics",
    ),
    "stream_interval": (None, "the harness takes the first token at once, and the rest at the end"),
    "skip_tokenizer_init": (True, "the timed path handles token ids only"),
    "model": (None, "the campaign names the model"),
    "hf_token": (None, "engine.toml is published; set HF_TOKEN in the shell instead"),
    "data_parallel_rank": (None, _SPREAD),
    "data_parallel_start_rank": (None, "the driver gives each node its ranks"),
    "data_parallel_external_lb": (False, _ONE_CLIENT),
    "data_parallel_hybrid_lb": (False, _ONE_CLIENT),
    "data_parallel_multi_port_external_lb": (False, _ONE_CLIENT),
    "nnodes": (1, f"{_SPREAD}; for shards of one rank use Ray"),
}
# Ranges that vLLM checks only when it loads.
_SHARES = ("gpu_memory_utilization",)
_COUNTS = (
    "tensor_parallel_size",
    "pipeline_parallel_size",
    "data_parallel_size",
    "max_model_len",
    "max_num_seqs",
    "max_num_batched_tokens",
)
# vLLM's own default for `data_parallel_rpc_port`; a node meets the driver at the port above.
_RPC_PORT = 29550
_LAST_PORT = 65535


def problems(settings: dict[str, Any], known: dict[str, Any]) -> Iterator[InputError]:
    """What is wrong with the arguments, by the types of the known ones. vLLM would report it late, or never."""
    found = [problem for key, value in settings.items() if (problem := _problem(key, value, known))]
    yield from found
    if not found:
        yield from _data_parallel_problems(settings)


def _problem(key: str, value: Any, known: dict[str, Any]) -> InputError | None:
    """What is wrong with one argument.

    Only TOML's types are checked. vLLM itself reads values of other types, such as its own classes.
    """
    if key not in known:
        return InputError(f"engine.toml: vLLM has no engine argument '{key}'", plugins.did_you_mean(key, known))
    if key in FIXED and value != FIXED[key][0]:
        found = masked(key, printable(shown(value)))
        return InputError(f"engine.toml: '{key}' cannot be set to {found}", FIXED[key][1])
    if _is_plain(known[key]):
        try:
            TypeAdapter(known[key]).validate_python(value, strict=True)
        except ValidationError as error:
            return wrong_value("vLLM", key, value, error.errors(), _choices(known[key]))
    if key in _SHARES and not 0 < value <= 1:
        return InputError(f"engine.toml: {key} = {value:g} is not a share of the memory", "give a number up to 1: 0.9")
    if key in _COUNTS and value is not None and value < 1:
        return InputError(f"engine.toml: {key} = {value} is not a number of devices or tokens", "give 1 or more")
    return None


def _is_plain(kind: Any) -> bool:
    """Whether a type consists of TOML's types: numbers, strings, lists and tables. A set does not: TOML has lists."""
    if kind in (int, float, bool, str, types.NoneType, Any) or typing.get_origin(kind) is typing.Literal:
        return True
    is_composite = typing.get_origin(kind) in (typing.Union, types.UnionType, list, dict)
    return is_composite and all(map(_is_plain, typing.get_args(kind)))


def _choices(kind: Any) -> list[str]:
    """The values that the literals in a type allow, as strings."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is typing.Literal:
        return [str(value) for value in arguments]
    return [choice for each in arguments for choice in _choices(each)]


def shape(settings: dict[str, Any]) -> EngineShape:
    """What the settings require. Ray finds the machines of its ranks by itself, so none of them needs a node."""
    ranks = settings.get("data_parallel_size", 1)
    tensor_parallel = settings.get("tensor_parallel_size", 1)
    local = settings.get("data_parallel_size_local")
    spreads = local is not None and local < ranks and settings.get("data_parallel_backend") != "ray"
    here = local if spreads else ranks
    elsewhere = None
    if spreads:
        port = settings.get("data_parallel_rpc_port") or _RPC_PORT
        elsewhere = RanksElsewhere(
            count=ranks - local,
            per_node=local or None,
            address=settings.get("data_parallel_address") or os.environ.get(DRIVER_ADDRESS, ""),
            port=port + 1,
            engine_port=port,
        )
    return EngineShape(
        devices=here * tensor_parallel * settings.get("pipeline_parallel_size", 1),
        ranks=ranks,
        tensor_parallel=tensor_parallel,
        max_tokens=settings.get("max_model_len"),
        elsewhere=elsewhere,
    )


def _data_parallel_problems(settings: dict[str, Any]) -> Iterator[InputError]:
    """What is wrong with settings for several machines: vLLM would wait for the others for ever."""
    ranks, local = settings.get("data_parallel_size", 1), settings.get("data_parallel_size_local")
    if local is not None and not 0 <= local <= ranks:
        yield InputError(
            f"engine.toml: data_parallel_size_local = {local} of data_parallel_size = {ranks}",
            f"give the number of ranks on the driver's machine, from 0 to {ranks}",
        )
        return
    elsewhere = shape(settings).elsewhere
    if elsewhere is None:
        return
    try:
        ip_address(elsewhere.address)
    except ValueError:
        found = f"'{printable(elsewhere.address)}' is not an address" if elsewhere.address else "is not set"
        yield InputError(
            f"engine.toml: {elsewhere.count} of {ranks} ranks are on other machines, and data_parallel_address {found}",
            "give the IP address of the driver's machine, as the other machines reach it, here or in the variable "
            f"{DRIVER_ADDRESS}; a job of submitter slurm has it",
        )
    if not 0 < elsewhere.engine_port < _LAST_PORT:
        yield InputError(
            f"engine.toml: data_parallel_rpc_port = {elsewhere.engine_port} is not a port with another one above it",
            f"give a free port below {_LAST_PORT}",
        )
