"""From a campaign to what will be done: every run with its settings, sample count and time. Nothing is run here."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from submitter import compliance, layout
from submitter.campaign.closed import require_reference
from submitter.campaign.file import EMBEDDED, BenchmarkTable, Campaign, validated
from submitter.campaign.settings import effective_settings
from submitter.embedded.benchmark import EmbeddedBenchmark, load_benchmark, model_folder
from submitter.embedded.dataset import prepare
from submitter.errors import InputError
from submitter.harness.checkpoint import verify_checkpoint, weight_data_type
from submitter.harness.dataset import SUFFIX, Dataset
from submitter.harness.engines import EnginePlan
from submitter.harness.loadgen import EffectiveSettings
from submitter.harness.plan import EngineSettings, RunPlan, SessionPlan
from submitter.model import Division, Mode, ResultKey, Scenario
from submitter.quantize import check_scales
from submitter.record import DatasetFacts, ModelFacts
from submitter.rulebook import Benchmark, Rulebook, Target, load_rulebook
from submitter.weights import checkpoint_sha256

ENGINE_TOML = "engine.toml"
# Loading an engine, scoring and assembling, in s: only for the estimate of the whole.
_OVERHEAD_S = 60.0

Settings = dict[tuple[Scenario, Mode], EffectiveSettings]


@dataclass(frozen=True)
class BenchmarkPlan:
    """One benchmark of a campaign with everything looked up: sessions share an engine where settings allow it.

    `settings` are LoadGen's for each run; `from_loadgen` says whether LoadGen itself gave them.
    """

    table: BenchmarkTable
    official: str
    model: ModelFacts
    model_folder: Path
    dataset: Dataset
    accuracy_target: dict[str, float]
    eos_token_id: int
    sessions: tuple[SessionPlan, ...]
    settings: Settings
    from_loadgen: bool

    def key(self, campaign: Campaign, scenario: Scenario) -> ResultKey:
        return ResultKey(campaign.division, campaign.submitter, campaign.system.id, self.table.name, scenario)

    @property
    def dataset_facts(self) -> DatasetFacts:
        return DatasetFacts(name=self.dataset.name, sample_count=len(self.dataset), sha256=self.dataset.sha256)


@dataclass(frozen=True)
class CampaignPlan:
    """Everything run-all will do."""

    campaign: Campaign
    book: Rulebook
    benchmarks: tuple[BenchmarkPlan, ...]

    @property
    def runs(self) -> list[tuple[BenchmarkPlan, SessionPlan, RunPlan]]:
        return [(b, session, run) for b in self.benchmarks for session in b.sessions for run in session.runs]

    @property
    def expected_s(self) -> float:
        return _OVERHEAD_S + sum(run.expected_s for _, _, run in self.runs)

    @property
    def command(self) -> str:
        """What reproduces this campaign, as a user would type it."""
        return f"submitter run-all {shlex.quote(shown(self.campaign.path))}"


def shown(path: Path) -> str:
    """A path as a user would type it here."""
    resolved, here = path.resolve(), Path.cwd()
    return str(resolved.relative_to(here)) if resolved.is_relative_to(here) else str(resolved)


def run_folder(campaign: Campaign, benchmark: str, scenario: Scenario, mode: Mode) -> Path:
    """Where the logs and the record of a finished run lie."""
    return campaign.runs_folder / campaign.system.id / benchmark / scenario / mode


def make_plan(campaign: Campaign) -> CampaignPlan:
    """Look up and predict everything; InputError where the campaign, its files or the round do not fit together."""
    book = load_rulebook(campaign.round)
    return CampaignPlan(campaign, book, tuple(_benchmark(campaign, book, table) for table in campaign.benchmarks))


def _benchmark(campaign: Campaign, book: Rulebook, table: BenchmarkTable) -> BenchmarkPlan:
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
    verify_checkpoint(folder)
    check_scales(folder)
    embedded_file = campaign.output / "data" / f"{EMBEDDED}{SUFFIX}"
    dataset_file = prepare(embedded_file) if table.dataset == EMBEDDED else Path(table.dataset)
    whole = Dataset.open(dataset_file)
    whole.verify()
    dataset = whole if table.sample_limit is None else whole.subset(table.sample_limit)
    is_official = official == table.name
    engine_plan = _engine_plan(table, embedded, rules, is_official, folder, where)
    targets = _targets(table, embedded, rules if is_official else None)
    settings, from_loadgen = _settings(book, table, official, audits)
    runs = [
        RunPlan(
            scenario=scenario,
            mode=mode,
            loadgen_model=rules.loadgen_model_for(scenario),
            user_conf=_user_conf(table, scenario),
            folder=run_folder(campaign, table.name, scenario, mode),
            audit=dict(audits[mode].settings) if mode in audits else None,
            expected_samples=effective.expected_samples(scenario, mode, len(dataset)),
            expected_s=effective.expected_seconds(scenario, mode, len(dataset)),
        )
        for (scenario, mode), effective in settings.items()
    ]
    return BenchmarkPlan(
        table=table,
        official=official,
        model=ModelFacts(
            name=folder.name if table.model != EMBEDDED else table.name,
            sha256=checkpoint_sha256(folder),
            weight_data_types=weight_data_type(folder),
        ),
        model_folder=folder,
        dataset=dataset,
        accuracy_target={**{metric: target.lower for metric, target in targets.items()}, **table.accuracy_target},
        eos_token_id=engine_plan.eos_token_id,
        sessions=tuple(
            SessionPlan(
                engine=engine,
                engine_plan=engine_plan,
                dataset=dataset_file,
                sample_limit=table.sample_limit,
                runs=tuple(run for run in runs if engines[run.scenario] == engine),
            )
            for engine in _different(engines.values())
        ),
        settings=settings,
        from_loadgen=from_loadgen,
    )


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


def _user_conf(table: BenchmarkTable, scenario: Scenario) -> Path:
    return table.measurements / scenario / layout.USER_CONF


def _settings(
    book: Rulebook, table: BenchmarkTable, official: str, audits: Mapping[Mode, compliance.AuditPlan]
) -> tuple[Settings, bool]:
    """LoadGen's settings of each run of a benchmark, and whether LoadGen itself gave them."""
    settings: Settings = {}
    from_loadgen = True
    for scenario in table.scenarios:
        for mode in (Mode.PERFORMANCE, Mode.ACCURACY, *audits):
            audit = audits[mode].text if mode in audits else None
            conf = _user_conf(table, scenario)
            settings[scenario, mode], from_loadgen = effective_settings(book, official, scenario, conf, audit)
    return settings, from_loadgen


def _different(engines: Iterable[EngineSettings]) -> list[EngineSettings]:
    different: list[EngineSettings] = []
    for engine in engines:
        if engine not in different:
            different.append(engine)
    return different


def _targets(table: BenchmarkTable, embedded: EmbeddedBenchmark | None, rules: Benchmark | None) -> dict[str, Target]:
    """What the scores must reach: none where nobody knows the reference's scores on these samples."""
    if embedded and table.sample_limit == embedded.reference.quick_sample_count:
        return embedded.quick_accuracy
    if table.sample_limit is not None:
        return {}
    return embedded.accuracy if embedded else rules.accuracy if rules else {}


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
