"""Quantised checkpoints as engines read them: how they are quantised, and whether they have the scales they need.

`quantization_config` of `config.json` names the method: `fp8` (our block weights, DeepSeek's, and AutoFP8's),
`compressed-tensors` (llm-compressor), `quark` (AMD Quark), `modelopt` (NVIDIA Model Optimizer). Some versions of vLLM
silently load a weight without its scale and compute nonsense; so each scale that the configuration requires must be
there. Does not need torch.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submitter import weights
from submitter.errors import InputError
from submitter.quoting import printable, shown
from submitter.tensor_file import Tensor

SCALE_SUFFIX = "_scale_inv"
_NARROW = ("F8_E4M3", "F8_E5M2", "I8", "U8")  # U8: two values of 4 bits
_WIDE = ("BF16", "F16", "F32")
_MAKE_AGAIN = "quantise it again: weights are useless without their scales"
_ATTENTION = "self_attn"


@dataclass(frozen=True, kw_only=True)
class Quantized:
    """A quantised checkpoint.

    method: vLLM's name for the quantisation method.
    weights, activations, kv_cache: their formats in words; `kv_cache` is empty if there are no scales for it.
    quantized, kept: the names of the modules with narrow weights, and with wide ones.
    byte_count: the size of all tensors.
    """

    folder: Path
    method: str
    weights: str
    activations: str
    kv_cache: str
    quantized: tuple[str, ...]
    kept: tuple[str, ...]
    byte_count: int


@dataclass(frozen=True, kw_only=True)
class _Stated:
    """What a configuration states: texts for people, and the scales that it requires.

    weight_scale, input_scale: what follows a module's name in the name of its scale; None if no scale is stored.
    caches: gets the names of the quantised modules and yields, for each scale of the KV cache, its possible names, of
        which one must exist.
    block: the size of the blocks of weights that share a scale, (rows, columns).
    """

    weights: str
    activations: str
    kv_cache: str
    weight_scale: str | None
    input_scale: str | None
    caches: Callable[[tuple[str, ...]], Iterator[tuple[str, ...]]] = lambda modules: iter(())
    block: tuple[int, int] | None = None


def inspect(folder: Path) -> Quantized:
    """Read a quantised checkpoint's headers. InputError if it is not quantised, is incomplete, or lacks a scale."""
    config = weights.read_config(folder)
    stated_by = config.get("quantization_config")
    if not isinstance(stated_by, dict):
        raise InputError(f"{folder} is not quantised", "quantise it with: submitter quantize SOURCE TARGET")
    method = stated_by.get("quant_method")
    if not isinstance(method, str) or method not in METHODS:
        raise InputError(f"{folder} is quantised by {shown(method)}, an unknown method", f"known: {', '.join(METHODS)}")
    headers = weights.read_headers(folder)
    weights.require_layers(folder, config, headers)
    tensors = {name: tensor for file in headers.values() for name, tensor in file.items()}
    try:
        stated = METHODS[method](stated_by)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(
            f"{folder}: quantization_config is not as {method} writes it: {_why(error)}", _MAKE_AGAIN
        ) from None
    quantized = tuple(sorted(_modules(tensors, _NARROW)))
    if not quantized:
        raise InputError(f"{folder} says it is quantised by {method}, but all its weights are wide", _MAKE_AGAIN)
    for module in quantized:
        _require_scales(folder, tensors, module, stated)
    for alternatives in stated.caches(quantized):
        if not any(name in tensors for name in alternatives):
            raise InputError(f"{folder} lacks the KV cache's scale {alternatives[0]}", _MAKE_AGAIN)
    return Quantized(
        folder=folder,
        method=method,
        weights=stated.weights,
        activations=stated.activations,
        kv_cache=stated.kv_cache,
        quantized=quantized,
        kept=tuple(sorted(_modules(tensors, _WIDE))),
        byte_count=sum(tensor.byte_count for tensor in tensors.values()),
    )


def _why(error: Exception) -> str:
    """What is wrong with a configuration that could not be read, without the names of Python's types."""
    if isinstance(error, KeyError):
        return f"it lacks {printable(str(error.args[0]))}"
    return printable(str(error)) if type(error) is ValueError else "a value in it has another type"


def check_scales(folder: Path) -> None:
    """`inspect` a checkpoint that is quantised by a known method; any other is left to the engine."""
    stated = weights.read_config(folder).get("quantization_config")
    if isinstance(stated, dict) and stated.get("quant_method") in list(METHODS):
        inspect(folder)


def summarised(modules: tuple[str, ...]) -> list[str]:
    """The modules' names with `*` for the layer's number, each once, with the number of modules if it is not 1."""
    counts: dict[str, int] = {}
    for module in modules:
        pattern = re.sub(r"\.\d+(?=\.|$)", ".*", module)
        counts[pattern] = counts.get(pattern, 0) + 1
    return [pattern if count == 1 else f"{pattern} ({count})" for pattern, count in sorted(counts.items())]


def _modules(tensors: dict[str, Tensor], dtypes: tuple[str, ...]) -> Iterator[str]:
    for name, tensor in tensors.items():
        module, _, last = name.rpartition(".")
        if last == "weight" and len(tensor.shape) == 2 and tensor.dtype in dtypes:
            yield module


