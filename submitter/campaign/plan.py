"""The plan of a campaign: its outline, with the model, the data set and the sessions of each benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from submitter.campaign.description import is_networked
from submitter.campaign.file import EMBEDDED, Campaign
from submitter.campaign.inputs import open_dataset, verify_model
from submitter.campaign.outline import BenchmarkOutline, CampaignOutline, outline_campaign
from submitter.errors import SubmitterError, raise_all
from submitter.harness.checkpoint import weight_data_type
from submitter.harness.dataset import Dataset
from submitter.harness.engines import EnginePlan
from submitter.harness.plan import RunPlan, SessionPlan
from submitter.record import DatasetFacts, ModelFacts
from submitter.weights import checkpoint_sha256


@dataclass(frozen=True, kw_only=True)
class BenchmarkPlan(BenchmarkOutline):
    """One benchmark of a campaign: its outline, model, data set and sessions."""

    engine_plan: EnginePlan
    model: ModelFacts
    dataset: Dataset
    """The samples of its runs: the first `sample_limit` if the campaign sets that, else all."""
    sessions: tuple[SessionPlan, ...]
    """One for each engine to load. Scenarios with equal engine settings share a session."""

    @property
    def dataset_facts(self) -> DatasetFacts:
        """The data set as a run's record describes it."""
        return DatasetFacts(name=self.dataset.name, sample_count=len(self.dataset), sha256=self.dataset.sha256)


@dataclass(frozen=True, kw_only=True)
class CampaignPlan(CampaignOutline):
    """Everything that run-all will do."""

    benchmarks: tuple[BenchmarkPlan, ...]
    """In the order of the campaign file."""

    @property
    def runs(self) -> list[tuple[BenchmarkPlan, SessionPlan, RunPlan]]:
        """Every run with its benchmark and its session, in the order of execution."""
        return [(b, session, run) for b in self.benchmarks for session in b.sessions for run in session.runs]


def make_plan(source: Campaign | CampaignOutline, scratch: Path | None = None) -> CampaignPlan:
    """Plan every run of a campaign. Its checkpoints and data sets are read whole: hundreds of GB take minutes.

    With `scratch`, a folder, nothing is written to the campaign's output, and the runs of the plan cannot be made.
    InputError if the campaign, its files and the round contradict each other; SeveralErrors if they do so repeatedly.
    """
    outline = outline_campaign(source) if isinstance(source, Campaign) else source
    raise_all(outline.problems)
    problems: list[SubmitterError] = []
    benchmarks = []
    for benchmark in outline.benchmarks:
        try:
            verify_model(benchmark)
            benchmarks.append((benchmark, *open_dataset(outline.campaign, benchmark.table, scratch)))
        except SubmitterError as error:
            problems.append(error)
    raise_all(problems)
    return CampaignPlan(
        campaign=outline.campaign,
        book=outline.book,
        benchmarks=tuple(_benchmark_plan(*each, is_networked(outline.campaign)) for each in benchmarks),
        problems=(),
    )


def _benchmark_plan(outline: BenchmarkOutline, dataset_file: Path, dataset: Dataset, is_network: bool) -> BenchmarkPlan:
    table, folder, engine_plan = outline.table, outline.model_folder, outline.engine_plan
    assert engine_plan is not None  # an outline without one has a problem
    model_sha256 = checkpoint_sha256(folder)
    return BenchmarkPlan(
        **{**vars(outline), "engine_plan": engine_plan},
        model=ModelFacts(
            name=folder.name if table.model != EMBEDDED else table.name,
            sha256=model_sha256,
            weight_data_types=weight_data_type(folder),
        ),
        dataset=dataset,
        sessions=tuple(
            SessionPlan(
                engine=engine,
                engine_plan=engine_plan,
                benchmark=table.name,
                scenarios=outline.scenarios_of(engine),
                model_sha256=model_sha256,
                dataset=dataset_file,
                sample_limit=table.sample_limit,
                runs=tuple(run for run in outline.run_plans if outline.engines[run.scenario] == engine),
                is_network=is_network,
            )
            for engine in outline.distinct_engines
        ),
    )
