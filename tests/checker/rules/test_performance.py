"""PRF: what the performance run's settings, its verdict and its measured figures must be."""

from __future__ import annotations

from pathlib import Path

import pytest
from damage import Damage, copied, error_in, performance, system
from result_tree import ResultTree
from rule_cases import Case, cases
from submission_tree import SYSTEM, Tree, write_tree

from submitter.model import Scenario


def _networked(tree: Tree) -> None:
    (tree.root / "closed").rename(tree.root / "network")
    tree.division = "network"
    tree.edit_json(tree.system_json(), is_network="true", division="network")


def _before_the_first_line(tree: Tree) -> None:
    tree.performance_log().write_text("something else\n" + tree.performance_log().read_text())


def _server(**changed: object) -> Damage:
    return performance("Server", **changed)


def _offline(**changed: object) -> Damage:
    return performance("Offline", **changed)


MEASURED: list[tuple[str, Damage]] = [
    ("PRF027", _server(result_perf_constraints_met=False)),
    ("PRF027", _offline(result_min_queries_met=False)),
    ("PRF028", _offline(generated_samples_per_query=24575)),
    ("PRF029", _server(requested_server_ttft_latency=2_000_000_001)),
    ("PRF029", _server(requested_server_tpot_latency=200_000_001)),
    ("PRF030", _server(effective_target_latency_percentile=0.9)),
    ("PRF031", _server(effective_samples_per_query=2)),
]
OTHERS: list[tuple[str, Damage]] = [
    ("PRF001", _server(result_validity=None, early_stopping_met=None)),
    ("PRF001", _server(effective_min_duration_ms="long")),
    ("PRF002", _server(effective_scenario="Offline", result_samples_per_second=1.0, result_tokens_per_second=1.0)),
    ("PRF003", _server(effective_test_mode="SubmissionRun")),
    ("PRF004", _server(effective_schedule_rng_seed=14962580496156340209)),
    ("PRF005", _server(loadgen_version="5.1.2 @ abc")),
    ("PRF006", _server(effective_min_duration_ms=599999)),
    ("PRF007", _server(result_min_duration_met=False)),
    ("PRF007", _server(power_end="08-30-2026 09:41:00.000")),
    ("PRF008", _server(effective_performance_sample_count=24575)),
    ("PRF009", _offline(effective_samples_per_query=24575)),
    ("PRF009", _offline(effective_min_query_count=0)),
    ("PRF010", _server(result_validity="INVALID", result_invalid_reason="Increase the target QPS")),
    ("PRF011", _server(early_stopping_met=False, early_stopping_ttft_result=" * TTFT: condition not met.")),
    ("PRF012", _server(effective_target_latency_ns=20000000001)),
    ("PRF013", copied("Interactive")),
    ("PRF014", _server(requested_use_token_latencies=False)),
    ("PRF015", error_in("performance", "run_1")),
    ("PRF016", _server(effective_sample_concatenate_permutation=False)),
    ("PRF017", _server(effective_accuracy_log_sampling_target=100)),
    ("PRF018", _networked),
    ("PRF019", _server(result_completed_tokens_per_second=0)),
    ("PRF020", _server(result_first_token_99__00_percentile_latency_ns=2000000000)),
    ("PRF020", _server(result_time_per_output_token_99__00_percentile_ns=200000000)),
    ("PRF021", copied("Interactive", effective_scenario="Offline")),
    ("PRF022", _before_the_first_line),
    ("PRF023", _offline(result_tokens_per_second=-1)),
    ("PRF024", copied("MultiStream", effective_scenario="SingleStream", early_stopping_latency_ms=0)),
]


def _counting_errors(folder: Path) -> ResultTree:
    """A result of v5.1, whose official checker goes by the log's own count of errors."""
    return ResultTree(folder, "v5.1", select=("PRF015", "PRF026"))


def _denied_errors(tree: ResultTree) -> None:
    log = tree.root / tree.grammar.performance(tree.key) / "mlperf_log_detail.txt"
    tree.add_error(log)
    tree.set(log, "num_errors", 0)


CASES = [*cases(write_tree, MEASURED), *cases(write_tree, OTHERS), Case("PRF026", _counting_errors, _denied_errors)]
CONTENT: list[tuple[str, Damage]] = [
    ("PRF028", _offline(generated_samples_per_query=24576)),
    ("PRF029", _server(requested_server_ttft_latency=2_000_000_000, requested_server_tpot_latency=200_000_000)),
    ("PRF030", _server(effective_target_latency_percentile=0.99)),
]
CLOSED_ONLY = [case for case in MEASURED if case[0] != "PRF027"]


