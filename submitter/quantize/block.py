"""FP8 block weights without calibration, the form that DeepSeek-V3 is published in.

Each linear layer's `weight` becomes float8_e4m3fn in blocks of 128 x 128, each block with its own float32 scale in
`weight_scale_inv` (weight = stored value x scale). vLLM runs it on CUDA, ROCm and the CPU alike. One weight file is in
memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from submitter import weights
from submitter.errors import InputError
from submitter.quantize.formats import SCALE_SUFFIX
from submitter.quantize.source import WideCheckpoint
from submitter.record import write_json_atomically

if TYPE_CHECKING:
    import torch

BLOCK_SIZE = 128
WRITE_ELSEWHERE = "free disk space, or name a folder that can be written"
# Rows that are computed with at once: float32 copies of a whole large weight would take gigabytes.
_ROWS = 8 * BLOCK_SIZE
# Wide, but no linear layers, so that vLLM need not be told to leave them alone.
_EMBEDDINGS = ("embed_tokens", "wte", "wpe")


def require_blocks(source: WideCheckpoint) -> None:
    """InputError if a weight is no linear layer's, or cannot be cut into whole blocks."""
    for name, (file, tensor) in source.linear_weights.items():
        if len(tensor.shape) != 2 or not name.endswith(".weight"):
            raise InputError(
                f"{file}: tensor {name} has shape {tensor.shape}, which is no linear layer's weight",
                "quantize knows checkpoints of separate linear layers only",
            )
        if any(size % BLOCK_SIZE for size in tensor.shape):
            raise InputError(
                f"{file}: tensor {name} has shape {tensor.shape}, both sizes must be multiples of {BLOCK_SIZE}",
                "this model cannot be served in FP8 blocks; --scheme fp8-static has no blocks",
            )


def write_checkpoint(source: WideCheckpoint, target: Path) -> None:
    """Write the narrow weights, their index and `config.json` into the folder `target`."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    linear = source.linear_weights
    index: dict[str, str] = {}
    byte_count = 0
    for file in source.headers:
        output: dict[str, torch.Tensor] = {}
        for name, tensor in _tensors(file):
            if name in linear:
                if not tensor.isfinite().all():
                    raise InputError(f"{file}: tensor {name} holds values that are not finite", weights.GET_AGAIN)
                output[name], output[name + SCALE_SUFFIX] = quantize_block_weight(tensor)
            else:
                output[name] = tensor
        try:
            save_file(output, target / file.name, metadata={"format": "pt"})
        except SafetensorError as error:  # its way to say that the disk is full
            raise InputError(f"{target / file.name} cannot be written: {error}", WRITE_ELSEWHERE) from None
        byte_count += sum(tensor.nbytes for tensor in output.values())
        index.update(dict.fromkeys(output, file.name))
    if len(source.headers) > 1:
        content = {"metadata": {"total_size": byte_count}, "weight_map": dict(sorted(index.items()))}
        write_json_atomically(target / weights.INDEX_FILE, content)
    wide = {
        name.rpartition(".")[0]
        for tensors in source.headers.values()
        for name, tensor in tensors.items()
        if len(tensor.shape) == 2 and name.endswith(".weight") and name not in linear
    }
    quantization = {
        "quant_method": "fp8",
        "fmt": "e4m3",
        "activation_scheme": "dynamic",
        "weight_block_size": [BLOCK_SIZE, BLOCK_SIZE],
        "modules_to_not_convert": sorted(m for m in wide if m.rpartition(".")[2] not in _EMBEDDINGS),
    }
    write_json_atomically(target / weights.CONFIG_FILE, {**source.config, "quantization_config": quantization})


def quantize_block_weight(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The FP8 values of `weight` and their blocks' float32 scales.

    `weight` is (rows, columns), both multiples of 128; the values have its shape, the scales (rows/128, columns/128).
    """
    import torch

    parts = [_some_rows(weight[start : start + _ROWS]) for start in range(0, weight.shape[0], _ROWS)]
    return torch.cat([values for values, _ in parts]), torch.cat([scales for _, scales in parts])


def _some_rows(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
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
    """All tensors of a checkpoint of block weights, FP8 ones as float32: what other programs compute with."""
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
            for name in file.keys():  # noqa: SIM118 - no mapping
                yield name, file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}", weights.GET_AGAIN) from None
