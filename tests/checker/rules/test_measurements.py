"""MEA in every round: what stands beside a result, and what its measurement's description must have."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from damage import measurements, remove
from described_tree import DescribedTree
from rounds import OLD
from rule_cases import cases
from submission_tree import Tree, line, write_tree


def equal_issue(folder: Path, division: str = "closed") -> DescribedTree:
    tree = DescribedTree(folder, "v4.1", division)
    log = tree.result / "performance" / "run_1" / "mlperf_log_detail.txt"
    log.write_text(line("effective_sample_concatenate_permutation", True) + "\n")
    return tree


def configure(tree: DescribedTree, mlperf_conf: str, user_conf: str = "# ours\n") -> set[str]:
    (tree.measurements / "mlperf.conf").write_text(mlperf_conf)
    (tree.measurements / "user.conf").write_text(user_conf)
    return tree.rules()


def without_code(tree: DescribedTree) -> None:
    (tree.code / "README.md").unlink()
    tree.code.rmdir()


def with_power(tree: DescribedTree) -> None:
    (tree.result / "performance" / "power").mkdir()


CASES = [
    *cases(
        write_tree,
        [
            ("MEA001", remove("measurements.json")),
            ("MEA002", remove("README.md")),
            ("MEA002", lambda tree: (tree.result() / "user.conf").write_text("")),
            ("MEA003", measurements(retraining="")),
            ("MEA003", measurements(retraining=None)),
            ("MEA004", lambda tree: (tree.result() / "user.conf").write_text("*.*.target_qps = 300\n")),
        ],
    ),
    *cases(partial(DescribedTree, round_name="v5.1"), [("MEA005", without_code), ("MEA006", with_power)]),
    *cases(equal_issue, [("MEA007", lambda tree: configure(tree, "# nothing\n"))]),
]


def test_a_missing_measurement(any_round: DescribedTree) -> None:
    any_round.json.unlink()
    assert any_round.rules() == {"MEA001"}


@pytest.mark.parametrize("round_name", OLD)
@pytest.mark.parametrize(
    ("name", "found"),
    [("S1.json", True), ("S1_x.json", True), ("S12-b.json", True), ("S.json", False), ("x_S1.json", False)],
)
def test_an_old_measurement_is_found_by_the_systems_name(
    tmp_path: Path, round_name: str, name: str, found: bool
) -> None:
    tree = DescribedTree(tmp_path, round_name)
    tree.json.rename(tree.json.with_name(name))
    assert tree.rules() == (set() if found else {"MEA001"})


def test_required_files(any_round: DescribedTree) -> None:
    for name in any_round.book.measurements.required_files:
        text = (any_round.measurements / name).read_text()
        (any_round.measurements / name).write_text("")
        assert any_round.rules() - {"MEA007"} == {"MEA002"}
        (any_round.measurements / name).unlink()
        assert any_round.rules() - {"MEA007"} == {"MEA002"}
        (any_round.measurements / name).write_text(text)
    assert any_round.rules() == set()


@pytest.mark.parametrize("value", ["", 0, None, [], {}, False, ...])
def test_a_field_of_a_measurement_needs_a_value(any_round: DescribedTree, value: Any) -> None:
    any_round.measure(retraining=value)
    assert any_round.rules() == {"MEA003"}


def test_blanks_are_a_value_for_the_official_checker_alone(any_round: DescribedTree) -> None:
    any_round.measure(retraining=" ")
    assert any_round.rules() == set()
    assert [finding.rule for finding in any_round.check().findings if finding.severity == "error"] == ["MEA008"]


def test_weight_data_types_may_be_a_list_but_in_one_round(any_round: DescribedTree) -> None:
    any_round.measure(weight_data_types=["fp8", "bf16"])
    assert any_round.rules() == ({"MEA003"} if any_round.book.name == "v5.0" else set())


@pytest.mark.parametrize("round_name", OLD)
def test_the_code_of_the_benchmark(tmp_path: Path, round_name: str) -> None:
    tree = DescribedTree(tmp_path, round_name)
    without_code(tree)
    assert tree.rules() == {"MEA005"}
    tree.code.write_text("elsewhere\n")
    assert tree.rules() == {"MEA005"}
    (tree.code.parent / "elsewhere").mkdir()
    assert tree.rules() == set()
    tree.code.write_text("../../../../../etc")
    assert tree.rules() == {"MEA005"}
    tree.code.write_text("/etc")
    assert tree.rules() == {"MEA005"}


@pytest.mark.parametrize("round_name", OLD)
def test_power_needs_its_files_here_or_above(tmp_path: Path, round_name: str) -> None:
    tree = DescribedTree(tmp_path, round_name)
    with_power(tree)
    assert {finding.required for finding in tree.findings()} == {"analyzer_table.*", "power_settings.*"}
    (tree.measurements / "analyzer_table.md").write_text("x")
    (tree.submitter / "measurements" / "power_settings.md").write_text("")
    assert [finding.rule for finding in tree.findings()] == ["MEA006"]
    (tree.submitter / "measurements" / "power_settings.md").write_text("x")
    assert tree.findings() == []


def test_equal_issue_is_set_by_a_configuration_file(tmp_path: Path) -> None:
    tree = equal_issue(tmp_path)
    refused = {"MEA007"}
    assert configure(tree, "llama2-70b.*.sample_concatenate_permutation = 1\n") == set()
    assert configure(tree, "# nothing\n", "*.Offline.sample_concatenate_permutation = 1\n") == set()
    assert configure(tree, "*.*.sample_concatenate_permutation = 1", "*.*.sample_concatenate_permutation=0") == refused
    assert configure(tree, "*.Server.sample_concatenate_permutation = 1\n") == refused
    assert configure(tree, "gptj.*.sample_concatenate_permutation = 1\n") == refused
    assert configure(tree, "*.*.sample_concatenate_permutation = 2\n") == refused


def test_equal_issue_applies_to_closed_results_only(tmp_path: Path) -> None:
    assert configure(equal_issue(tmp_path, "open"), "# nothing\n") == set()


def test_a_line_that_is_not_a_setting_costs_the_result(tmp_path: Path) -> None:
    tree = equal_issue(tmp_path)
    configure(tree, "target_qps\n*.*.sample_concatenate_permutation = 1\n")
    assert [result.verdict for result in tree.check(profile="official").results] == ["invalid"]


@pytest.mark.parametrize(
    ("lines", "contradicts"),
    [
        (["*.*.target_qps = 2", "llama2-70b.Server.target_qps = 200"], False),
        (["llama2-70b.Server.target_qps = 200", "*.*.target_qps = 2"], False),
        (["llama2-70b.*.target_qps = 200", "*.Server.target_qps = 2"], True),
        (["llama2-70b.Server.target_qps = 2", "llama2-70b.Server.target_qps = 200"], False),
        (["*.Server.target_qps=2", "*.Server.target_qps", "#*.Server.target_qps = 2"], False),
        (["llama2-70b.Server.target_qps = 2", "llama2-70b.Server.target_qps = 200 # refused"], True),
        (["*.Server.min_duration = 6e5"], True),
        (["*.Server.min_duration = 600000.0"], False),
        (["llama2-70b.Offline.target_qps = 2"], False),
        (["bert.Server.target_qps = 2"], False),
        (["*.Server.sample_concatenate_permutation = 0"], True),
        (["*.Server.min_query_count = 5"], True),
    ],
)
def test_user_conf_is_read_as_loadgen_reads_it(lines: list[str], contradicts: bool, tree: Tree) -> None:
    (tree.result("Server") / "user.conf").write_text("\n".join(lines) + "\n")
    assert bool(tree.found("MEA004")) == contradicts


def test_files_that_contradict_their_logs_are_one_finding_of_the_system(tree: Tree) -> None:
    for scenario in ("Offline", "Server"):
        (tree.result(scenario) / "user.conf").write_text("*.*.target_qps = 300\n*.*.min_duration = 5\n")
    (finding,) = tree.found("MEA004")
    assert finding.message == "user.conf differs from the run's log in 2 of 2 results: target_qps"
    assert (finding.line, finding.path.endswith("Offline/user.conf")) == (1, True)
    tree.performance_log("Offline").unlink()
    (finding,) = tree.found("MEA004")
    assert finding.path.endswith("Server/user.conf")
