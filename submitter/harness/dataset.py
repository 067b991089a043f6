"""A tokenised data set: one file of prompts as token ids, read by index and verified by its checksum.

The file is a safetensors file, so that other tools can read it too. It holds three arrays:

- `tokens`: int32, the token ids of all prompts, one prompt after another;
- `offsets`: int64, sample count + 1 positions; prompt `i` is `tokens[offsets[i]:offsets[i + 1]]`;
- `references`: the reference answers, as the bytes of a JSON list of strings. Scoring reads them, a run does not.

The file's own metadata describe the data set under the key `dataset`: name, sample count, checksum, longest prompt, and
the checksum of the file that it was made from. The arrays are mapped into memory, not read: a data set of any size
opens in milliseconds, and `verify` reads it once. The standard library's memoryview is enough for that, so a campaign
can be planned and a data set converted where numpy is not installed.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from submitter import input_file, tensor_file
from submitter.errors import InputError, os_reason, os_remedy
from submitter.record import write_atomically
from submitter.strict_record import StrictRecord
from submitter.tensor_file import Header, HeaderError
from submitter.units import BYTES_PER_MIB
from submitter.validation import in_words

SUFFIX = ".safetensors"
_CREATE_AGAIN = "create the data set again"
_CONVERT = "create one with: submitter dataset convert"
_KEY = "dataset"
_HEADER_MAX_BYTES = BYTES_PER_MIB
# The arrays of the file, each with its data type in safetensors' notation and in that of Python's array and memoryview.
_ARRAYS: dict[str, tuple[str, Literal["q", "i", "B"]]] = {
    "offsets": ("I64", "q"),
    "tokens": ("I32", "i"),
    "references": ("U8", "B"),
}


class DatasetHeader(StrictRecord):
    """How the file describes its data set. `source` and `source_sha256` name the file it was converted from, if any."""

    version: int = Field(default=2, ge=2, le=2)
    name: str
    sample_count: int = Field(gt=0)
    sha256: str
    max_prompt_tokens: int = Field(gt=0)
    tokenizer_sha256: str = ""
    source: str = ""
    source_sha256: str = ""


@dataclass(frozen=True)
class Dataset:
    """Samples by index. `tokens` and `offsets` are as in the file; `reference_bytes` is the JSON of the references."""

    header: DatasetHeader
    tokens: memoryview[int] = field(repr=False)
    offsets: memoryview[int] = field(repr=False)
    reference_bytes: memoryview[int] = field(repr=False)

    @classmethod
    def open(cls, path: Path) -> Dataset:
        """Map a data set file. InputError if it is not one, or is cut off. Only `verify` reads the contents."""
        header, arrays = _map(path)
        dataset = cls(header, arrays["tokens"], arrays["offsets"], arrays["references"])
        if len(dataset) != header.sample_count:
            raise InputError(f"{path} has {len(dataset)} prompts, its header says {header.sample_count}", _CREATE_AGAIN)
        offsets = dataset.offsets
        if offsets[0] != 0 or offsets[-1] != len(dataset.tokens) or min(dataset.prompt_lengths()) <= 0:
            raise InputError(f"{path}: its offsets do not divide its tokens into prompts", _CREATE_AGAIN)
        return dataset

    def verify(self) -> None:
        """Read everything. InputError if the checksum is not the header's, or there is not one reference per sample."""
        found = _checksum(self.tokens, self.offsets, self.reference_bytes)
        if found != self.sha256:
            raise InputError(f"data set {self.name} has checksum {found}, its header says {self.sha256}", _CREATE_AGAIN)
        if len(self.references()) != len(self):
            raise InputError(
                f"data set {self.name} has {len(self.references())} references for {len(self)} samples", _CREATE_AGAIN
            )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def name(self) -> str:
        return self.header.name

    @property
    def sha256(self) -> str:
        return self.header.sha256

    def prompt(self, index: int) -> list[int]:
        """The token ids of sample `index` (0 to count - 1)."""
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of a data set of {len(self)}")
        return self.tokens[self.offsets[index] : self.offsets[index + 1]].tolist()

    def prompt_lengths(self) -> list[int]:
        """The number of tokens in each prompt."""
        return [end - begin for begin, end in pairwise(self.offsets.tolist())]

    def references(self) -> list[str]:
        """The reference answers in the order of the samples; InputError if they are not a JSON list of strings."""
        try:
            texts = json.loads(self.reference_bytes.tobytes())
        except (ValueError, RecursionError) as error:
            raise InputError(f"data set {self.name}: its references are not JSON: {error}", _CREATE_AGAIN) from None
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise InputError(f"data set {self.name}: its references are not a list of strings", _CREATE_AGAIN)
        return texts

    def subset(self, count: int) -> Dataset:
        """The first `count` samples as a data set with its own name and checksum, for short runs."""
        if not 0 < count <= len(self):
            raise InputError(
                f"cannot take {count} samples of data set {self.name}, which has {len(self)}",
                f"take 1 to {len(self)} samples",
            )
        if count == len(self):
            return self
        offsets = self.offsets[: count + 1]
        return _dataset(
            f"{self.name}-first-{count}",
            self.tokens[: offsets[-1]],
            offsets,
            self.references()[:count],
            {"tokenizer_sha256": self.header.tokenizer_sha256},
        )


