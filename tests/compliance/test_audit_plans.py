"""The compliance run of every benchmark of every round: what it is, and what is said where this version has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from submitter import compliance, plugins
from submitter.campaign.settings import computed_settings
from submitter.errors import InputError
from submitter.logs import DetailLog
from submitter.model import Mode, Scenario
from submitter.rulebook import load_rulebook, round_names

BOOKS = [load_rulebook(name) for name in round_names()]
CASES = [(book.name, official) for book in BOOKS for official in book.benchmarks]
RUNNABLE = {"TEST06"}


def _of_this_version(name: str, official: str) -> bool:
    return set(load_rulebook(name).benchmark(official).compliance) <= RUNNABLE


@pytest.mark.parametrize(("name", "official"), [case for case in CASES if _of_this_version(*case)])
def test_the_runs_of_a_benchmark_are_those_that_its_round_requires(name: str, official: str, tmp_path: Path) -> None:
    book = load_rulebook(name)
    user_conf = tmp_path / "user.conf"
    user_conf.write_text("*.Server.target_qps = 5\n")
    plans = compliance.runs(book, official)
    assert [plan.mode for plan in plans] == list(book.benchmark(official).compliance)
    for plan in plans:
        settings = computed_settings(book, official, Scenario.OFFLINE, user_conf, plan.text)
        assert (settings.min_query_count, settings.min_duration_ms) == (plan.sample_count, 0)
        assert not settings.sample_concatenate_permutation


@pytest.mark.parametrize(("name", "official"), [case for case in CASES if not _of_this_version(*case)])
def test_where_this_version_has_no_run_it_is_said_in_words(name: str, official: str) -> None:
    with pytest.raises(InputError) as error:
        compliance.runs(load_rulebook(name), official)
    impossible = [test for test in load_rulebook(name).benchmark(official).compliance if test not in RUNNABLE]
    for word in (*impossible, name, official, "this version cannot run"):
        assert word in error.value.message
    assert f"remove {official} from the campaign" in error.value.hint


def test_what_a_run_would_need_is_said() -> None:
    with pytest.raises(InputError) as error:
        compliance.runs(load_rulebook("v6.1"), "gpt-oss-120b")
    assert error.value.message == (
        "this version cannot run TEST07 and TEST09, which round v6.1 requires for gpt-oss-120b; TEST07 needs a "
        "data set of its own (acc_eval_compliance_gpqa.parquet, 990 samples) and a score of its answers; TEST09 needs "
        "a verification of the mean length of its answers"
    )


def test_a_scenario_that_loadgen_has_no_settings_for_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no built-in settings for SingleStream"):
        computed_settings(BOOKS[-1], "qwen3.6-27b", Scenario.SINGLE_STREAM, tmp_path / "user.conf")


def test_every_test_of_every_round_is_a_mode() -> None:
    tests = {test for book in BOOKS for test in book.compliance}
    assert tests == {mode.value for mode in Mode if mode.is_compliance}
    for book in BOOKS:
        assert {test for benchmark in book.benchmarks.values() for test in benchmark.compliance} <= set(book.compliance)
        assert {test for benchmark in book.benchmarks.values() for test in benchmark.audit} <= set(book.compliance)


def test_every_file_is_a_test_with_a_plan_for_each_benchmark_that_has_it() -> None:
    files = plugins.names("submitter.compliance")
    assert files == ["test01", "test04", "test06", "test07", "test09"]
    planned = set()
    for book in BOOKS:
        for official, benchmark in book.benchmarks.items():
            for test in benchmark.compliance:
                if test.lower() in files:
                    plan = compliance.load(test).plan(book, official)
                    assert plan.mode == test
                    assert bool(plan.missing) is (test not in RUNNABLE)
                    assert plan.settings.items() >= book.compliance[test].audit.items()
                    planned.add(test.lower())
    assert planned == set(files)


def test_the_audit_file_has_a_line_a_setting() -> None:
    assert compliance.audit_text({"mode": 2, "min_duration": 0}) == "*.*.mode = 2\n*.*.min_duration = 0\n"
    (plan,) = compliance.runs(BOOKS[-1], "llama2-70b-99.9")
    assert plan.text.splitlines() == [
        "*.*.mode = 2",
        "*.*.accuracy_log_rng_seed = 720381539243781796",
        "*.*.accuracy_log_sampling_target = 100",
        "*.*.min_query_count = 100",
        "*.*.min_duration = 0",
        "*.*.sample_concatenate_permutation = 0",
    ]


def log_with(**values: object) -> DetailLog:
    lines = {key: (1, str(value).encode()) for key, value in values.items()}
    return DetailLog(lines, (), ())


@pytest.mark.parametrize(("target", "audited"), [(100, True), (0, False)])
def test_a_log_says_whether_it_was_audited(target: int, audited: bool) -> None:
    assert compliance.was_audited(log_with(effective_accuracy_log_sampling_target=target)) is audited


def test_a_log_says_which_settings_were_not_in_force() -> None:
    settings = {"mode": 2, "min_query_count": 100, "min_duration": 0, "performance_issue_same": 1}
    there = {
        "effective_test_mode": '"PerformanceOnly"',
        "requested_min_query_count": 100,
        "effective_min_duration_ms": 0,
        "effective_performance_issue_same": "true",
    }
    assert compliance.not_in_force(log_with(**there), settings) == []
    there |= {"effective_test_mode": '"AccuracyOnly"', "effective_performance_issue_same": "false"}
    del there["effective_min_duration_ms"]
    assert compliance.not_in_force(log_with(**there), settings) == [
        ("mode", "effective_test_mode", "AccuracyOnly", "PerformanceOnly"),
        ("min_duration", "effective_min_duration_ms", None, 0),
        ("performance_issue_same", "effective_performance_issue_same", False, 1),
    ]
