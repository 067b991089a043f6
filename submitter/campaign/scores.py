"""What the accuracy runs of a campaign score, and whether its compliance runs passed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from submitter import compliance, scoring
from submitter.campaign.file import CampaignSource, as_campaign
from submitter.campaign.plan import BenchmarkPlan, CampaignPlan, make_plan, run_folder
from submitter.errors import InputError
from submitter.layout import ACCURACY_LOG, ACCURACY_TEXT
from submitter.logs import LogFormatError, parse_accuracy_text, read_accuracy
from submitter.model import Mode, Scenario
from submitter.record import read_record, write_atomically


@dataclass(frozen=True, kw_only=True)
class MetricScore:
    """One metric of an accuracy run, in the unit that `scoring.Accuracy` gives it, and what it must be."""

    name: str
    """The official one, such as `rouge1`."""
    value: float
    lower: float | None
    """The lowest allowed value; None where there is no such limit."""
    upper: float | None
    """The highest allowed value; None where there is no such limit."""


@dataclass(frozen=True, kw_only=True)
class ScenarioScore:
    """All metrics of one accuracy run."""

    benchmark: str
    """As the campaign calls it."""
    scenario: Scenario
    metrics: tuple[MetricScore, ...]


def score_campaign(
    campaign: CampaignSource, on_scored: Callable[[ScenarioScore], None] = lambda _: None
) -> tuple[ScenarioScore, ...]:
    """Score every accuracy run of a campaign, and verify its compliance runs; the runs' folders get the outcome.

    `campaign` is a campaign, or the path of its file. `on_scored` is called for each scenario as soon as it has its
    scores. A run that was scored before is not scored again.

    InputError if the campaign, its files or the round do not fit together, or a run is missing, was changed, or its
    accuracy log is damaged. NotInstalledError and RunError as `scoring.score` raises them.
    """
    return score_runs(make_plan(as_campaign(campaign)), on_scored)


def score_runs(plan: CampaignPlan, on_scored: Callable[[ScenarioScore], None]) -> tuple[ScenarioScore, ...]:
    """As `score_campaign`, of a plan."""
    scores = []
    for benchmark in plan.benchmarks:
        for scenario in benchmark.table.scenarios:
            score = _scenario_score(plan, benchmark, scenario)
            on_scored(score)
            scores.append(score)
            for test in benchmark.audits:
                _verify(plan, benchmark, scenario, test)
    return tuple(scores)


def _scenario_score(plan: CampaignPlan, benchmark: BenchmarkPlan, scenario: Scenario) -> ScenarioScore:
    official = {}
    if benchmark.is_official and benchmark.table.sample_limit is None:
        official = plan.book.benchmark(benchmark.official).accuracy_targets(scenario)
    return ScenarioScore(
        benchmark=benchmark.table.name,
        scenario=scenario,
        metrics=tuple(
            MetricScore(
                name=name,
                value=value,
                lower=benchmark.accuracy_target.get(name),
                upper=official[name].upper if name in official else None,
            )
            for name, value in _metrics(plan, benchmark, scenario).items()
        ),
    )


def _metrics(plan: CampaignPlan, benchmark: BenchmarkPlan, scenario: Scenario) -> dict[str, float]:
    """Of accuracy.txt where it is of this very log; else the log is scored, and accuracy.txt written."""
    folder = run_folder(plan.campaign, benchmark.table.name, scenario, Mode.ACCURACY)
    record = read_record(folder)
    text = folder / ACCURACY_TEXT
    if text.is_file():
        there = parse_accuracy_text(text.read_text("utf-8"))
        if there.metrics and there.sha256 == record.files.get(ACCURACY_LOG):
            return there.metrics
    accuracy = scoring.score(folder / ACCURACY_LOG, benchmark.dataset.references(), benchmark.model_folder)
    if accuracy.log_sha256 != record.files.get(ACCURACY_LOG):
        raise InputError(f"{folder / ACCURACY_LOG} is not the log its record tells of", "run it again")
    scoring.write_accuracy_text(accuracy, text)
    return {name: float(value) for name, value in accuracy.metrics.items()}


def _verify(plan: CampaignPlan, benchmark: BenchmarkPlan, scenario: Scenario, test: Mode) -> None:
    folder = run_folder(plan.campaign, benchmark.table.name, scenario, test)
    read_record(folder)
    try:
        answers = read_accuracy(folder / ACCURACY_LOG)
        verdict = compliance.verify(test, answers, scenario, benchmark.engine_plan.eos_token_id)
    except (OSError, LogFormatError) as error:
        raise InputError(f"{test} of {scenario}: {error}", "run it again") from None
    for name in plan.book.compliance[test].verify:
        write_atomically(folder / name, verdict.text.encode())
