"""The embedded benchmark's data: `benchmark.toml`, and the folder of the model that ships with it."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path

from submitter.rulebook_tables import Target
from submitter.strict_record import StrictRecord


class DatasetIdentity(StrictRecord):
    """The data set that the generator must make; `sha256` is the checksum that `harness.dataset` computes."""

    name: str
    sample_count: int
    sha256: str


class Reference(StrictRecord):
    """Scores of greedy bf16 answers: for the whole data set, and for its first `quick_sample_count` samples."""

    command: str
    scores: dict[str, float]
    quick_sample_count: int
    quick_scores: dict[str, float]


class EmbeddedBenchmark(StrictRecord):
    """The benchmark; lengths are in tokens. `floor` has the scores of answers of the right form with other words."""

    name: str
    statement: str
    official_benchmark: str
    max_new_tokens: int
    min_new_tokens: int
    eos_token_id: int
    dataset: DatasetIdentity
    reference: Reference
    floor: dict[str, float]
    factors: dict[str, float]
    upper_factors: dict[str, float]

    @property
    def accuracy(self) -> dict[str, Target]:
        """The target of every checked metric for the whole data set, in the form of a round's file."""
        return self._targets(self.reference.scores)

    @property
    def quick_accuracy(self) -> dict[str, Target]:
        """The same for the first `reference.quick_sample_count` samples only."""
        return self._targets(self.reference.quick_scores)

    def _targets(self, scores: dict[str, float]) -> dict[str, Target]:
        return {
            metric: Target(reference=scores[metric], factor=factor, upper_factor=self.upper_factors.get(metric))
            for metric, factor in self.factors.items()
        }


def model_folder() -> Path:
    """The folder of the FP8 checkpoint and tokenizer that ship with the package."""
    return Path(str(resources.files("submitter.embedded"))) / "model"


@cache
def load_benchmark() -> EmbeddedBenchmark:
    text = resources.files("submitter.embedded").joinpath("benchmark.toml").read_text("utf-8")
    return EmbeddedBenchmark.model_validate(tomllib.loads(text))