def write_dataset(
    path: Path,
    name: str,
    prompts: Iterable[Sequence[int]],
    references: Sequence[str],
    tokenizer_sha256: str = "",
    *,
    source: str = "",
    source_sha256: str = "",
) -> DatasetHeader:
    """Write a data set to `path` atomically, over any file that is already there.

    `prompts` has one sequence of token ids per sample, `references` one text per sample. InputError if the counts
    differ, a prompt is empty, or an id is not an int32 of 0 or more.
    """
    tokens, offsets = array("i"), array("q", [0])
    for index, prompt in enumerate(prompts):
        _append(tokens, prompt, f"prompt {index} of data set {name}")
        offsets.append(len(tokens))
    if len(offsets) < 2 or len(offsets) - 1 != len(references):
        raise InputError(
            f"data set {name} has {len(offsets) - 1} prompts and {len(references)} references", _CREATE_AGAIN
        )
    origin = {"tokenizer_sha256": tokenizer_sha256, "source": source, "source_sha256": source_sha256}
    dataset = _dataset(name, memoryview(tokens), memoryview(offsets), references, origin)
    arrays = {"offsets": dataset.offsets, "tokens": dataset.tokens, "references": dataset.reference_bytes}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, _file_bytes(dataset.header, arrays))
    return dataset.header


def _append(tokens: array[int], prompt: Sequence[int], where: str) -> None:
    """Append the token ids of one prompt; InputError, which says `where`, if they are not token ids."""
    if not len(prompt):
        raise InputError(f"{where} has no tokens", "leave the sample out")
    try:
        tokens.extend(array("i", prompt))
    except (OverflowError, ValueError, TypeError):
        raise InputError(f"{where} is not a list of token ids") from None
    if min(prompt) < 0:
        raise InputError(f"{where} is not a list of token ids")


def _dataset(
    name: str,
    tokens: memoryview[int],
    offsets: memoryview[int],
    references: Sequence[str],
    origin: Mapping[str, str],
) -> Dataset:
    encoded = memoryview(json.dumps(list(references), indent=0).encode("ascii"))
    header = DatasetHeader(
        name=name,
        sample_count=len(references),
        sha256=_checksum(tokens, offsets, encoded),
        max_prompt_tokens=max(end - begin for begin, end in pairwise(offsets.tolist())),
        tokenizer_sha256=origin.get("tokenizer_sha256", ""),
        source=origin.get("source", ""),
        source_sha256=origin.get("source_sha256", ""),
    )
    return Dataset(header, tokens, offsets, encoded)


def _checksum(tokens: memoryview[int], offsets: memoryview[int], references: memoryview[int]) -> str:
    """SHA-256 over offsets (little-endian int64), tokens (little-endian int32) and the references' JSON."""
    digest = hashlib.sha256(offsets)
    digest.update(tokens)
    digest.update(references)
    return digest.hexdigest()


def _file_bytes(header: DatasetHeader, arrays: Mapping[str, memoryview[int]]) -> bytes:
    """The contents of the file: 8 bytes with the length of the JSON, the JSON, the arrays.

    Each array begins at a multiple of the size of its items.
    """
    entries: dict[str, Any] = {tensor_file.METADATA: {_KEY: header.model_dump_json()}}
    start = 0
    for name, (kind, _) in _ARRAYS.items():
        array = arrays[name]
        entries[name] = {"dtype": kind, "shape": [len(array)], "data_offsets": [start, start + array.nbytes]}
        start += array.nbytes
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return b"".join(
        [len(text).to_bytes(tensor_file.LENGTH_BYTES, "little"), text, *(arrays[name].tobytes() for name in _ARRAYS)]
    )


def _map(path: Path) -> tuple[DatasetHeader, dict[str, memoryview[int]]]:
    """The header and the arrays of a file, as views of its mapped memory."""
    no_dataset = f"{path} is not a data set"
    input_file.require_file(path, "data set", _CONVERT)
    try:
        file_header = tensor_file.read_header(path, _HEADER_MAX_BYTES)
        with path.open("rb") as file:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except HeaderError as error:
        raise InputError(f"{no_dataset}: it {error}", _CONVERT) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {os_reason(error)}", os_remedy(error)) from None
    except ValueError:  # a file that has just been emptied cannot be mapped
        raise InputError(f"{no_dataset}: it is empty", _CONVERT) from None
    if _KEY not in file_header.metadata:
        raise InputError(f"{no_dataset}: its metadata do not describe one", _CONVERT)
    try:
        header = DatasetHeader.model_validate_json(file_header.metadata[_KEY])
        views = {name: _view(memory, file_header, name) for name in _ARRAYS}
    except ValidationError as error:
        raise InputError(f"{path}: its header: {in_words(error.errors()[0])}", _CREATE_AGAIN) from None
    except ValueError as error:
        raise InputError(f"{no_dataset}: {error}", _CREATE_AGAIN) from None
    return header, views


def _view(memory: mmap.mmap, header: Header, name: str) -> memoryview[int]:
    """The array of the file's tensor `name`; ValueError if the file does not hold such an array."""
    kind, code = _ARRAYS[name]
    if (tensor := header.tensors.get(name)) is None:
        raise ValueError(f"it has no array {name}")
    if tensor.dtype != kind:
        raise ValueError(f"array {name} is of type {tensor.dtype}, not {kind}")
    if len(tensor.shape) != 1:
        raise ValueError(f"array {name} has shape {list(tensor.shape)}, required one dimension")
    (count,) = tensor.shape
    start = header.data_start + tensor.begin
    if count < 1 or tensor.byte_count != count * struct.calcsize(code) or start + tensor.byte_count > len(memory):
        raise ValueError("the file is cut off, or does not match its header")
    return memoryview(memory)[start : start + tensor.byte_count].cast(code)
