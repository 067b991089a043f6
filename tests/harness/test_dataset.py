"""A data set is what its header says, or it is refused with a reason."""

import json
from pathlib import Path

import numpy as np
import pytest

from submitter.errors import InputError
from submitter.harness.dataset import Dataset, write_dataset

PROMPTS = [[1, 5, 6], [1, 7], [1, 8, 9, 10], [1, 11]]
REFERENCES = ["one", "zwei – dü", "three\nlines", ""]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "set", "four", PROMPTS, REFERENCES, tokenizer_sha256="ab")
    return tmp_path / "set"


def test_round_trip(folder: Path) -> None:
    dataset = Dataset.open(folder)
    assert len(dataset) == 4
    assert [dataset.prompt(index) for index in range(4)] == PROMPTS
    assert all(type(token) is int for token in dataset.prompt(0))
    assert dataset.references() == REFERENCES
    assert dataset.name == "four"
    assert dataset.header.max_prompt_tokens == 4


def test_tokens_are_mapped_not_read(folder: Path) -> None:
    assert isinstance(Dataset.open(folder).tokens, np.memmap)


@pytest.mark.parametrize("index", [-1, 4])
def test_an_index_outside_is_an_error(folder: Path, index: int) -> None:
    with pytest.raises(IndexError, match="data set of 4"):
        Dataset.open(folder).prompt(index)


def test_subset_is_the_beginning_with_its_own_checksum(folder: Path, tmp_path: Path) -> None:
    whole = Dataset.open(folder)
    subset = whole.subset(2)
    assert [subset.prompt(index) for index in range(len(subset))] == PROMPTS[:2]
    assert subset.references() == REFERENCES[:2]
    assert subset.name == "four-first-2"
    same = write_dataset(tmp_path / "two", "x", PROMPTS[:2], REFERENCES[:2], "ab")
    assert subset.sha256 == same.sha256 != whole.sha256
    assert whole.subset(4) is whole


@pytest.mark.parametrize("count", [0, 5])
def test_subset_of_a_wrong_size(folder: Path, count: int) -> None:
    with pytest.raises(InputError, match=f"{count} samples"):
        Dataset.open(folder).subset(count)


def test_checksum_depends_on_where_prompts_are_cut(tmp_path: Path) -> None:
    first = write_dataset(tmp_path / "a", "x", [[1, 2], [3]], ["", ""], "ab")
    second = write_dataset(tmp_path / "b", "x", [[1], [2, 3]], ["", ""], "ab")
    assert first.sha256 != second.sha256


def test_writing_again_replaces_and_leaves_nothing_behind(folder: Path) -> None:
    write_dataset(folder, "other", PROMPTS[:1], REFERENCES[:1], "ab")
    assert len(Dataset.open(folder)) == 1
    assert [path.name for path in folder.parent.iterdir()] == ["set"]


@pytest.mark.parametrize(("prompts", "references"), [([[1], []], ["a", "b"]), ([[1]], ["a", "b"]), ([], [])])
def test_what_is_no_data_set_is_not_written(tmp_path: Path, prompts: list[list[int]], references: list[str]) -> None:
    with pytest.raises(InputError):
        write_dataset(tmp_path / "set", "x", prompts, references, "ab")
    assert list(tmp_path.iterdir()) == []


def _header(folder: Path, **changes: object) -> None:
    path = folder / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _change_a_token(folder: Path) -> None:
    tokens = np.load(folder / "tokens.npy")
    tokens[-1] += 1
    np.save(folder / "tokens.npy", tokens)


def _pickle(folder: Path) -> None:
    np.save(folder / "tokens.npy", np.array([{}], dtype=object), allow_pickle=True)


SPOILT = {
    "no header": (lambda f: (f / "dataset.json").unlink(), "no dataset.json"),
    "header is no JSON": (lambda f: (f / "dataset.json").write_bytes(b"\xff{"), "dataset.json"),
    "unknown key": (lambda f: _header(f, colour="red"), "colour"),
    "wrong checksum": (lambda f: _header(f, sha256="0" * 64), "checksum"),
    "wrong count": (lambda f: _header(f, sample_count=5), "header says 5"),
    "a changed token": (_change_a_token, "checksum"),
    "a changed reference": (lambda f: (f / "references.json").write_text('["a", "b", "c", "d"]'), "checksum"),
    "references missing": (lambda f: (f / "references.json").unlink(), "lacks references.json"),
    "references are no list": (lambda f: (f / "references.json").write_text('{"a": 1}'), "list of texts"),
    "references nest deeply": (lambda f: (f / "references.json").write_text("[" * 100_000), "no JSON"),
    "tokens missing": (lambda f: (f / "tokens.npy").unlink(), "lacks tokens.npy"),
    "tokens cut short": (lambda f: (f / "tokens.npy").write_bytes(b"\x93NUMPY"), "tokens.npy"),
    "tokens of another type": (lambda f: np.save(f / "tokens.npy", np.zeros(11)), "float64"),
    "tokens hold a pickle": (_pickle, "tokens.npy"),
    "offsets run backwards": (lambda f: np.save(f / "offsets.npy", np.array([0, 3, 2, 9, 11])), "does not cut"),
    "offsets end too far": (lambda f: np.save(f / "offsets.npy", np.array([0, 3, 5, 9, 99])), "does not cut"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_folder_is_refused_with_its_reason(folder: Path, case: str) -> None:
    spoil, reason = SPOILT[case]
    spoil(folder)
    with pytest.raises(InputError) as caught:
        Dataset.open(folder)
    assert reason in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set folder"):
        Dataset.open(tmp_path / "nowhere")
