"""CMP: the performance runs of compliance tests, judged as the result's own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial

import msgspec

from submitter.checker.finding import Origin, Problem
from submitter.checker.registry import Rule, all_rules, in_round, rule, violations
from submitter.checker.rules._shared import unreadable
from submitter.checker.rules.compliance import demanded
from submitter.model import Scenario
from submitter.rulebook import Rulebook, load_rulebook
from submitter.submission.files import Unavailable
from submitter.submission.metric import ran_scenario, run_metric
from submitter.submission.runs import ComplianceRun, PerformanceRun

_CHECK = "official: checks/compliance_check.py; submission_checker.py, check_compliance_dir; "
_NOT_LOADED = "verify_performance.txt"
_HINT = "run the test again with the user.conf of the result, and the test's audit.config"


@rule(
    "CMP008",
    requires=["STR005", "STR007", "SYS001", "CMP011"],
    source=_CHECK + "performance_check",
    hint=_HINT,
    smoke="a smoke run's compliance run is as short",
)
def performance_holds(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The performance run of a compliance test is as valid as the result's own must be.

    The same rules hold of it as of the result's performance run: its seeds, its duration, its latency.
    """
    if not _judged(run, book) or (_is_later(run, book) and _stumbling_block(run, book)):
        return
    twin = PerformanceRun(run.result, run.path)
    twin.cache = run.cache
    for one in _performance_rules(book.name):
        yield from violations(one, twin, _with_seeds(book, run.test))


@rule("CMP009", requires=["STR005", "STR007", "SYS001", "CMP011"], source=_CHECK + "performance_check", hint=_HINT)
def later_performance_judged(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """A compliance test's log has what its performance is judged by.

    Of the tests after a benchmark's first; where the official checkers until v5.1 stumble over such a log, they give
    the test the verdict of the one before.
    """
    if _judged(run, book) and _is_later(run, book) and (block := _stumbling_block(run, book)):
        message = f"{block.reason}, so the performance of {run.test} could not be judged"
        yield Problem(message, path=block.path)


@rule("CMP011", source="official: loader.py, load_single_log", hint="restore the file from the run that wrote it")
def loaded_files_readable(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """What the official checker reads of a compliance test can be read.

    It reads the log of a test whose performance it judges, and each test's verification of the accuracy, even where
    the division or the benchmark has no need of the test, and stops for good at one that it cannot read.
    """
    test = book.compliance.get(run.test)
    if test is None:
        return
    for name in test.verify:
        if name != _NOT_LOADED:
            yield from unreadable(partial(run.text_of, name))
    if test.performance_judged:
        yield from unreadable(lambda: run.log)


@rule(
    "CMP012",
    requires=["CMP011"],
    origin="integrity",
    source="submitter: a file is what its name says",
    hint="restore the file from the run that wrote it",
)
def log_readable(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The detail log of a compliance test is a LoadGen log, where there is one.

    Of most tests the official checker does not open it.
    """
    yield from unreadable(lambda: run.log)
    if run.files.kind(run.detail_path) is not None and not run.log.begins_at:
        yield Problem("the log has no line of LoadGen's", path=str(run.detail_path))


def _judged(run: ComplianceRun, book: Rulebook) -> bool:
    return demanded(run) and run.test in book.compliance and book.compliance[run.test].performance_judged


def _is_later(run: ComplianceRun, book: Rulebook) -> bool:
    """Whether another test of the benchmark is judged before this one, so that its verdict can stand for it."""
    judged = [test for test in run.result.benchmark.compliance if book.compliance[test].performance_judged]
    return run.test != judged[0]


def _stumbling_block(run: ComplianceRun, book: Rulebook) -> Unavailable | None:
    """What a log lacks that the official check of a performance run computes with or compares, if anything."""
    try:
        run_metric(run, book)
        ran = ran_scenario(run)
        keys = ["effective_performance_sample_count", "effective_min_duration_ms"]
        if ran is Scenario.OFFLINE:
            keys += ["effective_samples_per_query", "effective_min_query_count"]
        elif ran in run.result.benchmark.latency_ns:
            keys.append("effective_target_latency_ns")
        for key in keys:
            if not isinstance(run.log[key], (int, float)):
                return Unavailable(run.detail_path, f"has no number under '{key}'")
    except Unavailable as absence:
        return absence
    return None


@cache
def _performance_rules(round_name: str) -> tuple[Rule, ...]:
    """The official rules of a performance run, as the round has them."""
    book = load_rulebook(round_name)
    rules = (in_round(one, book) for one in all_rules() if one.step == "performance")
    return tuple(one for one in rules if one and one.origin is Origin.OFFICIAL and one.scope is PerformanceRun)


def _with_seeds(book: Rulebook, test: str) -> Rulebook:
    """The round's book, with the seeds of a test that has its own."""
    seeds = book.compliance[test].seeds
    return msgspec.structs.replace(book, seeds=seeds) if seeds else book
