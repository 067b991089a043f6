"""The header of a safetensors file, read without torch, numpy or the safetensors library, and without trust.

A file is an 8-byte little-endian length, that many bytes of JSON, and the tensors; each tensor's type, shape and place
stand in the JSON. Checkpoints and our own data sets are such files.
Source: the format's description in the README of huggingface/safetensors.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

METADATA = "__metadata__"
LENGTH_BYTES = 8
LIMIT_BYTES = 100_000_000  # safetensors' own limit


class HeaderError(ValueError):
    """The file is not a whole safetensors file. The text goes on after the file's name: `is no safetensors file`."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """What a header says of one tensor: safetensors' name of its type, such as `BF16` or `F8_E4M3`, and its size.

    `begin` and `end` are the place of its bytes, counted from the end of the header.
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
    """The tensors by name, the texts of the file's own metadata, and at which byte of the file the tensors begin."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    data_start: int


def read_header(file: Path, limit_bytes: int = LIMIT_BYTES) -> Header:
    """The header of a file, which is no longer than `limit_bytes`.

    HeaderError if it is not a header, or the file does not have the size that its tensors need; OSError if the file
    cannot be read. Whether a tensor's shape fits its type and its bytes is for the caller to check.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(LENGTH_BYTES), "little")
        if not 0 < length <= min(size - LENGTH_BYTES, limit_bytes):
            raise HeaderError("is no safetensors file, or was cut off")
        text = stream.read(length)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HeaderError(f"is no safetensors file: {error}") from None
    try:
        metadata = content.pop(METADATA, {})
        tensors = {name: _tensor(entry) for name, entry in content.items()}
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError):
        raise HeaderError("is no safetensors file: its header is damaged") from None
    data_start = LENGTH_BYTES + length
    wanted = data_start + sum(tensor.byte_count for tensor in tensors.values())
    if wanted != size:
        why = "it was cut off" if size < wanted else "it does not end with its last tensor"
        raise HeaderError(f"has {size} bytes, its header asks for {wanted}: {why}")
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
