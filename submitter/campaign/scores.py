"""Scores the accuracy runs of a campaign and verifies its compliance runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from submitter import compliance, packages, scoring
from submitter.campaign.changes import edits_of
from submitter.campaign.file import CampaignSource, as_campaign
from submitter.campaign.journal import ending_noted
from submitter.campaign.outline import run_folder
from submitter.campaign.plan import BenchmarkPlan, CampaignPlan, make_plan
from submitter.errors import InputError, from_os_error, os_reason, os_remedy, raise_all
from submitter.layout import ACCURACY_LOG, ACCURACY_TEXT
from submitter.logs import LogFormatError, parse_accuracy_text, read_accuracy
from submitter.model import Mode, Scenario
from submitter.record import read_record, read_scored, write_atomically, write_scored
from submitter.version import VERSION


@dataclass(frozen=True, kw_only=True)
class MetricScore:
    """One metric of an accuracy run with its limits; `scoring.Accuracy` gives the units."""

    name: str
    """The official name, such as `rouge1`."""
    value: float
    lower: float | None
    """The lowest allowed value; None if there is no such limit."""
    upper: float | None
    """The highest allowed value; None if there is no such limit."""


@dataclass(frozen=True, kw_only=True)
class ScenarioScore:
    """All metrics of one accuracy run, and the outcome of the scenario's compliance tests."""

    benchmark: str
    """Its name in the campaign."""
    scenario: Scenario
    metrics: tuple[MetricScore, ...]
    passed: dict[Mode, bool]
    """Whether each compliance test was passed."""


ScoringProgress = Callable[[str, Scenario, int, int], None]
"""Is called with the benchmark, the scenario, how many of its answers are scored, and how many there are."""


def score_campaign(
    campaign: CampaignSource,
    on_scored: Callable[[ScenarioScore], None] = lambda _: None,
    on_progress: ScoringProgress = lambda *_: None,
) -> tuple[ScenarioScore, ...]:
    """Score every accuracy run of a campaign and verify its compliance runs. The results go into the runs' folders.

    `campaign` is a campaign, or the path of its file. `on_scored` is called with the scores of each scenario as soon as
    they are known; `on_progress` before and while it is scored. A run that was scored before is not scored again.

    InputError if the campaign, its files and the round contradict each other, or if a run is missing or was changed;
    SeveralErrors if several files of runs were. NotInstalledError and RunError as `scoring.score` raises them.
    """
    plan = make_plan(as_campaign(campaign))
    raise_all(edits_of(plan))
    return score_runs(plan, on_scored, on_progress)


def score_runs(
    plan: CampaignPlan, on_scored: Callable[[ScenarioScore], None], on_progress: ScoringProgress
) -> tuple[ScenarioScore, ...]:
    """Like `score_campaign`, for a plan whose runs are known to be as they were made."""
    scores = []
    with ending_noted(plan.campaign.output):
        for benchmark in plan.benchmarks:
            for scenario in benchmark.table.scenarios:
                try:
                    score = _scenario_score(plan, benchmark, scenario, on_progress)
                except OSError as error:
                    raise from_os_error(error, plan.campaign.output) from None
                on_scored(score)
                scores.append(score)
    return tuple(scores)


def _scenario_score(
    plan: CampaignPlan, benchmark: BenchmarkPlan, scenario: Scenario, on_progress: ScoringProgress
) -> ScenarioScore:
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
            for name, value in _metrics(plan, benchmark, scenario, on_progress).items()
        ),
        passed={test: _verify(plan, benchmark, scenario, test) for test in benchmark.audits},
    )


def _metrics(
    plan: CampaignPlan, benchmark: BenchmarkPlan, scenario: Scenario, on_progress: ScoringProgress
) -> dict[str, float]:
    """The metrics in accuracy.txt if it is as it was written, and nothing that they depend on has changed since.

    Else the log is scored, and accuracy.txt written.
    """
    folder = run_folder(plan.campaign, benchmark.table.name, scenario, Mode.ACCURACY)
    record = read_record(folder, plan.campaign.makes_runs)
    for what, of_run, of_campaign in (
        ("data set", record.dataset, benchmark.dataset_facts),
        ("model", record.model, benchmark.model),  # its files include the tokenizer, which turns answers into text
    ):
        if of_run.sha256 != of_campaign.sha256:
            raise InputError(
                f"{folder} was run with {what} {of_run.name}, SHA-256 {of_run.sha256}; the campaign's "
                f"has {of_campaign.sha256}",
                f"name the {what} of the run, or {plan.campaign.repeats(scenario, Mode.ACCURACY)}",
            )
    text = folder / ACCURACY_TEXT
    inputs = {
        "log_sha256": record.files.get(ACCURACY_LOG, ""),
        "dataset_sha256": record.dataset.sha256,
        "model_sha256": record.model.sha256,
        "submitter": VERSION,
        **{name: packages.version_of(name) for name in packages.PARTS[packages.SCORING].packages},
    }
    if _is_scored(folder, inputs):
        return parse_accuracy_text(text.read_text("utf-8")).metrics
    accuracy = scoring.score(
        folder / ACCURACY_LOG,
        benchmark.dataset.references(),
        benchmark.model_folder,
        on_progress=partial(on_progress, benchmark.table.name, scenario),
    )
    if accuracy.log_sha256 != record.files.get(ACCURACY_LOG):
        repeat = plan.campaign.repeats(scenario, Mode.ACCURACY)
        raise InputError(f"{folder / ACCURACY_LOG} was changed after its run", f"restore it, or {repeat}")
    scoring.write_accuracy_text(accuracy, text)
    write_scored(folder, inputs, [ACCURACY_TEXT])
    return {name: float(value) for name, value in accuracy.metrics.items()}


def _is_scored(folder: Path, inputs: dict[str, str]) -> bool:
    try:
        return read_scored(folder).inputs == inputs
    except InputError:
        return False


def _verify(plan: CampaignPlan, benchmark: BenchmarkPlan, scenario: Scenario, test: Mode) -> bool:
    """Verify one compliance run, write the verification's files, and tell whether the test was passed."""
    folder = run_folder(plan.campaign, benchmark.table.name, scenario, test)
    record = read_record(folder, plan.campaign.makes_runs)
    try:
        answers = read_accuracy(folder / ACCURACY_LOG)
        verdict = compliance.verify(test, answers, scenario, benchmark.engine_plan.eos_token_id)
    except OSError as error:
        raise InputError(f"{folder / ACCURACY_LOG} cannot be read: {os_reason(error)}", os_remedy(error)) from None
    except LogFormatError as error:
        raise InputError(f"{test} of {scenario}: {error}", plan.campaign.repeats(scenario, test)) from None
    names = plan.book.compliance[test].verify
    for name in names:
        write_atomically(folder / name, verdict.text.encode())
    write_scored(folder, {"log_sha256": record.files.get(ACCURACY_LOG, ""), "submitter": VERSION}, names)
    return verdict.passed
