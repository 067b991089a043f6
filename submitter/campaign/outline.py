"""What a campaign's files and its round say of each benchmark: the settings of the engine and of LoadGen.

Neither the weights nor the samples are read, so an outline costs milliseconds, whatever their size.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from submitter import compliance, layout
from submitter.campaign.closed import require_reference
from submitter.campaign.file import EMBEDDED, BenchmarkTable, Campaign, load_campaign, validated
from submitter.campaign.settings import effective_settings
from submitter.embedded.benchmark import EmbeddedBenchmark, load_benchmark, model_folder
from submitter.errors import InputError
from submitter.harness.dataset import Dataset
from submitter.harness.engines import EnginePlan
from submitter.harness.loadgen import EffectiveSettings
from submitter.harness.plan import EngineSettings
from submitter.manifest import ManifestFullRun
from submitter.model import Division, Mode, Scenario
from submitter.rulebook import Benchmark, Rulebook, load_rulebook

# Loading an engine, scoring and assembling, in s: only for the estimate of the whole.
OVERHEAD_S = 60.0

Settings = dict[tuple[Scenario, Mode], EffectiveSettings]


@dataclass(frozen=True, kw_only=True)
class BenchmarkOutline:
    """One benchmark of a campaign before its model and its data set are opened."""

    table: BenchmarkTable
    official: str
    """The round's benchmark that it is run as."""
    rules: Benchmark
    embedded: EmbeddedBenchmark | None
    """The benchmark that ships with us, where the model or the data set is its own."""
    model_folder: Path
    engine_plan: EnginePlan
    engines: dict[Scenario, EngineSettings]
    audits: dict[Mode, compliance.AuditPlan]
    """The compliance runs of each scenario."""
    settings: Settings
    """LoadGen's, for each run."""
    from_loadgen: bool
    """Whether LoadGen itself gave them; else they are worked out from the rule book."""

    @property
    def is_official(self) -> bool:
        """Whether it is the round's own benchmark, not a submitter's model that is run as one."""
        return self.official == self.table.name

    def expected_s(self, sample_count: int) -> float:
        """How long its runs take at the target rates, on a data set of so many samples."""
        return sum(e.expected_seconds(scenario, mode, sample_count) for (scenario, mode), e in self.settings.items())


def outline(campaign: Campaign, book: Rulebook, table: BenchmarkTable) -> BenchmarkOutline:
    """InputError where the table, the scenarios' engine.toml and user.conf, and the round do not fit together."""
    where = f"{campaign.path}: benchmark '{table.name}'"
    embedded = load_benchmark() if EMBEDDED in (table.model, table.dataset) else None
    official = table.official or (embedded.official_benchmark if embedded else table.name)
    rules = book.benchmark(official)
    audits = {audit.mode: audit for audit in compliance.runs(book, official)}
    if Scenario.INTERACTIVE in table.scenarios and rules.loadgen_model_interactive is None:
        raise InputError(f"{where}: round {book.name} has no {official} Interactive", "leave the scenario out")
    if table.sample_limit is not None and not campaign.smoke:
        raise InputError(f"{where}: sample_limit is for smoke runs", "remove it, or set smoke = true")
    engines = {scenario: engine_settings(table, scenario) for scenario in table.scenarios}
    if campaign.division is not Division.OPEN:
        require_reference(table, rules, engines)
    folder = model_folder() if table.model == EMBEDDED else Path(table.model)
    settings, from_loadgen = _settings(book, table, official, audits)
    return BenchmarkOutline(
        table=table,
        official=official,
        rules=rules,
        embedded=embedded,
        model_folder=folder,
        engine_plan=_engine_plan(table, embedded, rules, official == table.name, folder, where),
        engines=engines,
        audits=audits,
        settings=settings,
        from_loadgen=from_loadgen,
    )


def expected_full_run(campaign: Campaign) -> ManifestFullRun | None:
    """The campaign that makes for real what a smoke campaign rehearses, and its time; None where it names none.

    InputError where that campaign does not fit together, or its data set is missing.
    """
    if not campaign.smoke or campaign.full_run is None:
        return None
    try:
        full = load_campaign(campaign.full_run)
        book = load_rulebook(full.round)
        runs_s = sum(outline(full, book, table).expected_s(_sample_count(table)) for table in full.benchmarks)
    except InputError as error:
        raise InputError(f"full_run: {error.message}", error.hint) from None
    return ManifestFullRun(command=full.command, expected_s=round(OVERHEAD_S + runs_s))


def _sample_count(table: BenchmarkTable) -> int:
    """How many samples its runs have, by the header of the data set."""
    if table.sample_limit is not None:
        return table.sample_limit
    if table.dataset == EMBEDDED:
        return load_benchmark().dataset.sample_count
    return Dataset.open(Path(table.dataset)).header.sample_count


def user_conf(table: BenchmarkTable, scenario: Scenario) -> Path:
    """The file of LoadGen's settings for a scenario."""
    return table.measurements / scenario / layout.USER_CONF


def engine_settings(table: BenchmarkTable, scenario: Scenario) -> EngineSettings:
    """`engine.toml` of a scenario; InputError if it is missing or has a key nobody knows."""
    path = table.measurements / scenario / layout.ENGINE_TOML
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing", "measurements/README.md says what it holds") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} is no TOML file: {error}", "measurements/README.md says what it holds") from None
    return validated(EngineSettings, data, str(path))


def _engine_plan(
    table: BenchmarkTable,
    embedded: EmbeddedBenchmark | None,
    rules: Benchmark,
    is_official: bool,
    folder: Path,
    where: str,
) -> EnginePlan:
    """What the engine is told of the model. The campaign's word counts, then the embedded benchmark's, then the rules'.

    Where an answer ends is a model's own affair, so the rules speak for their own model only.
    """
    max_new_tokens = table.max_new_tokens or (embedded.max_new_tokens if embedded else rules.max_new_tokens)
    eos_token_id = table.eos_token_id
    if eos_token_id is None:
        eos_token_id = embedded.eos_token_id if embedded else rules.eos_token_id if is_official else None
    if max_new_tokens is None or eos_token_id is None:
        missing = "max_new_tokens" if max_new_tokens is None else "eos_token_id"
        raise InputError(f"{where} lacks {missing}", "its generation_config.json or the rules have it")
    return EnginePlan(
        model=str(folder),
        max_new_tokens=max_new_tokens,
        min_new_tokens=rules.min_new_tokens or 1,
        eos_token_id=eos_token_id,
    )


def _settings(
    book: Rulebook, table: BenchmarkTable, official: str, audits: Mapping[Mode, compliance.AuditPlan]
) -> tuple[Settings, bool]:
    """LoadGen's settings of each run of a benchmark, and whether LoadGen itself gave them."""
    settings: Settings = {}
    from_loadgen = True
    for scenario in table.scenarios:
        for mode in (Mode.PERFORMANCE, Mode.ACCURACY, *audits):
            audit = audits[mode].text if mode in audits else None
            conf = user_conf(table, scenario)
            settings[scenario, mode], from_loadgen = effective_settings(book, official, scenario, conf, audit)
    return settings, from_loadgen
