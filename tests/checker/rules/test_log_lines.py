"""PRF: detail logs of every run, line by line: foreign lines, second entries, counts and figures that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from damage import Damage, accuracy, performance
from rule_cases import cases
from submission_tree import Tree, line, write_tree

RUNS = ("performance/run_1", "accuracy", "TEST06/performance/run_1")


def log_of(tree: Tree, run: str, scenario: str = "Server") -> Path:
    return tree.result(scenario) / run / "mlperf_log_detail.txt"


def appended(run: str, text: str) -> Damage:
    def append(tree: Tree) -> None:
        log = log_of(tree, run)
        log.write_text(log.read_text() + text)

    return append


def spoiled(run: str, key: str) -> Damage:
    """A blank before the mark of one line, so that the official parser does not see the entry."""
    return lambda tree: tree.replace(log_of(tree, run), f':::MLLOG {{"key": "{key}"', f' :::MLLOG {{"key": "{key}"')


def doubled(run: str) -> Damage:
    return lambda tree: appended(run, log_of(tree, run).read_text())(tree)


def audited(**changed: object) -> Damage:
    return lambda tree: tree.set(log_of(tree, RUNS[2]), **changed)


def cut(run: str) -> Damage:
    """The first lines alone, as of a run that was stopped."""

    def keep(tree: Tree) -> None:
        log = log_of(tree, run)
        log.write_text("".join(log.read_text().splitlines(keepends=True)[:5]))

    return keep


CASES = cases(
    write_tree,
    [
        *(("PRF032", appended(run, "garbage\n")) for run in RUNS),
        *(("PRF032", spoiled(run, "generated_query_count")) for run in RUNS),
        *(("PRF033", doubled(run)) for run in RUNS),
        *(("PRF033", appended(run, line("effective_min_duration_ms", 5) + "\n")) for run in RUNS),
        ("PRF034", audited(num_errors=3)),
        ("PRF037", audited(num_errors="none")),
        ("PRF037", audited(num_errors=-1)),
        ("PRF037", audited(num_errors=True)),
        ("PRF037", audited(sut_name=7)),
        ("PRF037", audited(result_query_count=[1])),
        ("PRF037", audited(early_stopping_met="true")),
        ("PRF037", accuracy(effective_schedule_rng_seed=float("nan"))),
        ("PRF037", accuracy(effective_target_qps=-1)),
        ("PRF037", performance("Server", generated_query_count=False)),
        ("PRF038", audited(result_validity=None)),
        ("PRF038", accuracy(effective_qsl_rng_seed=None)),
        ("PRF038", cut("accuracy")),
        ("CMP015", audited(effective_scenario="Offline")),
        ("PRF035", performance("Server", result_first_token_99__00_percentile_latency_ns=-1)),
        ("PRF035", performance("Server", result_time_per_output_token_99__00_percentile_ns=0)),
        ("PRF035", performance("Offline", result_mean_latency_ns=-5)),
        ("PRF036", performance("Offline", sut_name=" ")),
    ],
)
HARMLESS: list[Damage] = [
    appended("accuracy", "\n\n"),
    appended("accuracy", line("loaded_qsl_set", [1]) + "\n"),
    lambda tree: log_of(tree, "accuracy").write_bytes(log_of(tree, "accuracy").read_bytes().replace(b"\n", b"\r\n")),
    accuracy(num_errors=None),
    performance("Offline", result_min_latency_ns=-1_140_277_864),
    performance("Offline", result_mean_latency_ns=1),
]


@pytest.mark.parametrize("change", HARMLESS)
def test_what_loadgens_and_other_systems_leave_behind_passes(change: Damage, tree: Tree) -> None:
    change(tree)
    assert tree.rules() & {case.rule for case in CASES} == set()


def test_the_first_foreign_line_is_named(tree: Tree) -> None:
    log = log_of(tree, "accuracy")
    count = len(log.read_text().splitlines())
    log.write_text(log.read_text() + "\nfirst\nsecond\n")
    assert [finding.line for finding in tree.found("PRF032")] == [count + 2]