def _require_scales(folder: Path, tensors: dict[str, Tensor], module: str, stated: _Stated) -> None:
    for suffix in filter(None, (stated.weight_scale, stated.input_scale)):
        scale = tensors.get(f"{module}.{suffix}")
        if scale is None:
            raise InputError(f"{folder} lacks {module}.{suffix}", _MAKE_AGAIN)
        if scale.byte_count == 0:
            raise InputError(f"{folder}: {module}.{suffix} is empty", _MAKE_AGAIN)
    if stated.block and stated.weight_scale:
        shape = tensors[f"{module}.weight"].shape
        required = tuple(-(-size // block) for size, block in zip(shape, stated.block, strict=True))
        found = tensors[f"{module}.{stated.weight_scale}"].shape
        if found != required:
            scale_name = f"{module}.{stated.weight_scale}"
            raise InputError(f"{folder}: {scale_name} has shape {found}, required {required}", _MAKE_AGAIN)


def _self_attention_scales(modules: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The names that llm-compressor and vLLM use for the scales of keys and values, for each attention."""
    for attention in sorted({module.rpartition(".")[0] for module in modules if f".{_ATTENTION}." in module}):
        for letter in "kv":
            yield (
                f"{attention}.{letter}_scale",
                f"{attention}.{letter}_proj.{letter}_scale",
                f"{attention}.{letter}_proj.output_scale",
                f"{attention}.kv_scale",
            )


def _fp8(stated: dict[str, Any]) -> _Stated:
    static = stated.get("activation_scheme") == "static"
    block = stated.get("weight_block_size")
    if block and (len(block) != 2 or min(block) < 1):
        raise ValueError(f"weight_block_size {block}")
    cache = stated.get("kv_cache_scheme")
    return _Stated(
        weights=f"FP8 (e4m3), one scale per {f'block of {block[0]}x{block[1]}' if block else 'tensor'}",
        activations="FP8, one calibrated scale per tensor" if static else "FP8, scales computed at run time",
        kv_cache="FP8, one calibrated scale per layer" if cache else "",
        weight_scale="weight" + SCALE_SUFFIX if block else "weight_scale",
        input_scale="input_scale" if static else None,
        caches=_self_attention_scales if cache else lambda modules: iter(()),
        block=(int(block[0]), int(block[1])) if block else None,
    )


def _compressed_tensors(stated: dict[str, Any]) -> _Stated:
    groups = list(stated["config_groups"].values())
    activations = [group.get("input_activations") for group in groups]
    cache = stated.get("kv_cache_scheme")
    return _Stated(
        weights=", ".join(_arguments_text(group["weights"]) for group in groups),
        activations=", ".join(_arguments_text(each) for each in activations if each) or "16 bits",
        kv_cache=_arguments_text(cache) if cache else "",
        weight_scale="weight_scale",
        input_scale="input_scale" if any(each and not each["dynamic"] for each in activations) else None,
        caches=_self_attention_scales if cache and not cache["dynamic"] else lambda modules: iter(()),
    )


def _arguments_text(arguments: dict[str, Any]) -> str:
    """compressed-tensors' arguments of one quantisation in words."""
    kind = {("float", 8): "FP8 (e4m3)", ("int", 8): "INT8"}.get(
        (arguments["type"], arguments["num_bits"]), f"{arguments['type']}{arguments['num_bits']}"
    )
    if arguments["dynamic"]:
        return f"{kind}, one scale per {arguments['strategy']}, computed at run time"
    return f"{kind}, one scale per {arguments['strategy']}"


def _quark(stated: dict[str, Any]) -> _Stated:
    everywhere = stated["global_quant_config"]
    weight, inputs = _first(everywhere["weight"]), _first(everywhere.get("input_tensors"))
    patterns = list(stated["export"]["kv_cache_group"])
    cache = [_first(each.get("output_tensors")) for each in (stated.get("layer_quant_config") or {}).values()]

    def caches(modules: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for module in modules:
            if any(fnmatch.fnmatchcase(module, pattern) for pattern in patterns):
                letter = module.rpartition(".")[2][:1]
                attention = module.rpartition(".")[0]
                yield f"{module}.output_scale", f"{attention}.{letter}_scale", f"{module}.{letter}_scale"

    return _Stated(
        weights=_spec_text(weight),
        activations=_spec_text(inputs) if inputs else "16 bits",
        kv_cache=next((_spec_text(each) for each in cache if each), "") if patterns else "",
        weight_scale="weight_scale",
        input_scale="input_scale" if inputs and not inputs["is_dynamic"] else None,
        caches=caches,
    )


def _first(spec: Any) -> dict[str, Any]:
    """Quark's specification of a tensor; where it is a list of stages, the first one."""
    spec = spec[0] if isinstance(spec, list) else spec
    return dict(spec) if spec else {}


def _spec_text(spec: dict[str, Any]) -> str:
    when = ", computed at run time" if spec["is_dynamic"] else ""
    return f"{spec['dtype']}, scales {str(spec['qscheme']).replace('_', ' ')}{when}"


def _modelopt(stated: dict[str, Any]) -> _Stated:
    """As Model Optimizer 0.47 exports it. It writes no scale of the KV cache that is 1.0, so none is required."""
    algorithm = str(stated["quant_algo"])
    scaled = "FP8 (e4m3), one scale per tensor" if algorithm == "FP8" else algorithm
    inputs = [group.get("input_activations") for group in stated["config_groups"].values()]
    cache = stated.get("kv_cache_scheme")
    return _Stated(
        weights=scaled,
        activations=scaled if any(inputs) else "16 bits",
        kv_cache=f"{cache['num_bits']} bits, one scale per layer, or 1.0" if cache else "",
        weight_scale="weight_scale",
        input_scale="input_scale" if any(each and not each["dynamic"] for each in inputs) else None,
    )


METHODS: dict[str, Callable[[dict[str, Any]], _Stated]] = {
    "fp8": _fp8,
    "compressed-tensors": _compressed_tensors,
    "quark": _quark,
    "modelopt": _modelopt,
}
