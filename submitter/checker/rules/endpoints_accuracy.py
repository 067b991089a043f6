"""EPT: accuracy runs of mlcommons/endpoints. They have no LoadGen log, so these rules take the place of ACC's."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import (
    ENDPOINTS_FILES,
    ENDPOINTS_JUDGED,
    endpoints_problem,
    endpoints_rules,
    missing_sample_files,
)
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.endpoints_runs import EndpointsAccuracy

_ACCURACY = "official: checks/accuracy_check.py "


@rule("EPT020", requires=ENDPOINTS_FILES, source=_ACCURACY + "accuracy_result_check", hint="score the run")
def score_present(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """The answers have a score."""
    if run.score is None:
        yield endpoints_problem(run, "there is no score", found="nothing", required="a score under accuracy_scores")


def _as_number(score: object, metric: str) -> float | None:
    """A score as a number; None where it is none.

    It is a number, text that is one, or an object that has one under the metric's name.
    """
    if isinstance(score, dict):
        names = (metric, metric.lower(), metric.rpartition("_")[2].lower(), "f1", "score", "accuracy")
        values = (_as_number(score[name], metric) for name in names if isinstance(score.get(name), (int, float, str)))
        return next((value for value in values if value is not None), None)
    if not isinstance(score, (int, float, str)):
        return None
    try:
        return float(score)
    except (ValueError, OverflowError):
        return None


@rule(
    "EPT021",
    requires=[*ENDPOINTS_JUDGED, "EPT020"],
    source=_ACCURACY + "accuracy_result_check; MODEL_CONFIG accuracy-target",
    hint="use a less lossy quantization, or submit to the open division",
)
def compared_score_on_target(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """A closed result's score reaches the benchmark's target, for the benchmarks that the official checker compares."""
    if run.result.is_closed and run.result.official_name in endpoints_rules(book).scored:
        (metric, target), *_ = run.result.benchmark.accuracy_targets(run.result.scenario).items()
        found = _as_number(run.score, metric)
        if found is None:
            yield endpoints_problem(run, f"the score has no {metric}", found=shown(run.score), required="a number")
        elif not found >= target.lower:
            yield _off_target(run, metric, found, target.lower)


@rule(
    "EPT022",
    requires=[*ENDPOINTS_JUDGED, "EPT020"],
    origin="policy",
    source="inference_policies inference_rules.adoc, section Benchmarks: quality target; "
    "language/edge-agentic/README.md, section Accuracy Targets",
    hint="use a less lossy quantization, or submit to the open division",
)
def other_scores_on_target(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """A closed result's score reaches the benchmark's targets, for the benchmarks that the official checker skips.

    For some benchmarks endpoints states the score as a fraction, where the target is in percent. A benchmark may have
    other targets in the written rules than in the official checker; then the written ones apply.
    """
    benchmark = run.result.benchmark
    if not run.result.is_closed or run.result.official_name in endpoints_rules(book).scored:
        return
    all_targets = benchmark.written_accuracy or benchmark.accuracy_targets(run.result.scenario)
    targets = {metric: target for metric, target in all_targets.items() if not target.optional}
    for number, (metric, target) in enumerate(targets.items()):
        found = _stated(run, metric, is_main=number == 0)
        if found is None:
            # A score that is one number leaves out a second metric, such as the tokens per sample, unless it is in the
            # breakdown (published in v6.1: NVIDIA's deepseek-r1). A score with names has to have them all.
            if number == 0 or isinstance(run.score, dict):
                yield endpoints_problem(run, f"the score has no {metric}", found=shown(run.score), required="a number")
            continue
        if found <= 1 < target.lower:
            found *= 100
        if not found >= target.lower:
            yield _off_target(run, metric, found, target.lower)


def _stated(run: EndpointsAccuracy, metric: str, *, is_main: bool) -> float | None:
    """The score of a metric: by its name if the score has names; else the score itself for the benchmark's main metric,
    and for another one its value in the score's breakdown. None if it is not stated."""
    if isinstance(run.score, dict):
        return _as_number(next((v for k, v in run.score.items() if k.lower() == metric.lower()), None), metric)
    if is_main:
        values = [_as_number(score.get("score"), metric) for score in run.accuracy_scores]
        numbers = [value for value in values if value is not None]
        return sum(numbers) / len(numbers) if numbers else None
    breakdowns = (score.get("breakdown") for score in run.accuracy_scores)
    return next((_as_number(b[metric], metric) for b in breakdowns if isinstance(b, dict) and metric in b), None)


def _off_target(run: EndpointsAccuracy, metric: str, found: float, required: float) -> Problem:
    message = f"{metric} misses the target"
    return endpoints_problem(run, message, found=f"{found:.6g}", required=f"at least {required:.6g}")


@rule(
    "EPT023",
    requires=ENDPOINTS_JUDGED,
    source=_ACCURACY + "dataset_check; MODEL_CONFIG accuracy-sample-count, dataset-size",
    hint="run the accuracy phase over the whole data set",
)
def dataset_covered(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """The scores cover the data set."""
    required = run.result.benchmark.accuracy_samples(run.result.scenario)
    if run.samples != required:
        message = "the scores do not cover the data set"
        yield endpoints_problem(run, message, found=shown(run.samples), required=f"{required} samples")


@rule("EPT024", requires=ENDPOINTS_FILES, source=_ACCURACY + "loadgen_errors_check", hint="run it again")
def no_failed_requests(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """No request of the accuracy run is counted as failed."""
    failed = run.figure("num_errors")
    if failed:
        yield endpoints_problem(run, "requests failed", found=shown(failed), required="0")


@rule("EPT025", requires=["STR007"], source=_ACCURACY + "extra_files_check")
def sample_files_present(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """The generated pictures or videos that reviewers look at are present, where the benchmark makes them."""
    yield from missing_sample_files(run)
