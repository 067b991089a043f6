"""FP8 block weights without calibration, in the format that DeepSeek-V3 is published in.

Each linear layer's `weight` becomes float8_e4m3fn in blocks of 128 x 128, each block with its own float32 scale in
`weight_scale_inv` (weight = stored value x scale). vLLM runs this format on CUDA, ROCm and the CPU. Only one weight
file is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submitter import packages, weights
from submitter.errors import InputError, os_reason, os_remedy
from submitter.quantize.formats import SCALE_SUFFIX
from submitter.quantize.source import WideCheckpoint
from submitter.record import write_json_atomically

if TYPE_CHECKING:
    import torch

BLOCK_SIZE = 128
WRITE_ELSEWHERE = "free disk space, or name a folder that is writable"
# Rows processed at a time: a float32 copy of a whole large weight would take gigabytes.
_ROWS = 8 * BLOCK_SIZE
# These modules stay wide but are not linear layers, so `modules_to_not_convert` need not list them.
_EMBEDDINGS = ("embed_tokens", "wte", "wpe")


def require_installed() -> None:
    """NotInstalledError if safetensors or torch is missing or cannot be imported."""
    with packages.required(packages.QUANTISING, "safetensors"):
        import safetensors  # noqa: F401
    with packages.required(packages.QUANTISING, "torch"):
        import torch  # noqa: F401


def require_blocks(source: WideCheckpoint) -> None:
    """InputError if a weight is not a linear layer's, or cannot be divided into whole blocks."""
    for name, (file, tensor) in source.linear_weights.items():
        if len(tensor.shape) != 2 or not name.endswith(".weight"):
            raise InputError(
                f"{file}: tensor {name} of shape {tensor.shape} is not a linear layer's weight",
                "use a checkpoint with separate linear layers; quantize supports no other",
            )
        if any(size % BLOCK_SIZE for size in tensor.shape):
            raise InputError(
                f"{file}: tensor {name} has shape {tensor.shape}, both sizes must be multiples of {BLOCK_SIZE}",
                "use --scheme fp8-static, which has no blocks",
            )


def write_checkpoint(source: WideCheckpoint, target: Path) -> None:
    """Write the narrow weights, their index and `config.json` into the folder `target`."""
    index: dict[str, str] = {}
    byte_count = 0
    for file in source.headers:
        output = _quantized_tensors(source, file)
        _save(output, target / file.name)
        byte_count += sum(tensor.nbytes for tensor in output.values())
        index.update(dict.fromkeys(output, file.name))
    if len(source.headers) > 1:
        content = {"metadata": {"total_size": byte_count}, "weight_map": dict(sorted(index.items()))}
        write_json_atomically(target / weights.INDEX_FILE, content)
    config = {**source.config, "quantization_config": _quantization_config(source)}
    write_json_atomically(target / weights.CONFIG_FILE, config)


def _quantized_tensors(source: WideCheckpoint, file: Path) -> dict[str, torch.Tensor]:
    """The tensors of one weight file, with linear weights as FP8 values and their scales."""
    linear = source.linear_weights
    output: dict[str, torch.Tensor] = {}
    for name, tensor in _tensors(file):
        if name not in linear:
            output[name] = tensor
            continue
        if not tensor.isfinite().all():
            raise InputError(f"{file}: tensor {name} has values that are not finite", weights.GET_AGAIN)
        output[name], output[name + SCALE_SUFFIX] = quantize_block_weight(tensor)
    return output


def _save(tensors: dict[str, torch.Tensor], path: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(tensors, path, metadata={"format": "pt"})
    except SafetensorError as error:  # raised when the disk is full
        raise InputError(f"{path} cannot be written: {error}", WRITE_ELSEWHERE) from None


def _quantization_config(source: WideCheckpoint) -> dict[str, Any]:
    """The `quantization_config` of `config.json`, as vLLM reads it."""
    linear = source.linear_weights
    wide = {
        name.rpartition(".")[0]
        for tensors in source.headers.values()
        for name, tensor in tensors.items()
        if len(tensor.shape) == 2 and name.endswith(".weight") and name not in linear
    }
    return {
        "quant_method": "fp8",
        "fmt": "e4m3",
        "activation_scheme": "dynamic",
        "weight_block_size": [BLOCK_SIZE, BLOCK_SIZE],
        "modules_to_not_convert": sorted(m for m in wide if m.rpartition(".")[2] not in _EMBEDDINGS),
    }


def quantize_block_weight(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The FP8 values of `weight` and the float32 scales of their blocks.

    `weight` is (rows, columns), both multiples of 128; the values have its shape, the scales (rows/128, columns/128).
    """
    import torch

    parts = [_quantize_rows(weight[start : start + _ROWS]) for start in range(0, weight.shape[0], _ROWS)]
    return torch.cat([values for values, _ in parts]), torch.cat([scales for _, scales in parts])


def _quantize_rows(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
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
    """The float32 weight that the FP8 values and the scales of their blocks represent."""
    rows, columns = scale.shape
    blocks = stored.float().reshape(rows, BLOCK_SIZE, columns, BLOCK_SIZE)
    return (blocks * scale[:, None, :, None]).reshape(stored.shape)


def dequantized(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint with block weights, the FP8 ones as float32, for programs that cannot use FP8."""
    stored: dict[str, torch.Tensor] = {}
    for file in weights.weight_files(folder):
        stored.update(_tensors(file))
    return {
        name: dequantize_block_weight(tensor, stored[name + SCALE_SUFFIX]) if name + SCALE_SUFFIX in stored else tensor
        for name, tensor in stored.items()
        if not name.endswith(SCALE_SUFFIX)
    }


def _tensors(path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of one safetensors file, one at a time."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                yield name, file.get_tensor(name)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {os_reason(error)}", os_remedy(error)) from None
    except SafetensorError as error:
        raise InputError(f"{path} cannot be read: {error}", weights.GET_AGAIN) from None
