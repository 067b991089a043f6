"""What a model's folder shows before it is loaded: completeness, type of the weights, hash of the tokenizer.

Does not need torch.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from submitter import weights
from submitter.record import sha256_of

# From the narrowest to the widest, by safetensors' names of the types. A U8 value packs two values of 4 bits.
_DATA_TYPES = {
    "fp4": {"U8", "F4"},
    "fp8": {"F8_E4M3", "F8_E5M2"},
    "int8": {"I8"},
    "bf16": {"BF16"},
    "fp16": {"F16"},
    "fp32": {"F32"},
}


def verify_checkpoint(folder: Path) -> None:
    """InputError if the folder does not hold a complete safetensors checkpoint."""
    weights.require_layers(folder, weights.read_config(folder), weights.read_headers(folder))


def weight_data_type(folder: Path) -> str:
    """The narrowest type of the weights by its name in submissions: fp4, fp8, int8, bf16, fp16, fp32, or unknown."""
    found = {tensor.dtype for tensors in weights.read_headers(folder).values() for tensor in tensors.values()}
    return next((name for name, dtypes in _DATA_TYPES.items() if found & dtypes), "unknown")


def tokenizer_sha256(folder: Path) -> str:
    """One hash for the model's tokenizer, over the names and hashes of its files; empty if the folder has none."""
    files = sorted(path for name in ("tokenizer*", "special_tokens_map.json") for path in folder.glob(name))
    lines = [f"{file.name} {sha256_of(file)}\n" for file in files if file.is_file()]
    return hashlib.sha256("".join(lines).encode()).hexdigest() if lines else ""