@pytest.mark.parametrize(("rule", "change"), CONTENT, ids=[rule for rule, _ in CONTENT])
def test_at_the_limit_the_rule_is_content(rule: str, change: Damage, tree: Tree) -> None:
    change(tree)
    assert tree.found(rule) == []


@pytest.mark.parametrize(("rule", "damage"), CLOSED_ONLY, ids=[rule for rule, _ in CLOSED_ONLY])
def test_the_open_division_may(rule: str, damage: Damage, tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open")
    damage(tree)
    assert tree.found(rule) == []


def test_a_finding_names_line_found_required_and_hint(tree: Tree) -> None:
    _server(effective_min_duration_ms=300000)(tree)
    (finding,) = tree.found("PRF006")
    log = tree.performance_log("Server").read_text().splitlines()
    assert "effective_min_duration_ms" in log[(finding.line or 0) - 1]
    assert (finding.found, finding.required) == ("300000 ms", "at least 600000 ms")
    assert finding.path.endswith(f"results/{SYSTEM}/llama2-70b-99.9/Server/performance/run_1/mlperf_log_detail.txt")
    assert "user.conf" in finding.hint


def test_interactive_is_held_to_its_own_limits(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, scenarios=(Scenario.OFFLINE, Scenario.INTERACTIVE))
    limit_ns = 450_000_000
    for ttft_ns, expected in ((limit_ns - 1, 0), (limit_ns, 1)):
        tree.set(tree.performance_log("Interactive"), result_first_token_99__00_percentile_latency_ns=ttft_ns)
        assert len(tree.found("PRF013")) == expected


def test_an_edge_system_may_infer_offline_from_single_stream(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open", (Scenario.OFFLINE,), benchmark="resnet")
    changed = {"effective_scenario": "SingleStream", "early_stopping_latency_ss": 5_000_000}
    tree.set(tree.performance_log(), **changed, result_qps_without_loadgen_overhead=201.5)
    assert tree.found("PRF002")
    system(system_type="edge")(tree)
    assert not tree.found("PRF002")
    (result,) = tree.check().results
    assert result.inferred
    assert result.metric is not None
    assert (result.metric.value, result.metric.unit) == (201.5, "Samples/s")


def test_fields_of_another_type_crash_no_rule(tree: Tree) -> None:
    _server(effective_target_latency_percentile="x", effective_samples_per_query=[1])(tree)
    assert tree.check().crashed == ()


@pytest.mark.parametrize(("samples", "is_enough"), [(50, True), (49, False)])
def test_the_table_counts_where_it_requires_fewer_samples(tmp_path: Path, samples: int, is_enough: bool) -> None:
    """Offline results of wan-2.2 were published with 50 to 100 samples; its data set has 248."""
    tree = write_tree(tmp_path, benchmark="wan-2.2-t2v-a14b", scenarios=(Scenario.OFFLINE,))
    _offline(generated_samples_per_query=samples)(tree)
    assert (tree.found("PRF028") == []) is is_enough


@pytest.mark.parametrize(
    ("round_name", "version", "severities"),
    [
        ("v4.1", "4.1.23", []),
        ("v4.1", "3.1", ["note"]),
        ("v5.1", "5.0.15", ["note"]),
        ("v5.1", "4.0", ["note"]),
        ("v5.1", "6.0.5", ["warning"]),
        ("v5.1", "7.0.0", ["error"]),
        ("v6.1", "6.0.15", ["error"]),
    ],
)
def test_an_older_or_newer_loadgen_with_the_rounds_seeds(
    tmp_path: Path, round_name: str, version: str, severities: list[str]
) -> None:
    tree = ResultTree(tmp_path, round_name, select=("PRF004", "PRF005"))
    log = tree.root / tree.grammar.performance(tree.key) / "mlperf_log_detail.txt"
    tree.set(log, "loadgen_version", f"{version} @ abc")
    found = tree.findings()
    assert [finding.severity for finding in found] == severities
    versions = tree.book.round.loadgen_versions
    assert all(finding.required == f"{versions[0]} to {versions[-1]}" for finding in found)


def test_with_wrong_seeds_the_seeds_are_what_is_wrong(tree: Tree) -> None:
    _server(loadgen_version="4.0 @ abc", effective_schedule_rng_seed=1)(tree)
    assert tree.found("PRF005") == []
    assert len(tree.found("PRF004")) == 1


def test_a_target_latency_of_true_is_refused_by_us_alone(tree: Tree) -> None:
    """Python compares true like 1, so the official checker of v5.1 passes it."""
    _server(effective_target_latency_ns=True)(tree)
    assert "PRF001" in tree.rules()
    assert {finding.rule for finding in tree.check(profile="official").findings} == set()
