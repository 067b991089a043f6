"""The checks of preflight on what the runs read: data sets and models."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from submitter import scoring
from submitter.campaign.file import EMBEDDED, BenchmarkTable
from submitter.campaign.identity import mismatches, model_problems
from submitter.campaign.inputs import open_dataset, verify_model
from submitter.campaign.outline import BenchmarkOutline, CampaignOutline
from submitter.campaign.preflight_servers import ENDPOINT
from submitter.datasets.official import by_sha256, published_for
from submitter.embedded.benchmark import model_folder
from submitter.errors import InputError, SubmitterError
from submitter.harness import engines
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
            hint = (
                f"make it from the reference checkpoint: submitter quantize REFERENCE {benchmark.model_folder}; "
                "or name the folder of your checkpoint"
            )
            if any(engine.engine == ENDPOINT for engine in benchmark.distinct_engines):
                hint = "name the folder of the checkpoint that the servers serve; a ready set has its commands"
            yield InputError(f"there is no checkpoint folder {benchmark.model_folder}", hint)
            continue
        try:
            data_type = verify_model(benchmark)
        except SubmitterError as error:
            yield error
            continue
        other = ""
        if _serves_a_model(benchmark):
            others = yield from _identity(outline, benchmark)
            other = "".join(f"; warning: {error.message}" for error in others)
        yield f"{benchmark.model_folder.name}, {data_type}, complete{other}"


def check_scoring(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    """Scores made-up answers with each model's tokenizer, so that no run is made whose answers cannot be scored."""
    for benchmark in outline.benchmarks:
        # Without a model the embedded one's tokenizer shows whether the packages are there.
        folder = benchmark.model_folder if benchmark.model_folder.exists() else model_folder()
        try:
            yield scoring.try_out(folder)
        except InputError as error:
            if not _serves_a_model(benchmark):  # else the check of the models reports the tokenizer
                yield error


def _serves_a_model(benchmark: BenchmarkOutline) -> bool:
    return any(engines.serves_a_model(each.engine, each.settings) for each in benchmark.distinct_engines)


def _identity(
    outline: CampaignOutline, benchmark: BenchmarkOutline
) -> Generator[SubmitterError | str, None, list[InputError]]:
    """Yields why the model, its tokenizer and the data set are not the benchmark's, or do not belong together.

    Returns what is only a warning: another model in the open division or in a rehearsal.
    """
    if benchmark.engine_plan is None:
        return []
    eos_token_id = benchmark.engine_plan.eos_token_id
    dataset = _dataset_to_compare(benchmark.table)
    yield from mismatches(benchmark.model_folder, eos_token_id, dataset)
    if not benchmark.is_official:
        return []
    others = model_problems(benchmark.model_folder, outline.book, benchmark.official, eos_token_id, dataset)
    if outline.campaign.division is Division.OPEN or outline.campaign.smoke:
        return others
    yield from others
    return []


def _dataset_to_compare(table: BenchmarkTable) -> Dataset | None:
    """The data set, mapped only; None if it is embedded or cannot be read, which the check of the data sets reports."""
    if table.dataset == EMBEDDED:
        return None
    from submitter.harness.dataset import Dataset

    try:
        return Dataset.open(Path(table.dataset))
    except SubmitterError:
        return None
