"""The header of a safetensors file: as the library writes it, and as nobody should."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from submitter.errors import InputError
from submitter.tensor_file import LIMIT_BYTES, HeaderError, Tensor, read_header
from submitter.weights import GET_AGAIN
from submitter.weights import read_header as read_weights


def write(path: Path, header: object, data: bytes = b"", length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)


def entry(begin: Any = 0, end: Any = 4, dtype: Any = "F32", shape: Any = (1,)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_a_file_that_the_library_wrote(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    library = pytest.importorskip("safetensors.numpy")
    arrays = {
        "one": numpy.ones((2, 3), "<f2"),
        "scalar": numpy.array(7, "<f4"),
        "none": numpy.ones((0, 4), "|u1"),
    }
    library.save_file(arrays, tmp_path / "file", metadata={"format": "pt"})
    header = read_header(tmp_path / "file")
    assert header.metadata == {"format": "pt"}
    assert {name: (tensor.dtype, tensor.shape) for name, tensor in header.tensors.items()} == {
        "one": ("F16", (2, 3)),
        "scalar": ("F32", ()),
        "none": ("U8", (0, 4)),
    }
    content = (tmp_path / "file").read_bytes()[header.data_start :]
    for name, tensor in header.tensors.items():
        assert content[tensor.begin : tensor.end] == arrays[name].tobytes()


def test_metadata_are_not_needed(tmp_path: Path) -> None:
    write(tmp_path / "file", {"a": entry()}, b"1234")
    header = read_header(tmp_path / "file")
    assert header.tensors == {"a": Tensor(dtype="F32", shape=(1,), begin=0, end=4)}
    assert header.metadata == {}


DAMAGED = "is not a safetensors file: its header is damaged"
HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda f: f.write_bytes(b""), "is not a safetensors file, or was cut off"),
    "cut in the length": (lambda f: f.write_bytes(b"\1\0\0"), "or was cut off"),
    "cut in the header": (lambda f: write(f, b"{", length=99), "or was cut off"),
    "no header": (lambda f: write(f, b""), "or was cut off"),
    "a header of 16 EiB": (lambda f: write(f, b"{}", length=2**64 - 1), "or was cut off"),
    "text": (lambda f: write(f, b"hello"), "its header is not JSON"),
    "no UTF-8": (lambda f: write(f, b"\xff\xff\xff"), "is not a safetensors file: "),
    "JSON that nests": (lambda f: write(f, b"[" * 100_000), "its header is not JSON"),
    "a number without end": (lambda f: write(f, b"9" * 100_000), "is not a safetensors file: "),
    "a list": (lambda f: write(f, []), DAMAGED),
    "a tensor that is a text": (lambda f: write(f, {"a": "b"}), DAMAGED),
    "a tensor without a place": (lambda f: write(f, {"a": {"dtype": "F32", "shape": [1]}}), DAMAGED),
    "a place of three": (lambda f: write(f, {"a": {**entry(), "data_offsets": [0, 1, 2]}}, b"1234"), DAMAGED),
    "a place before the data": (lambda f: write(f, {"a": entry(-4, 0)}), DAMAGED),
    "a place that runs backwards": (lambda f: write(f, {"a": entry(4, 0)}), DAMAGED),
    "a place that is a fraction": (lambda f: write(f, {"a": entry(0.5, 4)}, b"1234"), DAMAGED),
    "a type that is a number": (lambda f: write(f, {"a": entry(dtype=5)}, b"1234"), DAMAGED),
    "a shape below zero": (lambda f: write(f, {"a": entry(shape=[-1])}, b"1234"), DAMAGED),
    "a shape that is a number": (lambda f: write(f, {"a": entry(shape=1)}, b"1234"), DAMAGED),
    "metadata that are a list": (lambda f: write(f, {"__metadata__": []}), DAMAGED),
    "metadata that nest": (lambda f: write(f, {"__metadata__": {"a": {}}}), DAMAGED),
    "too little data": (lambda f: write(f, {"a": entry()}, b"123"), "it was cut off"),
    "too much data": (lambda f: write(f, {"a": entry()}, b"12345"), "does not end with its last tensor"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused_with_its_reason(case: str, tmp_path: Path) -> None:
    spoil, reason = HOSTILE[case]
    path = tmp_path / "file"
    spoil(path)
    with pytest.raises(HeaderError) as caught:
        read_header(path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError) as refused:
        read_weights(path)
    assert refused.value.message == f"{path} {caught.value}"
    assert refused.value.hint == GET_AGAIN


def test_a_header_has_a_limit(tmp_path: Path) -> None:
    write(tmp_path / "file", b"{}" + b" " * 98)
    assert read_header(tmp_path / "file", limit_bytes=100).tensors == {}
    with pytest.raises(HeaderError):
        read_header(tmp_path / "file", limit_bytes=99)
    with (tmp_path / "long").open("wb") as file:  # a hole: it takes no disk
        file.write((LIMIT_BYTES + 1).to_bytes(8, "little"))
        file.truncate(LIMIT_BYTES + 9)
    with pytest.raises(HeaderError, match="or was cut off"):
        read_header(tmp_path / "long")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no safetensors file"):
        read_header(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is a pipe or a device, not a safetensors file"):
        read_header(tmp_path / "pipe")
    with pytest.raises(InputError, match="is a folder, not a safetensors file"):
        read_weights(tmp_path)
