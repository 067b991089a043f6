"""The plan of a campaign: every run with its settings, sample count and expected time. Nothing is run here."""

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
from submitter.rulebook import Rulebook, load_rulebook
from submitter.rulebook_tables import Target
from submitter.weights import checkpoint_sha256


@dataclass(frozen=True, kw_only=True)
class BenchmarkPlan(BenchmarkOutline):
    """One benchmark of a campaign: its outline, model, data set and sessions."""

    model: ModelFacts
    dataset: Dataset
    """The samples of its runs: the first `sample_limit` if the campaign sets that, else all."""
    accuracy_target: dict[str, float]
    """The lowest allowed value of each metric that has one."""
    sessions: tuple[SessionPlan, ...]
    """One for each engine to load. Scenarios with equal engine settings share a session."""

    @property
    def dataset_facts(self) -> DatasetFacts:
        """The data set as a run's record describes it."""
        return DatasetFacts(name=self.dataset.name, sample_count=len(self.dataset), sha256=self.dataset.sha256)


@dataclass(frozen=True, kw_only=True)
class CampaignPlan:
    """Everything that run-all will do."""

    campaign: Campaign
    book: Rulebook
    benchmarks: tuple[BenchmarkPlan, ...]
    """In the order of the campaign file."""

    @property
    def runs(self) -> list[tuple[BenchmarkPlan, SessionPlan, RunPlan]]:
        """Every run with its benchmark and its session, in the order of execution."""
        return [(b, session, run) for b in self.benchmarks for session in b.sessions for run in session.runs]

    @property
    def expected_s(self) -> float:
        """How long everything takes at the target rates, in s; engine loading, scoring and assembly included."""
        return OVERHEAD_S + sum(run.expected_s for _, _, run in self.runs)


def run_folder(campaign: Campaign, benchmark: str, scenario: Scenario, mode: Mode) -> Path:
    """The folder of a finished run's logs and record."""
    return campaign.runs_folder / campaign.system.id / benchmark / scenario / mode


def make_plan(campaign: Campaign) -> CampaignPlan:
    """Plan every run of a campaign. Its checkpoints and data sets are read and verified.

    InputError if the campaign, its files and the round contradict each other.
    """
    book = load_rulebook(campaign.round)
    benchmarks = tuple(_benchmark_plan(campaign, book, table) for table in campaign.benchmarks)
    return CampaignPlan(campaign=campaign, book=book, benchmarks=benchmarks)


def _benchmark_plan(campaign: Campaign, book: Rulebook, table: BenchmarkTable) -> BenchmarkPlan:
    basis = outline(campaign, book, table)
    folder = basis.model_folder
    verify_checkpoint(folder)
    check_scales(folder)
    embedded_file = campaign.output / "data" / f"{EMBEDDED}{SUFFIX}"
    dataset_file = prepare(embedded_file) if table.dataset == EMBEDDED else Path(table.dataset)
    whole = Dataset.open(dataset_file)
    whole.verify()
    dataset = whole if table.sample_limit is None else whole.subset(table.sample_limit)
    runs = _run_plans(campaign, basis, len(dataset))
    return BenchmarkPlan(
        **vars(basis),
        model=ModelFacts(
            name=folder.name if table.model != EMBEDDED else table.name,
            sha256=checkpoint_sha256(folder),
            weight_data_types=weight_data_type(folder),
        ),
        dataset=dataset,
        accuracy_target={
            **{metric: target.lower for metric, target in _targets(basis).items()},
            **table.accuracy_target,
        },
        sessions=tuple(
            SessionPlan(
                engine=engine,
                engine_plan=basis.engine_plan,
                dataset=dataset_file,
                sample_limit=table.sample_limit,
                runs=tuple(run for run in runs if basis.engines[run.scenario] == engine),
            )
            for engine in _distinct(basis.engines.values())
        ),
    )


def _run_plans(campaign: Campaign, benchmark: BenchmarkOutline, dataset_size: int) -> list[RunPlan]:
    """The plan of each run of a benchmark, on a data set of `dataset_size` samples."""
    table, audits = benchmark.table, benchmark.audits
    return [
        RunPlan(
            scenario=scenario,
            mode=mode,
            loadgen_model=benchmark.rules.loadgen_model_for(scenario),
            user_conf=user_conf(table, scenario),
            folder=run_folder(campaign, table.name, scenario, mode),
            audit=dict(audits[mode].settings) if mode in audits else None,
            expected_samples=effective.expected_samples(scenario, mode, dataset_size),
            expected_s=effective.expected_seconds(scenario, mode, dataset_size),
        )
        for (scenario, mode), effective in benchmark.settings.items()
    ]


def _distinct(engines: Iterable[EngineSettings]) -> list[EngineSettings]:
    """Each different engine once, in order. Engine settings hold dictionaries, so they cannot be put into a set."""
    distinct: list[EngineSettings] = []
    for engine in engines:
        if engine not in distinct:
            distinct.append(engine)
    return distinct


def _targets(benchmark: BenchmarkOutline) -> dict[str, Target]:
    """The accuracy targets; none if the reference's scores on these samples are not known."""
    embedded, sample_limit = benchmark.embedded, benchmark.table.sample_limit
    if embedded and sample_limit == embedded.reference.quick_sample_count:
        return embedded.quick_accuracy
    if sample_limit is not None:
        return {}
    return embedded.accuracy if embedded else benchmark.rules.accuracy if benchmark.is_official else {}
