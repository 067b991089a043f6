"""A model's folder before anything is loaded: is it whole, and what is its hash? Needs no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

from submitter import weights
from submitter.record import sha256_of


def verify_checkpoint(folder: Path) -> None:
    """InputError if the folder holds no whole safetensors checkpoint."""
    weights.require_layers(folder, weights.read_config(folder), weights.read_headers(folder))


def checkpoint_sha256(folder: Path) -> str:
    """One hash for the model: over the names and hashes of its configuration, tokenizer and weight files."""
    digest = hashlib.sha256()
    for file in sorted([*folder.glob("*.json"), *weights.weight_files(folder)]):
        digest.update(f"{file.name} {sha256_of(file)}\n".encode())
    return digest.hexdigest()


def weight_data_type(folder: Path) -> str:
    """What `config.json` says of the weights: the quantisation method, else the dtype."""
    config = weights.read_config(folder)
    quantization = config.get("quantization_config")
    if isinstance(quantization, dict):
        return str(quantization.get("quant_method", "quantised"))
    return str(config.get("dtype") or config.get("torch_dtype") or "unknown")


def tokenizer_sha256(folder: Path) -> str:
    """One hash for the model's tokenizer: over the names and hashes of its files; empty where the folder has none."""
    files = sorted(path for name in ("tokenizer*", "special_tokens_map.json") for path in folder.glob(name))
    lines = [f"{file.name} {sha256_of(file)}\n" for file in files if file.is_file()]
    return hashlib.sha256("".join(lines).encode()).hexdigest() if lines else ""
