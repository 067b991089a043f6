"""Templates of the documents that only a person can complete, with the known facts filled in.

Existing files are not changed. What is not known is marked, and `submitter plan` names every mark.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from submitter import documents, layout, system
from submitter.campaign.file import BenchmarkTable, Campaign
from submitter.campaign.measurements import engine_settings, user_conf
from submitter.campaign.settings import effective_settings
from submitter.datasets.official import published_for
from submitter.documents import todo
from submitter.errors import InputError, SubmitterError
from submitter.harness.checkpoint import weight_data_type
from submitter.harness.dataset import Dataset
from submitter.model import Division, Scenario
from submitter.record import json_text, write_atomically
from submitter.rulebook import Rulebook, load_rulebook
from submitter.system import network_cards
from submitter.version import VERSION

_CALIBRATION, _BANDWIDTH = "calibration.md", "bandwidth.md"
_TOKEN_BYTES = 4  # we send int32


def write_templates(campaign: Campaign) -> list[Path]:
    """Write each missing document of the campaign; returns the paths of those written.

    InputError if the campaign names no documentation folder, or a benchmark that its round does not have.
    """
    if campaign.documentation is None:
        raise InputError(
            f"{campaign.path} names no documentation folder", 'add documentation = "documentation/..." at its top'
        )
    found = missing_documents(campaign)
    for path, content in found.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    return list(found)


def missing_documents(campaign: Campaign) -> dict[Path, bytes]:
    """The content of each document that does not exist yet, by path; nothing is written.

    InputError if the campaign names a benchmark that its round does not have.
    """
    book = load_rulebook(campaign.round)
    makers: dict[Path, Callable[[], str]] = {}
    if campaign.documentation is not None:
        makers[campaign.documentation / _CALIBRATION] = partial(_calibration, campaign)
        makers[campaign.documentation / _BANDWIDTH] = partial(_bandwidth, campaign, book)
    makers[campaign.system.description] = partial(_description, campaign)
    for table in campaign.benchmarks:
        for scenario in table.scenarios:
            folder = table.measurements / scenario
            makers[folder / layout.README] = partial(_readme, campaign, book, table, scenario)
            makers[folder / layout.MEASUREMENTS_JSON] = partial(_measurements, campaign, book, table)
    return {path: make().encode() for path, make in makers.items() if not path.exists()}


def _description(campaign: Campaign) -> str:
    """The fields of the system's description that cannot be read from this host, each marked."""
    detected = {**system.describe(), "division": str(campaign.division), "submitter": campaign.submitter}
    return json_text(system.marked(system.missing(detected)))


def _measurements(campaign: Campaign, book: Rulebook, table: BenchmarkTable) -> str:
    known = {
        "input_data_types": "int32",
        "weight_data_types": _weights(table),
        "weight_transformations": f"see documentation/{_CALIBRATION}",
    }
    if campaign.division is not Division.OPEN:
        known["retraining"] = "No"  # inference_rules.adoc, section Closed Division: calibration, no retraining
    return json_text(
        {name: known.get(name, todo(name.replace("_", " "))) for name in book.measurements.required_fields}
    )


def _weights(table: BenchmarkTable) -> str:
    try:
        return weight_data_type(Path(table.model))
    except SubmitterError:
        return todo("the format of the weights")


def _calibration(campaign: Campaign) -> str:
    """The document that `submitter quantize` wrote into the model's folder, if there is one; else a template."""
    for table in campaign.benchmarks:
        written = Path(table.model) / _CALIBRATION
        if written.is_file():
            return written.read_text("utf-8")
    models = "".join(
        f"- {table.name}: `{Path(table.model).name}`, {_weights(table)}\n" for table in campaign.benchmarks
    )
    return documents.rendered(_CALIBRATION, {"models": models})


def _bandwidth(campaign: Campaign, book: Rulebook) -> str:
    """The data rates that the rules derive from throughput, for the longest prompts and answers: never too low."""
    rows = []
    for table in campaign.benchmarks:
        official = table.official or table.name
        out_tokens = table.max_new_tokens or book.benchmark(official).max_new_tokens or 0
        published = published_for(book.benchmark(official).dataset_size)
        try:
            in_tokens = Dataset.open(Path(table.dataset)).header.max_prompt_tokens
        except SubmitterError:
            in_tokens = (published and published[1].max_prompt_tokens) or 0
        for scenario in table.scenarios:
            try:
                rate = effective_settings(book, official, scenario, user_conf(table, scenario))[0].target_qps
            except SubmitterError:
                rate = 0.0
            cells = [table.name, str(scenario), f"{rate:g}" if rate else todo("samples/s")]
            for tokens, what in ((in_tokens, "the longest prompt, in tokens"), (out_tokens, "the longest answer")):
                known = f"{tokens * _TOKEN_BYTES * rate:,.0f}" if tokens and rate else todo("bytes/s")
                cells += [f"{tokens} tokens" if tokens else todo(what), known]
            rows.append(f"| {' | '.join(cells)} |")
    return documents.rendered(_BANDWIDTH, {"rows": "\n".join(rows), "cards": _network_cards()})


def _network_cards() -> str:
    """A table of the network cards that Linux shows on this host, and how they are connected; empty without any."""
    cards = network_cards.found()
    if not cards:
        return ""
    rows = "".join(
        f"| {card.interfaces or 'none'} | {card.name} | {card.link or 'unknown'} | {card.rdma or 'none'} "
        f"| {card.host_link or 'unknown'} |\n"
        for card in cards
    )
    return (
        "Linux shows these network cards on the host where this document was begun:\n\n"
        f"| interface | card | link | RDMA device | to the host |\n|---|---|---|---|---|\n{rows}\n"
    )


def _convert_command(table: BenchmarkTable) -> str:
    """The command that converted the data set, from the header of its file."""
    try:
        header = Dataset.open(Path(table.dataset)).header
    except SubmitterError:
        header = None
    if header is None or not header.source:
        return todo("where its files come from, and the command that converted them")
    command = f"submitter dataset convert {header.source} {Path(table.dataset).name}"
    return f"`{command}`;\n   the SHA-256 of {header.source} is {header.source_sha256}"


def _readme(campaign: Campaign, book: Rulebook, table: BenchmarkTable, scenario: Scenario) -> str:
    try:
        engine = engine_settings(table, scenario).engine
    except InputError:  # the outline of the campaign reports it
        engine = todo("the engine")
    facts = {
        "system": campaign.system.id,
        "benchmark": table.name,
        "scenario": str(scenario),
        "round": campaign.round,
        "division": str(campaign.division),
        "engine": str(engine),
        "version": VERSION,
        "loadgen": book.round.loadgen_package,
        "dataset": Path(table.dataset).name,
        "dataset_made": _convert_command(table),
        "model": Path(table.model).name,
        "command": campaign.published_command,
        "loadgen_model": book.benchmark(table.official or table.name).loadgen_model_for(scenario),
    }
    return documents.rendered(layout.README, facts)
