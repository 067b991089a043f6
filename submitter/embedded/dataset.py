"""Makes the embedded benchmark's data set from the texts' generator and the shipped tokenizer."""

from __future__ import annotations

from pathlib import Path

from submitter.embedded import texts
from submitter.embedded.benchmark import load_benchmark, model_folder
from submitter.errors import InputError, NotInstalledError
from submitter.harness.dataset import Dataset, write_dataset
from submitter.record import sha256_of


def prepare(path: Path) -> Path:
    """The data set's file, written at `path` unless a right one is there already; it takes some 5 seconds.

    InputError if what the generator makes is not the data set whose checksum `benchmark.toml` records: scores
    would then not be comparable with the recorded reference.
    """
    recorded = load_benchmark().dataset
    if _is_there(path, recorded.sha256):
        return path
    made = generate(path, recorded.name, model_folder() / "tokenizer.json", recorded.sample_count)
    if made != recorded.sha256:
        raise InputError(
            f"the generated data set {recorded.name} has checksum {made}, benchmark.toml records {recorded.sha256}",
            "this copy of submitter is changed or damaged: install it again",
        )
    return path


def generate(path: Path, name: str, tokenizer_file: Path, sample_count: int) -> str:
    """Write the first `sample_count` samples as a data set file; returns its checksum."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise NotInstalledError("tokenizers is not installed", "pip install 'submitter[score]'") from None
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


def _is_there(path: Path, sha256: str) -> bool:
    try:
        dataset = Dataset.open(path)
        dataset.verify()
    except InputError:
        return False
    return dataset.sha256 == sha256
