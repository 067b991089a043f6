"""What the header of a benchmark's data set states. The samples themselves are not read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from submitter.campaign.file import EMBEDDED, BenchmarkTable
from submitter.embedded.benchmark import load_benchmark
from submitter.errors import InputError, NotInstalledError
from submitter.rulebook_tables import Benchmark

if TYPE_CHECKING:
    from submitter.harness.dataset import DatasetHeader


def sample_count(table: BenchmarkTable, rules: Benchmark) -> int:
    """How many samples an accuracy run has; the round's number if the data set is not there yet."""
    try:
        return known_sample_count(table)
    except (InputError, NotInstalledError):  # preflight reports it
        return rules.dataset_size


def longest_prompt_tokens(table: BenchmarkTable) -> int:
    """The longest prompt, in tokens; 0 if the data set is not there yet."""
    if table.dataset == EMBEDDED:
        return 0
    try:
        return _header(table).max_prompt_tokens
    except (InputError, NotInstalledError):  # preflight reports it
        return 0


def known_sample_count(table: BenchmarkTable) -> int:
    """How many samples an accuracy run has, from the header of the data set."""
    if table.sample_limit is not None:
        return table.sample_limit
    if table.dataset == EMBEDDED:
        return load_benchmark().dataset.sample_count
    return _header(table).sample_count


def _header(table: BenchmarkTable) -> DatasetHeader:
    from submitter.harness.dataset import Dataset

    return Dataset.open(Path(table.dataset)).header
