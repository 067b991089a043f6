"""Creates the embedded benchmark's data set with the text generator and the shipped tokenizer."""

from __future__ import annotations

from pathlib import Path

from submitter import packages
from submitter.embedded import texts
from submitter.embedded.benchmark import load_benchmark, model_folder
from submitter.errors import InputError
from submitter.harness.dataset import Dataset, write_dataset
from submitter.record import sha256_of


def prepare(path: Path) -> Path:
    """Write the data set to `path`, in about 5 s, unless it is already there; returns `path`.

    InputError if the generated data set does not have the checksum that `benchmark.toml` records: its scores could not
    be compared with the recorded reference.
    """
    recorded = load_benchmark().dataset
    if _has_checksum(path, recorded.sha256):
        return path
    made = generate(path, recorded.name, model_folder() / "tokenizer.json", recorded.sample_count)
    if made != recorded.sha256:
        raise InputError(
            f"the generated data set {recorded.name} has checksum {made}, benchmark.toml records {recorded.sha256}",
            "install submitter again: this copy is changed or damaged",
        )
    return path


def generate(path: Path, name: str, tokenizer_file: Path, sample_count: int) -> str:
    """Write the first `sample_count` samples as a data set file; returns its checksum."""
    with packages.required(packages.SCORING, "tokenizers"):
        from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    samples = [texts.sample(index) for index in range(sample_count)]
    encodings = tokenizer.encode_batch_fast([sample.prompt for sample in samples])
    header = write_dataset(
        path,
        name,
        (encoding.ids for encoding in encodings),
        [sample.answer.strip() for sample in samples],
        sha256_of(tokenizer_file),
    )
    return header.sha256


def _has_checksum(path: Path, sha256: str) -> bool:
    try:
        dataset = Dataset.open(path)
        dataset.verify()
    except InputError:
        return False
    return dataset.sha256 == sha256
