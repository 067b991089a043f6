"""A data set is what its header says, or it is refused with a reason."""

from __future__ import annotations

import json
import mmap
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from submitter.errors import InputError
from submitter.harness.dataset import Dataset, write_dataset

PROMPTS = [[1, 5, 6], [1, 7], [1, 8, 9, 10], [1, 11]]
REFERENCES = ["one", "zwei – dü", "three\nlines", ""]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "set.safetensors", "four", PROMPTS, REFERENCES, "ab", source="s.pkl", source_sha256="cd")
    return tmp_path / "set.safetensors"


def test_round_trip(path: Path) -> None:
    dataset = Dataset.open(path)
    dataset.verify()
    assert len(dataset) == 4
    assert [dataset.prompt(index) for index in range(4)] == PROMPTS
    assert all(type(token) is int for token in dataset.prompt(0))
    assert dataset.prompt_lengths() == [3, 2, 4, 2]
    assert dataset.references() == REFERENCES
    assert dataset.name == "four"
    assert dataset.header.max_prompt_tokens == 4
    assert (dataset.header.source, dataset.header.source_sha256) == ("s.pkl", "cd")


def test_the_file_is_one_that_safetensors_reads(path: Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    with safetensors.safe_open(str(path), "np") as file:
        assert json.loads(file.metadata()["dataset"])["sample_count"] == 4
        assert file.get_tensor("tokens").tolist() == [token for prompt in PROMPTS for token in prompt]
        assert file.get_tensor("offsets").tolist() == [0, 3, 5, 9, 11]
        assert json.loads(file.get_tensor("references").tobytes()) == REFERENCES


def test_tokens_are_mapped_not_read(path: Path) -> None:
    assert isinstance(Dataset.open(path).tokens.obj, mmap.mmap)


def test_a_data_set_of_full_size_opens_in_milliseconds(tmp_path: Path) -> None:
    prompt = list(range(300))
    write_dataset(tmp_path / "big", "big", (prompt for _ in range(24_576)), ["a reference answer " * 40] * 24_576)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        dataset = Dataset.open(tmp_path / "big")
        times.append(time.perf_counter() - start)
    assert len(dataset) == 24_576
    assert min(times) < 0.02


@pytest.mark.parametrize("index", [-1, 4])
def test_an_index_outside_is_an_error(path: Path, index: int) -> None:
    with pytest.raises(IndexError, match="data set of 4"):
        Dataset.open(path).prompt(index)


def test_subset_is_the_beginning_with_its_own_checksum(path: Path, tmp_path: Path) -> None:
    whole = Dataset.open(path)
    subset = whole.subset(2)
    subset.verify()
    assert [subset.prompt(index) for index in range(len(subset))] == PROMPTS[:2]
    assert subset.references() == REFERENCES[:2]
    assert subset.name == "four-first-2"
    same = write_dataset(tmp_path / "two", "x", PROMPTS[:2], REFERENCES[:2])
    assert subset.sha256 == same.sha256 != whole.sha256
    assert whole.subset(4) is whole


@pytest.mark.parametrize("count", [0, 5])
def test_subset_of_a_wrong_size(path: Path, count: int) -> None:
    with pytest.raises(InputError, match=f"{count} samples"):
        Dataset.open(path).subset(count)


def test_checksum_depends_on_where_prompts_are_cut(tmp_path: Path) -> None:
    first = write_dataset(tmp_path / "a", "x", [[1, 2], [3]], ["", ""])
    second = write_dataset(tmp_path / "b", "x", [[1], [2, 3]], ["", ""])
    assert first.sha256 != second.sha256


def test_writing_again_replaces_and_leaves_nothing_behind(path: Path) -> None:
    write_dataset(path, "other", PROMPTS[:1], REFERENCES[:1])
    assert len(Dataset.open(path)) == 1
    assert [file.name for file in path.parent.iterdir()] == ["set.safetensors"]


@pytest.mark.parametrize(
    ("prompts", "references"),
    [
        ([[1], []], ["a", "b"]),
        ([[1]], ["a", "b"]),
        ([], []),
        ([[1], [-1]], ["a", "b"]),
        ([[1], [1 << 31]], ["a", "b"]),
        ([[1], ["x"]], ["a", "b"]),
        ([[1], [[2]]], ["a", "b"]),
    ],
)
def test_what_is_no_data_set_is_not_written(tmp_path: Path, prompts: list[Any], references: list[str]) -> None:
    with pytest.raises(InputError):
        write_dataset(tmp_path / "set", "x", prompts, references)
    assert list(tmp_path.iterdir()) == []


def edit(path: Path, change: Callable[[dict[str, Any]], None], body: bytes | None = None) -> None:
    """Rewrite the file's JSON; what follows it stays, or is `body`."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    places = json.loads(data[8 : 8 + length])
    change(places)
    text = json.dumps(places).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + (data[8 + length :] if body is None else body))


def header(path: Path, **changes: object) -> None:
    def change(places: dict[str, Any]) -> None:
        places["__metadata__"]["dataset"] = json.dumps(json.loads(places["__metadata__"]["dataset"]) | changes)

    edit(path, change)


def replace_bytes(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert data.count(old) == 1
    assert len(old) == len(new)
    path.write_bytes(data.replace(old, new))


def ints(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


SPOILT = {
    "unknown key": (lambda f: header(f, colour="red"), "colour"),
    "an older version": (lambda f: header(f, version=1), "version"),
    "wrong checksum": (lambda f: header(f, sha256="0" * 64), "checksum"),
    "wrong count": (lambda f: header(f, sample_count=5), "header says 5"),
    "a changed token": (lambda f: replace_bytes(f, b"\x0b\0\0\0[", b"\x0c\0\0\0["), "checksum"),
    "a changed reference": (lambda f: replace_bytes(f, b"three", b"threx"), "checksum"),
    "offsets run backwards": (lambda f: replace_bytes(f, ints(0, 3, 5, 9, 11), ints(0, 3, 2, 9, 11)), "do not divide"),
    "offsets end too far": (lambda f: replace_bytes(f, ints(0, 3, 5, 9, 11), ints(0, 3, 5, 9, 99)), "do not divide"),
    "no metadata": (lambda f: edit(f, lambda places: places.pop("__metadata__")), "metadata do not describe one"),
    "metadata that are no texts": (lambda f: edit(f, lambda p: p["__metadata__"].update(dataset={})), "damaged"),
    "no tokens": (lambda f: edit(f, lambda places: places.pop("tokens")), "not a data set"),
    "tokens under another name": (lambda f: edit(f, lambda p: p.update(words=p.pop("tokens"))), "no array tokens"),
    "tokens of another type": (lambda f: edit(f, lambda p: p["tokens"].update(dtype="F32")), "F32, not I32"),
    "tokens of two dimensions": (lambda f: edit(f, lambda p: p["tokens"].update(shape=[11, 1])), "shape [11, 1]"),
    "a place before the data": (lambda f: edit(f, lambda p: p["tokens"].update(data_offsets=[-44, 0])), "damaged"),
    "a place after the data": (lambda f: edit(f, lambda p: p["tokens"].update(data_offsets=[999, 1043])), "cut off"),
    "places that are no numbers": (lambda f: edit(f, lambda p: p["tokens"].update(data_offsets=["a", "b"])), "damaged"),
    "JSON that nests": (lambda f: f.write_bytes(ints(99_999) + b"[" * 99_999), "not a data set"),
    "JSON that is a list": (lambda f: f.write_bytes(ints(2) + b"[]"), "not a data set"),
    "cut in the data": (lambda f: f.write_bytes(f.read_bytes()[:-9]), "cut off"),
    "cut in the JSON": (lambda f: f.write_bytes(f.read_bytes()[:40]), "not a data set"),
    "empty": (lambda f: f.write_bytes(b""), "not a data set"),
    "more than the data": (lambda f: f.write_bytes(f.read_bytes() + b"more"), "does not end with its last tensor"),
    "a header too long": (lambda f: f.write_bytes(ints(1 << 21) + b" " * (1 << 21)), "not a safetensors file"),
    "text": (lambda f: f.write_text("a data set, I promise"), "not a safetensors file"),
    "a folder": (lambda f: (f.unlink(), f.mkdir()), "not a data set"),
    "missing": (lambda f: f.unlink(), "there is no data set"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_file_is_refused_with_its_reason(path: Path, case: str) -> None:
    spoil, reason = SPOILT[case]
    spoil(path)
    with pytest.raises(InputError) as caught:
        Dataset.open(path).verify()
    assert reason in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("references", [b'{"a": 1}', b"[1, 2]", b"[" * 100_000, b"\xff", b'["a"]'])
def test_references_that_are_no_texts_are_no_data_set(path: Path, references: bytes) -> None:
    whole = Dataset.open(path)
    with pytest.raises(InputError):
        Dataset(whole.header, whole.tokens, whole.offsets, memoryview(references)).verify()
