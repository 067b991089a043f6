"""Opens what a benchmark's runs read: the model's checkpoint and the data set. Both are verified."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from submitter.campaign.file import EMBEDDED, BenchmarkTable, Campaign
from submitter.campaign.outline import BenchmarkOutline
from submitter.harness.checkpoint import verify_checkpoint, weight_data_type
from submitter.quantize import check_scales

if TYPE_CHECKING:
    from submitter.harness.dataset import Dataset


def verify_model(benchmark: BenchmarkOutline) -> str:
    """The type of the model's weights. InputError if its checkpoint is incomplete, as far as its headers show."""
    verify_checkpoint(benchmark.model_folder)
    check_scales(benchmark.model_folder)
    return weight_data_type(benchmark.model_folder)


def open_dataset(campaign: Campaign, table: BenchmarkTable, scratch: Path | None = None) -> tuple[Path, Dataset]:
    """The file of a benchmark's data set, and the samples of its runs. InputError if its content is wrong.

    The embedded data set is generated first, if it is not there yet: in the campaign's output, or in `scratch`.
    """
    from submitter.embedded.dataset import prepare
    from submitter.harness.dataset import SUFFIX, Dataset

    embedded_file = campaign.output / "data" / f"{EMBEDDED}{SUFFIX}"
    if scratch is not None and table.dataset == EMBEDDED:
        copy = scratch / embedded_file.name
        if embedded_file.is_file():
            shutil.copyfile(embedded_file, copy)
        embedded_file = copy
    file = prepare(embedded_file) if table.dataset == EMBEDDED else Path(table.dataset)
    whole = Dataset.open(file)
    whole.verify()
    return file, whole if table.sample_limit is None else whole.subset(table.sample_limit)
