"""A data set as MLCommons publishes it: a pickled pandas frame or a JSON list, with one row per sample.

In both, `tok_input` is the prompt's token ids and `output` is the reference answer.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from submitter import input_file
from submitter.datasets.pickles import read_frame
from submitter.errors import InputError, from_os_error
from submitter.tensor_file import LENGTH_BYTES

PROMPT, REFERENCE = "tok_input", "output"
_COMPRESSED = (".gz", ".xz", ".zip", ".zst")
_COMPRESSED_MAGIC = (b"\x1f\x8b", b"\xfd7zXZ\0", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh")
_PICKLE_MAGIC = b"\x80"
_BLANKS = codecs.BOM_UTF8 + b" \t\r\n"
_HEAD_BYTES = 64
_HINT = "use a .pkl or .json file as MLCommons publishes it"


class SourceKind(Enum):
    """What a data file is, by its first bytes."""

    PICKLE = "pickle"
    JSON = "json"
    CONVERTED = "converted"
    COMPRESSED = "compressed"


@dataclass(frozen=True)
class SourceSamples:
    """The contents of a file: the names of its columns, each sample's prompt as token ids and its reference as text."""

    columns: tuple[str, ...]
    prompts: list[list[int]]
    references: list[str]


def kind_of(path: Path) -> SourceKind:
    """What the file is by its content; by its name where the content does not show it. InputError as `read_bytes`."""
    input_file.require_file(path, "data set", _HINT)
    try:
        with path.open("rb") as file:
            start = file.read(_HEAD_BYTES)
    except OSError as error:
        raise from_os_error(error, path) from None
    if start.startswith(_COMPRESSED_MAGIC) or path.suffix in _COMPRESSED:
        return SourceKind.COMPRESSED
    if start.startswith(_PICKLE_MAGIC):
        return SourceKind.PICKLE
    if start[LENGTH_BYTES : LENGTH_BYTES + 1] == b"{" and not start.lstrip(_BLANKS).startswith(b"["):
        return SourceKind.CONVERTED
    # Pickles of the oldest protocols have no mark.
    return SourceKind.PICKLE if path.suffix == ".pkl" and start.lstrip(_BLANKS)[:1] != b"[" else SourceKind.JSON


def read_source(path: Path) -> SourceSamples:
    """Read a pickle or a JSON file, whatever its name; InputError if it is neither, or lacks prompts or references."""
    kind = kind_of(path)
    if kind is SourceKind.COMPRESSED:
        raise InputError(f"{path} is compressed", f"unpack it first, for example: gzip -dk {path.name}")
    columns, values, size = _read_pickle(path) if kind is SourceKind.PICKLE else _read_json(path)
    for name in (PROMPT, REFERENCE):
        if name not in values:
            raise InputError(f"{path} has no column '{name}'", f"it has: {', '.join(columns)[:300]}")
    prompts, references = values[PROMPT], values[REFERENCE]
    # A row that is the same object as another takes two bytes in a pickle, but its whole size in the converted file.
    token_count = sum(len(prompt) for prompt in prompts if isinstance(prompt, list))
    if token_count > size:
        raise InputError(f"{path} has {token_count:,} tokens in {size:,} bytes: it repeats rows", _HINT)
    for number, (prompt, reference) in enumerate(zip(prompts, references, strict=True)):
        if not isinstance(prompt, list) or set(map(type, prompt)) != {int} or min(prompt) < 0:
            raise InputError(f"{path}: row {number}: '{PROMPT}' is not a list of token ids")
        if not isinstance(reference, str):
            raise InputError(f"{path}: row {number}: '{REFERENCE}' is not a text")
    return SourceSamples(columns, prompts, references)


def _read_pickle(path: Path) -> tuple[tuple[str, ...], dict[str, list[Any]], int]:
    frame = read_frame(path, (PROMPT, REFERENCE))
    return frame.columns, frame.values, path.stat().st_size


def _read_json(path: Path) -> tuple[tuple[str, ...], dict[str, list[Any]], int]:
    """The rows of a JSON list of objects; the columns are those that every row has, in the first row's order."""
    data = input_file.read_bytes(path, "data set", _HINT)
    try:
        rows = msgspec.json.decode(data.removeprefix(codecs.BOM_UTF8), type=list[dict[str, Any]])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a JSON list of samples: {str(error)[:200]}", _HINT) from None
    if not rows:
        raise InputError(f"{path} has no samples", _HINT)
    columns = tuple(name for name in rows[0] if all(name in row for row in rows))
    values = {name: [row[name] for row in rows] for name in (PROMPT, REFERENCE) if name in columns}
    return columns, values, len(data)
