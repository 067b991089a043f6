"""EPT: the audits and the scores of results that mlcommons/endpoints measured."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules.endpoints import FILES, JUDGED, rules_of, summary
from submitter.compliance import test09
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.endpoints_runs import EndpointsAccuracy, EndpointsPerformance
from submitter.submission.files import Unreadable

_ACCURACY = "official: checks/accuracy_check.py "
_COMPLIANCE = "official: checks/compliance_check.py compliance_endpoints_check"


def _audited(run: EndpointsPerformance) -> tuple[str, ...]:
    return run.result.benchmark.compliance


@rule(
    "EPT015",
    requires=["STR007"],
    source=_COMPLIANCE + ", endpoint_audit_file_required",
    hint="run the audit of endpoints and copy its verdict here",
)
def audits_passed(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The audits of the benchmark's compliance tests passed, in the open division too.

    Only some must be there; those that are must have passed.
    """
    rules = rules_of(book)
    for test in _audited(run):
        name = rules.audits.get(test)
        if name is None:
            continue
        path = run.audit_path(name)
        if run.files.kind(path) is None:
            if test in rules.required_audits and run.result.official_name in rules.models:
                yield Problem(f"the audit for {test} is missing", required=path.name, path=str(path))
            continue
        try:
            audit = run.audit(name)
        except Unreadable as problem:
            yield Problem(f"the audit {problem.reason}", path=problem.path)
            continue
        if audit.get("test") != name:
            yield Problem("the audit is another test's", found=shown(audit.get("test")), required=name, path=str(path))
        elif not audit.get("passed"):
            yield Problem(
                f"the audit for {test} did not pass", found=shown(audit.get("passed")), required="true", path=str(path)
            )


@rule(
    "EPT016",
    requires=JUDGED,
    source=_COMPLIANCE + "; TEST09_LOW, TEST09_HIGH",
    hint="let the model answer as long as it does by itself",
)
def output_length(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The answers of the performance run are as long as the benchmark's, on average."""
    for test in _audited(run):
        if test not in rules_of(book).mean_output_tokens:
            continue
        low, high = rules_of(book).mean_output_tokens[test]
        for reason in test09.verify(run.number("mean_output_tokens"), low, high).reasons:
            value = run.figure("mean_output_tokens")
            yield summary(run, f"{test}: {reason.message}", value, reason.required)


def _scores(run: EndpointsAccuracy, message: str, found: str, required: str) -> Problem:
    """A problem with accuracy_results.json."""
    return Problem(message, found=found, required=required, path=str(run.document_path))


@rule("EPT020", requires=FILES, source=_ACCURACY + "accuracy_result_check", hint="score the run")
def score_present(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """The answers have a score."""
    if run.score is None:
        yield _scores(run, "there is no score", "nothing", "a score under accuracy_scores")


def _plain(score: object, metric: str) -> float | None:
    """A score as a number: one, a text that spells one, or what an object has under the metric's name."""
    if isinstance(score, dict):
        names = (metric, metric.lower(), metric.rpartition("_")[2].lower(), "f1", "score", "accuracy")
        values = (_plain(score[name], metric) for name in names if isinstance(score.get(name), (int, float, str)))
        return next((value for value in values if value is not None), None)
    if not isinstance(score, (int, float, str)):
        return None
    try:
        return float(score)
    except (ValueError, OverflowError):
        return None


@rule(
    "EPT021",
    requires=[*JUDGED, "EPT020"],
    source=_ACCURACY + "accuracy_result_check; MODEL_CONFIG accuracy-target",
    hint="a less lossy quantisation, or the open division",
)
def score_on_target(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """The score reaches the benchmark's target, where the official checker compares it; in the closed division."""
    if run.result.is_closed and run.result.official_name in rules_of(book).scored:
        (metric, target), *_ = run.result.benchmark.accuracy_targets(run.result.scenario).items()
        found = _plain(run.score, metric)
        if found is None:
            yield _scores(run, f"the score has no {metric}", shown(run.score), "a number")
        elif not found >= target.lower:
            yield _scores(run, f"{metric} misses the target", f"{found:.6g}", f"at least {target.lower:.6g}")


@rule(
    "EPT022",
    requires=[*JUDGED, "EPT020"],
    origin="policy",
    severity="warning",
    source="inference_policies inference_rules.adoc, section Benchmarks: quality target",
    hint="a less lossy quantisation, or the open division",
)
def other_scores_on_target(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """The score reaches the benchmark's targets, which the official checker does not compare for most.

    endpoints scores some benchmarks as a fraction where the target is per cent.
    """
    if not run.result.is_closed or run.result.official_name in rules_of(book).scored:
        return
    all_targets = run.result.benchmark.accuracy_targets(run.result.scenario)
    targets = {metric: target for metric, target in all_targets.items() if not target.optional}
    for metric, target in targets.items():
        if isinstance(run.score, dict):
            found = _plain(next((v for k, v in run.score.items() if k.lower() == metric.lower()), None), metric)
        else:
            values = [_plain(entry.get("score"), metric) for entry in run.accuracy_scores]
            numbers = [value for value in values if value is not None]
            found = sum(numbers) / len(numbers) if numbers and len(targets) == 1 else None
        if found is not None and found <= 1 < target.lower:
            found *= 100
        if found is not None and found < target.lower:
            yield _scores(run, f"{metric} misses the target", f"{found:.6g}", f"at least {target.lower:.6g}")


@rule(
    "EPT023",
    requires=JUDGED,
    source=_ACCURACY + "dataset_check; MODEL_CONFIG accuracy-sample-count, dataset-size",
    hint="run the accuracy phase over the whole data set",
)
def dataset_covered(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """The scores cover the data set."""
    required = run.result.benchmark.accuracy_samples(run.result.scenario)
    if run.samples != required:
        yield _scores(run, "the scores do not cover the data set", shown(run.samples), f"{required} samples")


@rule("EPT024", requires=FILES, source=_ACCURACY + "loadgen_errors_check", hint="run it again")
def no_failed_answers(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """No request of the accuracy run is counted as failed."""
    failed = run.figure("num_errors")
    if failed:
        yield _scores(run, "requests failed", shown(failed), "0")


@rule("EPT025", requires=["STR007"], source=_ACCURACY + "extra_files_check")
def extra_files(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """The samples that reviewers look at are there, for benchmarks that make pictures or videos."""
    for folder, stems in run.result.benchmark.accuracy_files.items():
        there = {name.partition(".")[0] for name in run.files.names(run.path / folder)}
        missing = [stem for stem in stems if stem not in there]
        if missing:
            found = f"{len(stems) - len(missing)} of {len(stems)}"
            yield Problem(
                f"{folder} are missing", found=found, required=", ".join(missing), path=str(run.path / folder)
            )
