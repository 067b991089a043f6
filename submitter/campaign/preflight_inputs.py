"""The checks of preflight on what the runs read: data sets and models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from submitter.campaign.file import EMBEDDED
from submitter.campaign.inputs import open_dataset, verify_model
from submitter.campaign.outline import BenchmarkOutline, CampaignOutline
from submitter.datasets.official import by_sha256, published_for
from submitter.errors import InputError, SubmitterError
from submitter.model import Division

if TYPE_CHECKING:
    from submitter.harness.dataset import Dataset


def check_datasets(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    for benchmark in outline.benchmarks:
        path = Path(benchmark.table.dataset)
        if benchmark.table.dataset == EMBEDDED:  # the first run generates it
            yield from _embedded_dataset(outline, benchmark)
        elif not path.exists():
            published = published_for(benchmark.rules.dataset_size)
            name = published[0] if published else "FILE"
            yield InputError(f"there is no data set {path}", f"make it: submitter dataset convert {name} {path}")
        else:
            try:
                _, dataset = open_dataset(outline.campaign, benchmark.table)
            except SubmitterError as error:
                yield error
            else:
                yield from _dataset_content(outline, benchmark, dataset)


def _embedded_dataset(outline: CampaignOutline, benchmark: BenchmarkOutline) -> Iterator[SubmitterError | str]:
    if outline.campaign.division is not Division.OPEN:
        yield InputError(
            f"{outline.campaign.path}: '{benchmark.table.name}': the embedded data set is not the benchmark's",
            'name the converted data set of the round, or set division = "open"',
        )
    yield f"embedded, {benchmark.sample_count} samples"


def _dataset_content(
    outline: CampaignOutline, benchmark: BenchmarkOutline, dataset: Dataset
) -> Iterator[SubmitterError | str]:
    required = benchmark.rules.dataset_size
    if len(dataset) != required and not outline.campaign.smoke:
        yield InputError(
            f"data set {dataset.name} has {len(dataset)} samples, {benchmark.official} has {required}",
            "give the whole data set",
        )
    empty = sum(not reference.strip() for reference in dataset.references())
    if empty:
        yield InputError(
            f"data set {dataset.name}: {empty} of {len(dataset)} reference answers are empty, so no score is possible",
            "convert the data set again, from the file of MLCommons",
        )
    source = dataset.header.source_sha256
    known = by_sha256(source) if source else None
    published = published_for(required)
    is_closed = outline.campaign.division is not Division.OPEN and not outline.campaign.smoke
    if is_closed and published and (known is None or known[0] != published[0]):
        was = f"was converted from {known[0]}" if known else "was not converted from a file that MLCommons publishes"
        yield InputError(
            f"data set {dataset.name} {was}; {benchmark.official} requires {published[0]}",
            f"submitter dataset verify {published[0]}, then convert it to {benchmark.table.dataset}",
        )
    origin = f", from {known[0]} of MLCommons" if known else ""
    if source and not known:
        origin = ", from a file that is not among those of MLCommons"
    yield f"{dataset.name}, {len(dataset)} samples, checksum correct{origin}"


def check_models(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    for benchmark in outline.benchmarks:
        if not benchmark.model_folder.exists():
            yield InputError(
                f"there is no checkpoint folder {benchmark.model_folder}",
                f"make it from the reference checkpoint: submitter quantize REFERENCE {benchmark.model_folder}; "
                "or name the folder of your checkpoint",
            )
            continue
        try:
            yield f"{benchmark.model_folder.name}, {verify_model(benchmark)}, complete"
        except SubmitterError as error:
            yield error
