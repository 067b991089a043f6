"""The table at the end of a campaign: each run with its result, and how far each figure is from its limit."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby

from submitter.campaign import CampaignOutcome, ScenarioScore
from submitter.campaign.logged import is_valid, metric_of, read_log
from submitter.console import margins, short_duration, show_table, why_invalid
from submitter.logs import DetailLog
from submitter.model import Mode
from submitter.record import RunRecord
from submitter.rulebook import Rulebook
from submitter.submission.latencies import limits_of, number
from submitter.units import NS_PER_MS

_RUNS = ("benchmark, run", "samples", "time", "result", "verdict, margin")
_SCORES = ("benchmark, run", "result", "verdict, margin")
_PERCENTILE = "99.00"


def show_outcome_table(outcome: CampaignOutcome) -> None:
    """Print a table of the runs of a campaign; below it, why a run is INVALID, and what its network lost."""
    scores = {(score.benchmark, score.scenario): score for score in outcome.scores}
    folders = [run.folder for *_, run in outcome.plan.runs]
    logs = [read_log(folder, "run it again") for folder in folders]
    rows: list[tuple[str, ...]] = []
    for benchmark, group in groupby(zip(outcome.runs, logs, strict=True), lambda pair: pair[0].benchmark):
        rows.append((benchmark, "", "", "", ""))
        for record, log in group:
            first, *others = _results(record, log, outcome.plan.book, scores[record.benchmark, record.scenario])
            time = short_duration(record.duration_s)
            rows.append((f" {record.scenario} {record.mode}", f"{record.sample_count:,}", time, *first))
            rows += [("", "", "", *other) for other in others]
    show_table(_RUNS, rows, sys.stdout)
    for record, folder, log in zip(outcome.runs, folders, logs, strict=True):
        if record.mode is Mode.PERFORMANCE and not is_valid(log, record.mode):
            print(f"{record.benchmark} {record.scenario} {record.mode} is {why_invalid(folder)}")
        for warning in record.network.warnings if record.network else ():
            print(f"{record.benchmark} {record.scenario} {record.mode}, network: {warning}")


def show_score_table(scores: Sequence[ScenarioScore]) -> None:
    """Print a table of the scores and the compliance tests of a campaign."""
    rows: list[tuple[str, ...]] = []
    for benchmark, group in groupby(scores, lambda score: score.benchmark):
        rows.append((benchmark, "", ""))
        for score in group:
            first, *others = _accuracy(score)
            rows.append((f" {score.scenario} {Mode.ACCURACY}", *first))
            rows += [("", *other) for other in others]
            rows += [(f" {score.scenario} {test}", "", _passed(passed)) for test, passed in score.passed.items()]
    show_table(_SCORES, rows, sys.stdout)


def _results(record: RunRecord, log: DetailLog, book: Rulebook, score: ScenarioScore) -> list[tuple[str, str]]:
    """Each result of a run, with its verdict or its margin. Figure and verdict are the log's, not the record's."""
    if record.mode is Mode.ACCURACY:
        return _accuracy(score)
    if record.mode is not Mode.PERFORMANCE:
        return [("", _passed(score.passed[record.mode]))]
    metric = metric_of(log, book, record.official_benchmark, record.scenario, record.mode)
    figure = f"{metric.value:,.2f} {metric.unit}" if metric else "none"
    return [(figure, "VALID" if is_valid(log, record.mode) else "INVALID"), *_latencies(log)]


def _accuracy(score: ScenarioScore) -> list[tuple[str, str]]:
    """The metrics that have limits, a row for each limit; all metrics if none has."""
    limited = [
        (metric, margins(metric.value, lower, upper))
        for metric in score.metrics
        for lower, upper in ((metric.lower, None), (None, metric.upper))
        if lower or upper
    ]
    rows = limited or [(metric, "") for metric in score.metrics]
    return [(f"{metric.name.replace('_per_', '/')} {metric.value:.6g}", margin) for metric, margin in rows]


def _latencies(log: DetailLog) -> Iterator[tuple[str, str]]:
    """The 99th percentile of each latency that has a limit in the run's scenario."""
    for limit in limits_of(log):
        found_ns = number(log, limit.kind.key(_PERCENTILE))
        if found_ns is not None:
            margin = margins(found_ns / NS_PER_MS, None, limit.limit_ns / NS_PER_MS)
            yield f"p99 {limit.kind.name} {found_ns / NS_PER_MS:,.1f} ms", margin


def _passed(passed: bool) -> str:
    return "passed" if passed else "FAILED"
