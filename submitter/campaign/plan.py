"""From a campaign to what will be done: every run with its settings, sample count and time. Nothing is run here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from submitter.campaign.file import EMBEDDED, BenchmarkTable, Campaign
from submitter.campaign.outline import OVERHEAD_S, BenchmarkOutline, outline, user_conf
from submitter.embedded.dataset import prepare
from submitter.harness.checkpoint import verify_checkpoint, weight_data_type
from submitter.harness.dataset import SUFFIX, Dataset
from submitter.harness.plan import EngineSettings, RunPlan, SessionPlan
from submitter.model import Mode, Scenario
from submitter.quantize import check_scales
from submitter.record import DatasetFacts, ModelFacts
from submitter.rulebook import Rulebook, Target, load_rulebook
from submitter.weights import checkpoint_sha256


@dataclass(frozen=True, kw_only=True)
class BenchmarkPlan(BenchmarkOutline):
    """One benchmark of a campaign with everything looked up."""

    model: ModelFacts
    dataset: Dataset
    """As it is run: the first `sample_limit` samples where the campaign sets one."""
    accuracy_target: dict[str, float]
    """The lowest allowed value of each metric that has one."""
    sessions: tuple[SessionPlan, ...]
    """One for each engine to load: scenarios share one where their settings allow it."""

    @property
    def dataset_facts(self) -> DatasetFacts:
        return DatasetFacts(name=self.dataset.name, sample_count=len(self.dataset), sha256=self.dataset.sha256)


@dataclass(frozen=True, kw_only=True)
class CampaignPlan:
    """Everything run-all will do."""

    campaign: Campaign
    book: Rulebook
    benchmarks: tuple[BenchmarkPlan, ...]

    @property
    def runs(self) -> list[tuple[BenchmarkPlan, SessionPlan, RunPlan]]:
        """Every run in the order in which they are made."""
        return [(b, session, run) for b in self.benchmarks for session in b.sessions for run in session.runs]

    @property
    def expected_s(self) -> float:
        """How long all of it takes at the target rates, loading, scoring and assembly included."""
        return OVERHEAD_S + sum(run.expected_s for _, _, run in self.runs)


def run_folder(campaign: Campaign, benchmark: str, scenario: Scenario, mode: Mode) -> Path:
    """Where the logs and the record of a finished run lie."""
    return campaign.runs_folder / campaign.system.id / benchmark / scenario / mode


def make_plan(campaign: Campaign) -> CampaignPlan:
    """Look up and predict everything; InputError where the campaign, its files or the round do not fit together."""
    book = load_rulebook(campaign.round)
    benchmarks = tuple(_benchmark(campaign, book, table) for table in campaign.benchmarks)
    return CampaignPlan(campaign=campaign, book=book, benchmarks=benchmarks)


def _benchmark(campaign: Campaign, book: Rulebook, table: BenchmarkTable) -> BenchmarkPlan:
    found = outline(campaign, book, table)
    folder = found.model_folder
    verify_checkpoint(folder)
    check_scales(folder)
    embedded_file = campaign.output / "data" / f"{EMBEDDED}{SUFFIX}"
    dataset_file = prepare(embedded_file) if table.dataset == EMBEDDED else Path(table.dataset)
    whole = Dataset.open(dataset_file)
    whole.verify()
    dataset = whole if table.sample_limit is None else whole.subset(table.sample_limit)
    runs = [
        RunPlan(
            scenario=scenario,
            mode=mode,
            loadgen_model=found.rules.loadgen_model_for(scenario),
            user_conf=user_conf(table, scenario),
            folder=run_folder(campaign, table.name, scenario, mode),
            audit=dict(found.audits[mode].settings) if mode in found.audits else None,
            expected_samples=effective.expected_samples(scenario, mode, len(dataset)),
            expected_s=effective.expected_seconds(scenario, mode, len(dataset)),
        )
        for (scenario, mode), effective in found.settings.items()
    ]
    return BenchmarkPlan(
        **vars(found),
        model=ModelFacts(
            name=folder.name if table.model != EMBEDDED else table.name,
            sha256=checkpoint_sha256(folder),
            weight_data_types=weight_data_type(folder),
        ),
        dataset=dataset,
        accuracy_target={
            **{metric: target.lower for metric, target in _targets(found).items()},
            **table.accuracy_target,
        },
        sessions=tuple(
            SessionPlan(
                engine=engine,
                engine_plan=found.engine_plan,
                dataset=dataset_file,
                sample_limit=table.sample_limit,
                runs=tuple(run for run in runs if found.engines[run.scenario] == engine),
            )
            for engine in _different(found.engines.values())
        ),
    )


def _different(engines: Iterable[EngineSettings]) -> list[EngineSettings]:
    different: list[EngineSettings] = []
    for engine in engines:
        if engine not in different:
            different.append(engine)
    return different


def _targets(found: BenchmarkOutline) -> dict[str, Target]:
    """What the scores must reach: none where nobody knows the reference's scores on these samples."""
    embedded, sample_limit = found.embedded, found.table.sample_limit
    if embedded and sample_limit == embedded.reference.quick_sample_count:
        return embedded.quick_accuracy
    if sample_limit is not None:
        return {}
    return embedded.accuracy if embedded else found.rules.accuracy if found.is_official else {}
