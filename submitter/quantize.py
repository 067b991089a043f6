"""`submitter quantize`: a bf16, fp16 or fp32 checkpoint into FP8 block weights that vLLM serves as they are.

Each linear layer's `weight` becomes float8_e4m3fn in blocks of 128 x 128, each block with its own float32
scale in `weight_scale_inv` (weight = stored value x scale). Embeddings, output head, norms, biases and the
routers of mixtures of experts stay as they are. This is the form DeepSeek-V3 is published in, and the one
that vLLM runs on CUDA, ROCm and the CPU alike. An FP8 KV cache is an engine setting, `kv_cache_dtype = "fp8"`.

One shard is in memory at a time; the target folder appears only when it is complete.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submitter.errors import InputError, NotInstalledError
from submitter.record import write_json_atomically

if TYPE_CHECKING:
    import torch

BLOCK_SIZE = 128
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
SCALE_SUFFIX = "_scale_inv"
DOWNLOAD_AGAIN = "the checkpoint is not whole or damaged: download it again"
WRITE_ELSEWHERE = "free disk space, or name a folder that can be written"
# Besides the weights, what serving needs: the tokenizer's files, the generation defaults, the chat template.
COPIED_PATTERNS = (
    "tokenizer*",
    "special_tokens_map.json",
    "generation_config.json",
    "vocab.*",
    "merges.txt",
    "chat_template*",
)
# Two-dimensional weights that no linear FP8 kernel serves, by the last part of the module's name.
KEPT_MODULES = ("embed_tokens", "lm_head", "wte", "wpe", "gate", "router")


@dataclass(frozen=True)
class QuantizedCheckpoint:
    """What was written: how many tensors were quantised and kept, and the weights' size in bytes before and after."""

    folder: Path
    quantized_tensors: int
    kept_tensors: int
    source_bytes: int
    target_bytes: int


def quantize(source: Path, target: Path) -> QuantizedCheckpoint:
    """Write the FP8 form of the checkpoint in folder `source` to the new folder `target`.

    InputError if `target` exists, or `source` is no whole checkpoint, is quantised already, or holds a tensor
    that does not fit the blocks. NotInstalledError without torch and safetensors.
    """
    try:
        import safetensors  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise NotInstalledError(f"{error.name} is not installed", "quantize needs torch and safetensors") from None
    if target.exists():
        raise InputError(f"{target} exists already", "name a new folder, or remove it first")
    config = _read_config(source)
    shards = _shards(source)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        written = _write_shards(source, shards, temporary)
        config["quantization_config"] = {
            "quant_method": "fp8",
            "fmt": "e4m3",
            "activation_scheme": "dynamic",
            "weight_block_size": [BLOCK_SIZE, BLOCK_SIZE],
            "modules_to_not_convert": written.kept_modules,
        }
        write_json_atomically(temporary / CONFIG_FILE, config)
        for pattern in COPIED_PATTERNS:
            for file in sorted(source.glob(pattern)):
                shutil.copyfile(file, temporary / file.name)
        temporary.replace(target)
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}", WRITE_ELSEWHERE) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return QuantizedCheckpoint(target, written.quantized, written.kept, written.source_bytes, written.target_bytes)


