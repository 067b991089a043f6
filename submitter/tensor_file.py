"""The header of a safetensors file, read without torch, numpy or the safetensors library, and without trusting it.

A file has an 8-byte little-endian length, that many bytes of JSON, and the tensors; the JSON states each tensor's type,
shape and position. Checkpoints and our own data sets are such files.
Source: the format's description in the README of huggingface/safetensors.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submitter import input_file

METADATA = "__metadata__"
LENGTH_BYTES = 8
LIMIT_BYTES = 100_000_000  # safetensors' own limit
# What a checkout without Git LFS has in a file's place: a text that begins so (git-lfs, docs/spec.md).
_POINTER = b"version https://git-lfs.github.com/spec/"


class HeaderError(ValueError):
    """The file is not a complete safetensors file. The message continues after the file's name: `is not a ...`."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A header's entry for one tensor. `dtype` is safetensors' name of its type, such as `BF16` or `F8_E4M3`.

    `begin` and `end` are the positions of its bytes, counted from the end of the header.
    """

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def byte_count(self) -> int:
        return self.end - self.begin


@dataclass(frozen=True, kw_only=True)
class Header:
    """The tensors by name, the texts of the file's own metadata, and the byte of the file where the tensors begin."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    data_start: int


def read_header(file: Path, limit_bytes: int = LIMIT_BYTES) -> Header:
    """The header of a file; `limit_bytes` is its largest allowed length.

    HeaderError if it is not a header, or the file's size does not match its tensors; InputError if there is no such
    file, or it is a folder or a pipe; OSError if it cannot be read. The caller checks whether a tensor's shape matches
    its type and its bytes.
    """
    size = input_file.require_file(file, "safetensors file")
    with file.open("rb") as stream:
        if stream.read(len(_POINTER)) == _POINTER:
            raise HeaderError("is a pointer of Git LFS, not the file itself: get it with git lfs pull")
        stream.seek(0)
        length = int.from_bytes(stream.read(LENGTH_BYTES), "little")
        if not 0 < length <= min(size - LENGTH_BYTES, limit_bytes):
            raise HeaderError("is not a safetensors file, or was cut off")
        text = stream.read(length)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise HeaderError("is not a safetensors file: its header is not JSON") from None
    try:
        metadata = content.pop(METADATA, {})
        tensors = {name: _tensor(entry) for name, entry in content.items()}
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError):
        raise HeaderError("is not a safetensors file: its header is damaged") from None
    data_start = LENGTH_BYTES + length
    required = data_start + sum(tensor.byte_count for tensor in tensors.values())
    if required != size:
        why = "it was cut off" if size < required else "it does not end with its last tensor"
        raise HeaderError(f"has {size} bytes, its header requires {required}: {why}")
    return Header(tensors=tensors, metadata=metadata, data_start=data_start)


def _tensor(entry: Any) -> Tensor:
    """KeyError, TypeError or ValueError if the entry does not describe a tensor."""
    begin, end = entry["data_offsets"]
    numbers = (begin, end, *entry["shape"])
    if not isinstance(entry["dtype"], str) or not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError
    if begin > end:
        raise ValueError
    return Tensor(dtype=entry["dtype"], shape=tuple(entry["shape"]), begin=begin, end=end)
