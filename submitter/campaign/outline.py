"""The outline of a benchmark: the settings of its engine and of LoadGen, from the campaign's files and the round.

Neither weights nor samples are read, so an outline takes milliseconds whatever their size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from submitter import compliance, layout
from submitter.campaign.closed import require_reference
from submitter.campaign.file import EMBEDDED, BenchmarkTable, Campaign, load_campaign, read_toml, validated
from submitter.campaign.settings import effective_settings
from submitter.embedded.benchmark import EmbeddedBenchmark, load_benchmark, model_folder
from submitter.errors import InputError
from submitter.harness.dataset import Dataset
from submitter.harness.engines import EnginePlan
from submitter.harness.loadgen import EffectiveSettings
from submitter.harness.plan import EngineSettings
from submitter.manifest import ManifestFullRun
from submitter.model import Division, Mode, Scenario
from submitter.rulebook import Rulebook, load_rulebook
from submitter.rulebook_tables import Benchmark

# For loading the engine, scoring and assembling; used only to estimate the time of the whole campaign.
OVERHEAD_S = 60.0

Settings = dict[tuple[Scenario, Mode], EffectiveSettings]


@dataclass(frozen=True, kw_only=True)
class BenchmarkOutline:
    """One benchmark of a campaign before its model and its data set are opened."""

    table: BenchmarkTable
    official: str
    """The name of the round's benchmark that it is run as."""
    rules: Benchmark
    embedded: EmbeddedBenchmark | None
    """The embedded benchmark, if the model or the data set is embedded."""
    model_folder: Path
    engine_plan: EnginePlan
    engines: dict[Scenario, EngineSettings]
    """The content of each scenario's engine.toml."""
    audits: dict[Mode, compliance.AuditPlan]
    """The compliance runs, which are the same in every scenario."""
    settings: Settings
    """LoadGen's settings for each run."""
    from_loadgen: bool
    """Whether the settings were read from LoadGen; if not, they were computed from the rule book."""

    @property
    def is_official(self) -> bool:
        """Whether it is the round's benchmark itself, and not the submitter's own model run as that benchmark."""
        return self.official == self.table.name

    def expected_s(self, sample_count: int) -> float:
        """How long its runs take in all at the target rates, in s, on a data set of `sample_count` samples."""
        return sum(e.expected_seconds(scenario, mode, sample_count) for (scenario, mode), e in self.settings.items())


def outline(campaign: Campaign, book: Rulebook, table: BenchmarkTable) -> BenchmarkOutline:
    """Outline one benchmark. InputError if its table, engine.toml, user.conf and the round contradict each other."""
    where = f"{campaign.path}: benchmark '{table.name}'"
    embedded = load_benchmark() if EMBEDDED in (table.model, table.dataset) else None
    official = table.official or (embedded.official_benchmark if embedded else table.name)
    rules = book.benchmark(official)
    audits = {audit.mode: audit for audit in compliance.runs(book, official)}
    if Scenario.INTERACTIVE in table.scenarios and rules.loadgen_model_interactive is None:
        raise InputError(f"{where}: round {book.name} has no {official} Interactive", "remove the scenario")
    if table.sample_limit is not None and not campaign.smoke:
        raise InputError(f"{where}: sample_limit is allowed in smoke runs only", "remove it, or set smoke = true")
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
    """The command and the time of the full campaign that a smoke campaign rehearses; None if it names none.

    InputError if the files of the full campaign contradict each other, or its data set is missing.
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
    """How many samples the benchmark's runs use, from the header of the data set."""
    if table.sample_limit is not None:
        return table.sample_limit
    if table.dataset == EMBEDDED:
        return load_benchmark().dataset.sample_count
    return Dataset.open(Path(table.dataset)).header.sample_count


def user_conf(table: BenchmarkTable, scenario: Scenario) -> Path:
    """The path of a scenario's user.conf, which holds LoadGen's settings."""
    return table.measurements / scenario / layout.USER_CONF


def engine_settings(table: BenchmarkTable, scenario: Scenario) -> EngineSettings:
    """The content of a scenario's engine.toml. InputError if the file is missing or has an unknown key."""
    path = table.measurements / scenario / layout.ENGINE_TOML
    data = read_toml(path, "engine settings file", "measurements/README.md describes it")
    return validated(EngineSettings, data, str(path))


def _engine_plan(
    table: BenchmarkTable,
    embedded: EmbeddedBenchmark | None,
    rules: Benchmark,
    is_official: bool,
    folder: Path,
    where: str,
) -> EnginePlan:
    """The engine's plan. Values come from the campaign, else from the embedded benchmark, else from the round.

    The end-of-sequence token depends on the model, so the round's is used only for the round's own model.
    """
    max_new_tokens = table.max_new_tokens or (embedded.max_new_tokens if embedded else rules.max_new_tokens)
    eos_token_id = table.eos_token_id
    if eos_token_id is None:
        eos_token_id = embedded.eos_token_id if embedded else rules.eos_token_id if is_official else None
    if max_new_tokens is None or eos_token_id is None:
        missing = "max_new_tokens" if max_new_tokens is None else "eos_token_id"
        raise InputError(f"{where} lacks {missing}", "take it from the model's generation_config.json or the rules")
    return EnginePlan(
        model=str(folder),
        max_new_tokens=max_new_tokens,
        min_new_tokens=rules.min_new_tokens or 1,
        eos_token_id=eos_token_id,
    )


def _settings(
    book: Rulebook, table: BenchmarkTable, official: str, audits: Mapping[Mode, compliance.AuditPlan]
) -> tuple[Settings, bool]:
    """LoadGen's settings for each run of a benchmark, and whether they were read from LoadGen."""
    settings: Settings = {}
    from_loadgen = True
    for scenario in table.scenarios:
        for mode in (Mode.PERFORMANCE, Mode.ACCURACY, *audits):
            audit = audits[mode].text if mode in audits else None
            conf = user_conf(table, scenario)
            settings[scenario, mode], from_loadgen = effective_settings(book, official, scenario, conf, audit)
    return settings, from_loadgen
