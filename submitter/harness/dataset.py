"""A tokenised data set: a folder of prompts as token ids, read by index, held to its checksum.

The folder holds four files:

- `dataset.json`: name, sample count, checksum, the tokenizer's hash, the longest prompt;
- `tokens.npy`: int32, all prompts' token ids one after another;
- `offsets.npy`: int64, sample count + 1 positions, so that prompt `i` is `tokens[offsets[i]:offsets[i + 1]]`;
- `references.json`: a list of the reference answers as text. Only scoring uses them, a run never does.

A prompt's memory is mapped, not read: a data set of any size opens in the time its checksum takes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from submitter.errors import InputError, NotInstalledError
from submitter.record import write_json_atomically

try:
    import numpy as np
    import numpy.typing as npt
except ImportError:
    raise NotInstalledError("numpy is not installed", "make runs with: pip install 'submitter[loadgen]'") from None

FACTS_FILE = "dataset.json"
TOKENS_FILE = "tokens.npy"
OFFSETS_FILE = "offsets.npy"
REFERENCES_FILE = "references.json"
MAKE_IT_AGAIN = "make the data set again"


class DatasetHeader(BaseModel):
    """What `dataset.json` says of the folder it lies in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(default=1, ge=1, le=1)
    name: str
    sample_count: int = Field(gt=0)
    sha256: str
    tokenizer_sha256: str
    max_prompt_tokens: int = Field(gt=0)


@dataclass(frozen=True)
class Dataset:
    """Samples by index. `tokens` and `offsets` are as in the files; `reference_texts` has one text a sample."""

    header: DatasetHeader
    tokens: npt.NDArray[np.int32] = field(repr=False)
    offsets: npt.NDArray[np.int64] = field(repr=False)
    reference_texts: tuple[str, ...] = field(repr=False)

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """Map the data set of `folder`. InputError if a file is missing, or count or checksum is not the header's."""
        if not folder.is_dir():
            raise InputError(f"there is no data set folder {folder}", "name the folder that holds dataset.json")
        header = _read_header(folder / FACTS_FILE)
        dataset = cls(
            header,
            _map_array(folder / TOKENS_FILE, np.dtype("<i4")),
            _map_array(folder / OFFSETS_FILE, np.dtype("<i8")),
            _read_references(folder / REFERENCES_FILE),
        )
        dataset._verify(folder)
        return dataset

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
        ids: list[int] = self.tokens[self.offsets[index] : self.offsets[index + 1]].tolist()
        return ids

    def references(self) -> list[str]:
        """The reference answers in the order of the samples."""
        return list(self.reference_texts)

    def subset(self, count: int) -> Dataset:
        """The first `count` samples as a data set with its own name and checksum, for short runs."""
        if not 0 < count <= len(self):
            raise InputError(f"a subset of {count} samples of data set {self.name}", f"it has 1 to {len(self)}")
        if count == len(self):
            return self
        offsets = self.offsets[: count + 1]
        tokens = self.tokens[: offsets[-1]]
        references = self.reference_texts[:count]
        return Dataset(
            _header(f"{self.name}-first-{count}", tokens, offsets, references, self.header.tokenizer_sha256),
            tokens,
            offsets,
            references,
        )

    def _verify(self, folder: Path) -> None:
        required = self.header.sample_count
        if len(self.reference_texts) != required:
            raise InputError(
                f"{folder} has {len(self.reference_texts)} references, its header says {required} samples",
                MAKE_IT_AGAIN,
            )
        if len(self) != required:
            raise InputError(f"{folder} has {len(self)} prompts, its header says {required} samples", MAKE_IT_AGAIN)
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.tokens) or np.any(np.diff(self.offsets) <= 0):
            raise InputError(f"{folder / OFFSETS_FILE} does not cut {TOKENS_FILE} into prompts", MAKE_IT_AGAIN)
        found = _checksum(self.tokens, self.offsets, self.reference_texts)
        if found != self.sha256:
            raise InputError(f"{folder} has checksum {found}, its header says {self.sha256}", MAKE_IT_AGAIN)


def write_dataset(
    folder: Path, name: str, prompts: Iterable[Sequence[int]], references: Sequence[str], tokenizer_sha256: str
) -> DatasetHeader:
    """Write a data set whole or not at all: a folder of that name is replaced only when the new one is complete.

    `prompts` are token ids, one sequence a sample; `references` one text a sample. InputError if their counts
    differ or a prompt is empty.
    """
    lengths: list[int] = []
    pieces: list[npt.NDArray[np.int32]] = []
    for prompt in prompts:
        if not len(prompt):
            raise InputError(f"prompt {len(lengths)} of data set {name} has no token", "leave the sample out")
        pieces.append(np.asarray(prompt, dtype="<i4"))
        lengths.append(len(prompt))
    if not lengths or len(lengths) != len(references):
        raise InputError(f"data set {name} has {len(lengths)} prompts and {len(references)} references", MAKE_IT_AGAIN)
    tokens = np.concatenate(pieces)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype("<i8")
    header = _header(name, tokens, offsets, references, tokenizer_sha256)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    temporary.mkdir(parents=True)
    try:
        np.save(temporary / TOKENS_FILE, tokens)
        np.save(temporary / OFFSETS_FILE, offsets)
        (temporary / REFERENCES_FILE).write_bytes(_references_bytes(references))
        write_json_atomically(temporary / FACTS_FILE, header.model_dump())
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return header


def _header(
    name: str,
    tokens: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int64],
    references: Sequence[str],
    tokenizer_sha256: str,
) -> DatasetHeader:
    return DatasetHeader(
        name=name,
        sample_count=len(references),
        sha256=_checksum(tokens, offsets, references),
        tokenizer_sha256=tokenizer_sha256,
        max_prompt_tokens=int(np.diff(offsets).max()),
    )


def _checksum(tokens: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64], references: Sequence[str]) -> str:
    """SHA-256 over offsets (little-endian int64), tokens (little-endian int32) and the references' JSON."""
    digest = hashlib.sha256(np.ascontiguousarray(offsets, dtype="<i8").data)
    digest.update(np.ascontiguousarray(tokens, dtype="<i4").data)
    digest.update(_references_bytes(references))
    return digest.hexdigest()


def _references_bytes(references: Sequence[str]) -> bytes:
    return json.dumps(list(references), indent=0).encode("ascii")


def _read_header(path: Path) -> DatasetHeader:
    try:
        return DatasetHeader.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path.parent} is no data set: it has no {FACTS_FILE}", MAKE_IT_AGAIN) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(f"{path}: {where}: {first['msg']}", MAKE_IT_AGAIN) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", MAKE_IT_AGAIN) from None


def _map_array(path: Path, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """The array of a `.npy` file; never unpickles, so a stranger's file can do no harm."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path.parent} lacks {path.name}", MAKE_IT_AGAIN) from None
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} is no NumPy array: {str(error).splitlines()[0]}", MAKE_IT_AGAIN) from None
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype != dtype or not len(array):
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "an archive"
        raise InputError(f"{path} holds {found}, not a filled list of {dtype}", MAKE_IT_AGAIN)
    return array


def _read_references(path: Path) -> tuple[str, ...]:
    try:
        texts = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path.parent} lacks {path.name}", MAKE_IT_AGAIN) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: {error}", MAKE_IT_AGAIN) from None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"{path} is not a list of texts", MAKE_IT_AGAIN)
    return tuple(texts)
