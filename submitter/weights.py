"""The weight files of a model's folder and what their headers say, read without torch.

Only the headers of the weight files are read. So it takes milliseconds, even for hundreds of gigabytes, to find that a
file is missing or cut off, or that the index names a tensor that does not exist.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from submitter import input_file, tensor_file
from submitter.errors import InputError, os_reason, os_remedy
from submitter.quoting import shown
from submitter.record import sha256_of
from submitter.tensor_file import HeaderError, Tensor

CONFIG_FILE = "config.json"
INDEX_FILE = "model.safetensors.index.json"
GET_AGAIN = "copy, download or create the checkpoint again: it is incomplete or damaged"
_PART_OF = re.compile(r"-of-(\d+)\.safetensors$")
_LAYER = re.compile(r"\.(?:layers|h)\.(\d+)\.")


def read_config(folder: Path) -> dict[str, Any]:
    """The model's `config.json`; InputError if the folder or the file is missing, or the file is not a JSON object."""
    if not folder.is_dir():
        raise InputError(f"there is no checkpoint folder {folder}", "name a folder with config.json and weights")
    if not (folder / CONFIG_FILE).is_file():
        raise InputError(f"{folder}: {CONFIG_FILE} is missing", "name the folder of a checkpoint")
    return _json(folder / CONFIG_FILE)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files in order; if there is an index, the files it names. InputError if any is missing."""
    index = folder / INDEX_FILE
    if not index.is_file():
        files = sorted(folder.glob("*.safetensors"))
        if not files:
            raise InputError(f"{folder} holds no *.safetensors file", "use a checkpoint of safetensors files")
        parts = [int(found[1]) for file in files if (found := _PART_OF.search(file.name))]
        if parts and len(parts) != parts[0]:
            raise InputError(f"{folder} holds {len(parts)} of {parts[0]} weight files, and no {INDEX_FILE}", GET_AGAIN)
        return files
    names = sorted(set(_weight_map(index).values()))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(f"{folder} lacks {len(missing)} of {len(names)} weight files, such as {missing[0]}", GET_AGAIN)
    return [folder / name for name in names]


def read_headers(folder: Path) -> dict[Path, dict[str, Tensor]]:
    """The tensors of each weight file. InputError if a file is cut off, or lacks a tensor that the index puts in it."""
    headers = {file: read_header(file) for file in weight_files(folder)}
    index = folder / INDEX_FILE
    if index.is_file():
        by_name = {file.name: tensors for file, tensors in headers.items()}
        for tensor, name in _weight_map(index).items():
            if tensor not in by_name[name]:
                raise InputError(f"{folder / name} lacks tensor {tensor}, which {INDEX_FILE} puts there", GET_AGAIN)
    return headers


def require_layers(folder: Path, config: dict[str, Any], headers: dict[Path, dict[str, Tensor]]) -> None:
    """InputError if a layer that `config.json` counts has no tensor, which means that some files are missing."""
    count = config.get("num_hidden_layers")
    if not isinstance(count, int):
        return
    present = {int(found[1]) for tensors in headers.values() for name in tensors if (found := _LAYER.search(name))}
    missing = [layer for layer in range(count) if layer not in present]
    if missing:
        raise InputError(
            f"{folder} lacks {len(missing)} of the {count} layers of {CONFIG_FILE}, such as layer {missing[0]}",
            GET_AGAIN,
        )


def read_header(file: Path) -> dict[str, Tensor]:
    """The tensors of one safetensors file; InputError if it is not one, or its size does not match its tensors."""
    try:
        return tensor_file.read_header(file).tensors
    except HeaderError as error:
        raise InputError(f"{file} {error}", GET_AGAIN) from None
    except OSError as error:
        raise InputError(f"{file} cannot be read: {os_reason(error)}", os_remedy(error)) from None


def checkpoint_sha256(folder: Path) -> str:
    """One hash for the model, over the names and hashes of its configuration, tokenizer and weight files."""
    digest = hashlib.sha256()
    for file in sorted([*folder.glob("*.json"), *weight_files(folder)]):
        digest.update(f"{file.name} {sha256_of(file)}\n".encode())
    return digest.hexdigest()


def _weight_map(index: Path) -> dict[str, str]:
    """The name of each tensor's file, from the index."""
    weight_map = _json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise InputError(f"{index} has no weight_map", GET_AGAIN)
    for tensor, file in weight_map.items():
        # A name that contains a folder could point outside the checkpoint.
        if not isinstance(file, str) or "/" in file or not file.endswith(".safetensors"):
            raise InputError(
                f"{index}: tensor {tensor} is in {shown(file)}, which is not a weight file's name", GET_AGAIN
            )
    return weight_map


def _json(path: Path) -> dict[str, Any]:
    return input_file.read_json_object(path, hint=GET_AGAIN)
