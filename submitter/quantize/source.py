"""The checkpoint that quantisation starts from: 16- or 32-bit, checked before any weight is read or written."""

from __future__ import annotations

import os
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
# Space besides the weights: for the copied tokenizer and the file system.
_SPARE_BYTES = 64 * BYTES_PER_MIB


@dataclass(frozen=True)
class WideCheckpoint:
    """A complete checkpoint of wide weights: its configuration, and the tensors of each weight file."""

    folder: Path
    config: dict[str, Any]
    headers: dict[Path, dict[str, Tensor]]

    @classmethod
    def open(cls, folder: Path) -> WideCheckpoint:
        """InputError if it is incomplete, is already quantised, or has weights of another type."""
        config = weights.read_config(folder)
        if "quantization_config" in config:
            method = config["quantization_config"]
            method = method.get("quant_method", method) if isinstance(method, dict) else method
            raise InputError(
                f"{folder} is already quantised ({method})",
                "start from bf16, fp16 or fp32; without TARGET quantize describes a quantised checkpoint",
            )
        headers = weights.read_headers(folder)
        weights.require_layers(folder, config, headers)
        for file, tensors in headers.items():
            for name, tensor in tensors.items():
                if tensor.dtype in _OTHER_FLOATS:
                    hint = "start from bf16, fp16 or fp32"
                    raise InputError(f"{file}: tensor {name} is {tensor.dtype}", hint)
        source = cls(folder, config, headers)
        if not source.linear_weights:
            hint = "name the checkpoint of a language model"
            raise InputError(f"{folder} has no linear layer to quantise", hint)
        return source

    @property
    def linear_weights(self) -> dict[str, tuple[Path, Tensor]]:
        """The weights to quantise, by name, with their file: those of all linear layers except `KEPT_MODULES`."""
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
        """The bytes of all weights when the linear ones take one byte each, without the few bytes of the scales."""
        return self.byte_count - sum(
            tensor.byte_count - tensor.byte_count // _FLOAT_BYTES[tensor.dtype]
            for _, tensor in self.linear_weights.values()
        )

    def require_room(self, target: Path) -> None:
        """InputError if the disk of the future folder `target` is too small for the narrow checkpoint."""
        existing = next(folder for folder in Path(os.path.realpath(target)).parents if folder.exists())
        free, needed = shutil.disk_usage(existing).free, self.narrow_byte_count + _SPARE_BYTES
        if free < needed:
            raise InputError(
                f"{target} will take {needed / BYTES_PER_GB:.1f} GB, the disk has {free / BYTES_PER_GB:.1f} GB left",
                "free disk space, or name a folder on another disk",
            )


def is_linear_weight(name: str, tensor: Tensor) -> bool:
    """Whether this is a tensor of float matrices that does not have to stay wide."""
    module = name.rpartition(".")[0]
    return tensor.dtype in _FLOAT_BYTES and len(tensor.shape) >= 2 and module.rpartition(".")[2] not in KEPT_MODULES