def quantize_block_weight(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The FP8 values of `weight` and their blocks' float32 scales.

    `weight` is (rows, columns), both multiples of 128; the values have its shape, the scales (rows/128, columns/128).
    """
    import torch

    rows, columns = weight.shape
    blocks = weight.float().reshape(rows // BLOCK_SIZE, BLOCK_SIZE, columns // BLOCK_SIZE, BLOCK_SIZE)
    largest = torch.finfo(torch.float8_e4m3fn).max
    # A block of zeros keeps the scale 1: dividing by its largest value would give NaN.
    peak = blocks.abs().amax(dim=(1, 3), keepdim=True)
    scale = torch.where(peak > 0, peak / largest, torch.ones_like(peak))
    stored = (blocks / scale).clamp(-largest, largest).to(torch.float8_e4m3fn)
    return stored.reshape(rows, columns), scale.reshape(rows // BLOCK_SIZE, columns // BLOCK_SIZE)


def dequantize_block_weight(stored: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The float32 weight that FP8 values and their blocks' scales stand for."""
    rows, columns = scale.shape
    blocks = stored.float().reshape(rows, BLOCK_SIZE, columns, BLOCK_SIZE)
    return (blocks * scale[:, None, :, None]).reshape(stored.shape)


def dequantized(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint that `quantize` wrote, FP8 ones as float32: what other programs compute with."""
    stored: dict[str, torch.Tensor] = {}
    for shard in _shards(folder):
        stored.update(_tensors(folder / shard))
    return {
        name: dequantize_block_weight(tensor, stored[name + SCALE_SUFFIX]) if name + SCALE_SUFFIX in stored else tensor
        for name, tensor in stored.items()
        if not name.endswith(SCALE_SUFFIX)
    }


@dataclass
class _Written:
    quantized: int
    kept: int
    source_bytes: int
    target_bytes: int
    kept_modules: list[str]


def _write_shards(source: Path, shards: dict[str, list[str] | None], target: Path) -> _Written:
    """Quantise shard by shard; an index is written where the source has one."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    written = _Written(0, 0, 0, 0, [])
    index: dict[str, str] = {}
    for shard, promised in shards.items():
        output: dict[str, torch.Tensor] = {}
        found = set()
        for name, tensor in _tensors(source / shard):
            found.add(name)
            written.source_bytes += tensor.nbytes
            if _is_quantized(name, tensor, source / shard):
                output[name], output[name + SCALE_SUFFIX] = quantize_block_weight(tensor)
                written.quantized += 1
            else:
                output[name] = tensor
                written.kept += 1
                if tensor.ndim == 2 and _module(name).rpartition(".")[2] != "embed_tokens":
                    written.kept_modules.append(_module(name))
        missing = sorted(set(promised or ()) - found)
        if missing:
            raise InputError(f"{source / shard} lacks tensor {missing[0]}", DOWNLOAD_AGAIN)
        try:
            save_file(output, target / shard, metadata={"format": "pt"})
        except SafetensorError as error:  # its way to say that the disk is full
            raise InputError(f"{target / shard} cannot be written: {error}", WRITE_ELSEWHERE) from None
        written.target_bytes += sum(tensor.nbytes for tensor in output.values())
        index.update(dict.fromkeys(output, shard))
    if written.quantized == 0:
        raise InputError(f"{source} holds no linear layer to quantise", "is this the checkpoint of a language model?")
    if len(shards) > 1 or WEIGHTS_FILE not in shards:
        write_json_atomically(
            target / INDEX_FILE,
            {"metadata": {"total_size": written.target_bytes}, "weight_map": dict(sorted(index.items()))},
        )
    return written


def _module(tensor_name: str) -> str:
    return tensor_name.rpartition(".")[0]


def _is_quantized(name: str, tensor: torch.Tensor, where: Path) -> bool:
    """Whether this tensor is a linear layer's weight; InputError if it is one that cannot be quantised."""
    import torch

    if tensor.dtype not in (torch.bfloat16, torch.float16, torch.float32):
        if tensor.is_floating_point():
            raise InputError(f"{where}: tensor {name} is {tensor.dtype}", "quantize starts from bf16, fp16 or fp32")
        return False
    if tensor.ndim < 2 or _module(name).rpartition(".")[2] in KEPT_MODULES:
        return False
    if tensor.ndim != 2 or not name.endswith(".weight"):
        raise InputError(
            f"{where}: tensor {name} has shape {tuple(tensor.shape)}, which is no linear layer's weight",
            "quantize knows checkpoints of separate linear layers only",
        )
    if any(size % BLOCK_SIZE for size in tensor.shape):
        raise InputError(
            f"{where}: tensor {name} has shape {tuple(tensor.shape)}, both sizes must be multiples of {BLOCK_SIZE}",
            "this model cannot be served in FP8 blocks",
        )
    if not torch.isfinite(tensor).all():
        raise InputError(f"{where}: tensor {name} holds values that are not finite", "the checkpoint is damaged")
    return True


def _read_config(source: Path) -> dict[str, Any]:
    path = source / CONFIG_FILE
    if not source.is_dir():
        raise InputError(f"there is no checkpoint folder {source}", "name a folder with config.json and weights")
    config = _read_json(path)
    if "quantization_config" in config:
        method = config["quantization_config"]
        method = method.get("quant_method", method) if isinstance(method, dict) else method
        raise InputError(f"{source} is quantised already ({method})", "quantize starts from bf16, fp16 or fp32")
    return config


def _shards(source: Path) -> dict[str, list[str] | None]:
    """The checkpoint's files in order, each with the tensors its index promises in it, or None without an index."""
    if not (source / INDEX_FILE).exists():
        if not (source / WEIGHTS_FILE).is_file():
            raise InputError(
                f"{source} has neither {WEIGHTS_FILE} nor {INDEX_FILE}", "only safetensors checkpoints are read"
            )
        return {WEIGHTS_FILE: None}
    weight_map = _read_json(source / INDEX_FILE).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise InputError(f"{source / INDEX_FILE} has no weight_map", DOWNLOAD_AGAIN)
    shards: dict[str, list[str] | None] = {}
    for tensor, shard in sorted(weight_map.items()):
        # A name with a folder in it could lead out of the checkpoint, and the target's would not exist.
        if not isinstance(shard, str) or Path(shard).name != shard or not shard.endswith(".safetensors"):
            raise InputError(
                f"{source / INDEX_FILE}: {tensor} lies in {shard!r}, which is no shard's name", DOWNLOAD_AGAIN
            )
        shards.setdefault(shard, [])
        promised = shards[shard]
        if promised is not None:
            promised.append(tensor)
    absent = sorted(shard for shard in shards if not (source / shard).is_file())
    if absent:
        raise InputError(
            f"{source} lacks {len(absent)} of {len(shards)} shards, the first is {absent[0]}", "download the rest of it"
        )
    return dict(sorted(shards.items()))


def _tensors(path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of one safetensors file, one at a time."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                yield name, file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}", DOWNLOAD_AGAIN) from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path.parent} has no {path.name}", "name a Hugging Face checkpoint folder") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: {error}", DOWNLOAD_AGAIN) from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a JSON object", DOWNLOAD_AGAIN)
    return content
