"""A model's folder before anything is loaded: is it whole, and what is its hash? Needs no torch.

A safetensors file is an 8-byte little-endian length, that many bytes of JSON, and the tensors; each tensor's place
stands in the JSON, so a file that was cut off shows in milliseconds.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from submitter.errors import InputError
from submitter.record import sha256_of

_INDEX = "model.safetensors.index.json"
_GET_AGAIN = "copy or make the checkpoint again"


def verify_checkpoint(folder: Path) -> None:
    """InputError if the folder holds no whole safetensors checkpoint."""
    config = folder / "config.json"
    if not config.is_file():
        raise InputError(f"{folder} holds no model: config.json is missing", "give the folder of a checkpoint")
    _json(config)
    files = _weight_files(folder)
    if not files:
        raise InputError(f"{folder} holds no *.safetensors file", _GET_AGAIN)
    for file in files:
        _verify_weights(file)


def checkpoint_sha256(folder: Path) -> str:
    """One hash for the model: over the names and hashes of its configuration, tokenizer and weight files."""
    digest = hashlib.sha256()
    for file in sorted([*folder.glob("*.json"), *_weight_files(folder)]):
        digest.update(f"{file.name} {sha256_of(file)}\n".encode())
    return digest.hexdigest()


def weight_data_type(folder: Path) -> str:
    """What `config.json` says of the weights: the quantisation method, else the dtype."""
    config = _json(folder / "config.json")
    quantization = config.get("quantization_config")
    if isinstance(quantization, dict):
        return str(quantization.get("quant_method", "quantised"))
    return str(config.get("dtype") or config.get("torch_dtype") or "unknown")


def _weight_files(folder: Path) -> list[Path]:
    index = folder / _INDEX
    if not index.is_file():
        return sorted(folder.glob("*.safetensors"))
    weight_map = _json(index).get("weight_map")
    if not isinstance(weight_map, dict):
        raise InputError(f"{index} names no weights", _GET_AGAIN)
    files = [folder / name for name in sorted({str(name) for name in weight_map.values()})]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise InputError(f"{folder} lacks {len(missing)} of {len(files)} weight files, {missing[0]} first", _GET_AGAIN)
    return files


def _verify_weights(file: Path) -> None:
    size = file.stat().st_size
    with file.open("rb") as stream:
        header_bytes = int.from_bytes(stream.read(8), "little")
        if not 0 < header_bytes <= size - 8:
            raise InputError(f"{file} is no safetensors file, or was cut off", _GET_AGAIN)
        try:
            header: dict[str, Any] = json.loads(stream.read(header_bytes))
            end = max(
                (int(entry["data_offsets"][1]) for name, entry in header.items() if name != "__metadata__"), default=0
            )
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
            raise InputError(f"{file} is no safetensors file: its header is damaged", _GET_AGAIN) from None
    if 8 + header_bytes + end != size:
        raise InputError(f"{file} has {size} bytes, its header asks for {8 + header_bytes + end}", _GET_AGAIN)


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON file: {error}", _GET_AGAIN) from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is no JSON object", _GET_AGAIN)
    return content
