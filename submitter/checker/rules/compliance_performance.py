"""CMP: the performance runs of compliance tests, judged by the rules for the result's own performance run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial

import msgspec

from submitter.checker.finding import Origin, Problem
from submitter.checker.registry import Rule, all_rules, in_round, rule, violations
from submitter.checker.rules._shared import unreadable
from submitter.checker.rules.compliance import is_required
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
    smoke="the compliance runs of a smoke run are short, too",
)
def performance_rules_hold(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The performance run of a compliance test meets the same rules as the result's own performance run.

    They are the rules for seeds, duration, latency and so on.
    """
    if not _judged(run, book) or (_is_later(run, book) and _unusable_value(run, book)):
        return
    as_performance = PerformanceRun(run.result, run.path)
    as_performance.cache = run.cache
    for one in _performance_rules(book.name):
        yield from violations(one, as_performance, _with_seeds(book, run.test))


@rule("CMP009", requires=["STR005", "STR007", "SYS001", "CMP011"], source=_CHECK + "performance_check", hint=_HINT)
def performance_values_present(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """A compliance test's log has the values by which its performance is judged.

    This applies to all tests of a benchmark but the first. If an official checker up to v5.1 cannot judge such a log,
    it gives the test the verdict of the test before it.
    """
    if _judged(run, book) and _is_later(run, book) and (unusable := _unusable_value(run, book)):
        message = f"{unusable.reason}, so the performance of {run.test} could not be judged"
        yield Problem(message, path=unusable.path)


@rule("CMP011", source="official: loader.py, load_single_log", hint="restore the file from the run that wrote it")
def loaded_files_readable(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The files of a compliance test that the official checker reads are readable.

    It reads the log of each test whose performance it judges, and the accuracy verification of each test, even if the
    division or the benchmark does not require the test. It stops altogether at a file that it cannot read.
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
    """The detail log of a compliance test is a LoadGen log, if there is one.

    The official checker does not open it for most tests.
    """
    yield from unreadable(lambda: run.log)
    if run.files.kind(run.detail_path) is not None and not run.log.begins_at:
        yield Problem("the log has no LoadGen line", path=str(run.detail_path))


def _judged(run: ComplianceRun, book: Rulebook) -> bool:
    return is_required(run) and run.test in book.compliance and book.compliance[run.test].performance_judged


def _is_later(run: ComplianceRun, book: Rulebook) -> bool:
    """Whether another test of the benchmark is judged before this one, so that this one can get its verdict."""
    judged = [test for test in run.result.benchmark.compliance if book.compliance[test].performance_judged]
    return run.test != judged[0]


def _unusable_value(run: ComplianceRun, book: Rulebook) -> Unavailable | None:
    """The first value that is missing or not a number, of those that the official check of a performance run uses."""
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
    """The official rules for a performance run in the round."""
    book = load_rulebook(round_name)
    rules = (in_round(one, book) for one in all_rules() if one.step == "performance")
    return tuple(one for one in rules if one and one.origin is Origin.OFFICIAL and one.scope is PerformanceRun)


def _with_seeds(book: Rulebook, test: str) -> Rulebook:
    """The round's rule book, with the test's own seeds if it has any."""
    seeds = book.compliance[test].seeds
    return msgspec.structs.replace(book, seeds=seeds) if seeds else book
