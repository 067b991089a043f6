"""What quantisation starts from: a 16- or 32-bit checkpoint, looked at whole before anything is read or written."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submitter import weights
from submitter.errors import InputError
from submitter.tensor_file import Tensor
from submitter.units import BYTES_PER_GB, BYTES_PER_MIB

_FLOAT_BYTES = {"BF16": 2, "F16": 2, "F32": 4}
_OTHER_FLOATS = ("F64", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4")
# Two-dimensional weights that no narrow linear kernel serves, by the last part of the module's name.
KEPT_MODULES = ("embed_tokens", "lm_head", "wte", "wpe", "gate", "router")
# Over the weights themselves: the copied tokenizer, and what a file system needs for itself.
_SPARE_BYTES = 64 * BYTES_PER_MIB


@dataclass(frozen=True)
class WideCheckpoint:
    """A whole checkpoint of wide weights: its configuration, and the header of each of its weight files."""

    folder: Path
    config: dict[str, Any]
    headers: dict[Path, dict[str, Tensor]]

    @classmethod
    def open(cls, folder: Path) -> WideCheckpoint:
        """InputError if it is not whole, is quantised already, or holds weights of another type."""
        config = weights.read_config(folder)
        if "quantization_config" in config:
            method = config["quantization_config"]
            method = method.get("quant_method", method) if isinstance(method, dict) else method
            raise InputError(
                f"{folder} is quantised already ({method})",
                "quantize starts from bf16, fp16 or fp32; without TARGET it looks at a quantised checkpoint",
            )
        headers = weights.read_headers(folder)
        weights.require_layers(folder, config, headers)
        for file, tensors in headers.items():
            for name, tensor in tensors.items():
                if tensor.dtype in _OTHER_FLOATS:
                    hint = "quantize starts from bf16, fp16 or fp32"
                    raise InputError(f"{file}: tensor {name} is {tensor.dtype}", hint)
        source = cls(folder, config, headers)
        if not source.linear_weights:
            hint = "is this the checkpoint of a language model?"
            raise InputError(f"{folder} holds no linear layer to quantise", hint)
        return source

    @property
    def linear_weights(self) -> dict[str, tuple[Path, Tensor]]:
        """The weights that are quantised, by name, with their file: those of linear layers but for `KEPT_MODULES`."""
        return {
            name: (file, tensor)
            for file, tensors in self.headers.items()
            for name, tensor in tensors.items()
            if is_linear_weight(name, tensor)
        }

    @property
    def byte_count(self) -> int:
        """The bytes of all weights."""
        return sum(tensor.byte_count for tensors in self.headers.values() for tensor in tensors.values())

    @property
    def narrow_byte_count(self) -> int:
        """The bytes of all weights once the linear ones take one byte each; scales are left out, they are few."""
        return self.byte_count - sum(
            tensor.byte_count - tensor.byte_count // _FLOAT_BYTES[tensor.dtype]
            for _, tensor in self.linear_weights.values()
        )

    def require_room(self, target: Path) -> None:
        """InputError if the disk of `target`, a folder to be made, has no room for the narrow checkpoint."""
        there = next(folder for folder in target.resolve().parents if folder.exists())
        free, wanted = shutil.disk_usage(there).free, self.narrow_byte_count + _SPARE_BYTES
        if free < wanted:
            raise InputError(
                f"{target} will take {wanted / BYTES_PER_GB:.1f} GB, the disk has {free / BYTES_PER_GB:.1f} GB left",
                "free disk space, or name a folder on another disk",
            )


def is_linear_weight(name: str, tensor: Tensor) -> bool:
    """Whether this is a tensor of matrices of floats that is not meant to stay wide."""
    module = name.rpartition(".")[0]
    return tensor.dtype in _FLOAT_BYTES and len(tensor.shape) >= 2 and module.rpartition(".")[2] not in KEPT_MODULES
