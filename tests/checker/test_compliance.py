"""Compliance tests, as each round's official checker judges them and beyond."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from result_tree import HASH, ResultTree
from submission_tree import EOS, Tree, answer, answers, log_text, performance_entries

from submitter.model import Scenario
from submitter.rulebook import load_rulebook

ROUNDS = ("v4.1", "v5.0", "v5.1", "v6.0", "v6.1")
OLD, NEW = ROUNDS[:3], ROUNDS[3:]
Break = Callable[[ResultTree], object]


def _write(test: str, name: str, text: str) -> Break:
    return lambda tree: (tree.test(test) / name).write_text(text, newline="")


def _log(test: str, key: str, value: object) -> Break:
    return lambda tree: tree.set(tree.log_of(test), key, value)


def _cut(test: str) -> Break:
    def cut(tree: ResultTree) -> None:
        log = tree.log_of(test)
        log.write_text(log.read_text()[:-100])

    return cut


# What is done to a valid result, the rule that finds it, and the rounds whose official checker refuses it.
CASES: dict[str, tuple[Break, str, tuple[str, ...]]] = {
    "a test is missing": (lambda tree: shutil.rmtree(tree.test("TEST01")), "CMP001", ROUNDS),
    "a test is spelled otherwise": (lambda tree: tree.test("TEST04").rename(tree.test("test04")), "CMP001", ROUNDS),
    "no verification": (lambda tree: (tree.test("TEST01") / "verify_performance.txt").unlink(), "CMP003", ROUNDS),
    "an empty verification": (_write("TEST04", "verify_performance.txt", ""), "CMP003", ROUNDS),
    "a failed verification": (_write("TEST04", "verify_performance.txt", "TEST FAIL\n"), "CMP003", ROUNDS),
    "in small letters": (_write("TEST04", "verify_performance.txt", "test pass\n"), "CMP003", ROUNDS),
    "more on the accuracy's line": (_write("TEST01", "verify_accuracy.txt", "so: TEST PASS\n"), "CMP003", NEW),
    "a binary verification": (
        lambda t: (t.test("TEST01") / "verify_accuracy.txt").write_bytes(b"\xff"),
        "CMP003",
        ROUNDS,
    ),
    "another seed": (_log("TEST01", "effective_qsl_rng_seed", 5), "CMP008", ROUNDS),
    "a short run": (_log("TEST04", "effective_min_duration_ms", 599999), "CMP008", ROUNDS),
    "no number to compare": (_log("TEST04", "effective_min_duration_ms", "long"), "CMP009", NEW),
    "no result": (_log("TEST04", "result_samples_per_second", None), "CMP009", NEW),
    "no result of the first test": (_log("TEST01", "result_samples_per_second", None), "INT002", ROUNDS),
    "no validity in the log": (_log("TEST04", "result_validity", None), "INT002", OLD),
    "a log cut off": (_cut("TEST04"), "CMP011", NEW),
    "the first log cut off": (_cut("TEST01"), "CMP011", ROUNDS),
    "an empty log": (lambda tree: tree.log_of("TEST04").write_text(""), "CMP009", NEW),
    "no summary": (lambda t: (t.log_of("TEST04").parent / "mlperf_log_summary.txt").unlink(), "CMP010", ROUNDS),
    "another file": (lambda t: (t.log_of("TEST04").parent / "notes.txt").write_text("x"), "CMP010", ROUNDS),
    "another accuracy file": (lambda t: _accuracy_file(t, "notes.txt"), "CMP010", OLD),
    "scores where outputs are the same": (lambda t: _accuracy_file(t, "baseline_accuracy.txt"), "CMP010", OLD),
}


def _accuracy_file(tree: ResultTree, name: str) -> None:
    folder = tree.test("TEST01") / "accuracy"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("x")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("round_name", ROUNDS)
def test_a_closed_result_needs_its_tests(tmp_path: Path, round_name: str, case: str) -> None:
    damage, rule, refusing = CASES[case]
    tree = ResultTree(tmp_path, round_name)
    damage(tree)
    assert tree.is_valid() is (round_name not in refusing)
    if round_name in refusing:
        assert rule in tree.errors()


@pytest.mark.parametrize("round_name", ROUNDS)
def test_an_open_result_needs_none(tmp_path: Path, round_name: str) -> None:
    for case in ("a test is missing", "a failed verification", "another seed", "another file"):
        tree = ResultTree(tmp_path / case, round_name, division="open")
        CASES[case][0](tree)
        assert tree.is_valid("full"), case


@pytest.mark.parametrize("round_name", ROUNDS)
def test_an_open_result_is_read_from_v6_on(tmp_path: Path, round_name: str) -> None:
    tree = ResultTree(tmp_path, round_name, division="open")
    _cut("TEST01")(tree)
    assert tree.is_valid() is (round_name in OLD)
    assert "CMP011" in tree.errors()


@pytest.mark.parametrize("round_name", ROUNDS)
def test_two_scores_stand_for_outputs_that_differ(tmp_path: Path, round_name: str) -> None:
    def score(baseline: float, compliance: float, *files: str) -> bool:
        tree = ResultTree(tmp_path / f"{baseline}-{compliance}-{len(files)}", round_name)
        (tree.test("TEST01") / "verify_accuracy.txt").write_text("TEST FAIL\n")
        for name in ("mlperf_log_accuracy.json", "accuracy.txt", *files):
            _accuracy_file(tree, name)
        for name, value in (("baseline_accuracy.txt", baseline), ("compliance_accuracy.txt", compliance)):
            (tree.test("TEST01") / "accuracy" / name).write_text(f"accuracy=12%\naccuracy={value}%\n" + HASH)
        return tree.is_valid()

    assert score(76.0, 76.7)
    assert score(76.7, 76.0)
    assert score(76.0, 76.7, "results.json")
    assert not score(76.0, 76.8)
    assert not score(77.0, 76.0)
    assert not score(0.0, 76.0)
    assert not score(76.0, 0.0)
    assert not score(76.0, 76.0, "notes.txt")


def test_test05_has_its_own_seeds(tmp_path: Path) -> None:
    tree = ResultTree(tmp_path, "v4.1")
    assert tree.is_valid()
    tree.set(tree.log_of("TEST05"), "effective_qsl_rng_seed", tree.book.seeds.qsl_rng_seed)
    assert tree.errors("official") == {"CMP008"}


@pytest.mark.parametrize("round_name", ROUNDS)
def test_errors_in_the_log_count_until_v5_1(tmp_path: Path, round_name: str) -> None:
    tree = ResultTree(tmp_path, round_name)
    tree.add_error(tree.log_of("TEST01"))
    assert tree.is_valid() is (round_name in NEW)
    tree.set(tree.log_of("TEST01"), "num_errors", 0)
    assert tree.is_valid() is (round_name in ("v5.1", *NEW))
    assert "CMP006" in tree.errors()


@pytest.mark.parametrize(("count", "rule"), [(0, "PRF026"), (1, "PRF015")])
def test_a_performance_log_that_denies_its_errors(tmp_path: Path, count: int, rule: str) -> None:
    tree = ResultTree(tmp_path, "v5.1")
    log = tree.root / tree.grammar.performance(tree.key) / "mlperf_log_detail.txt"
    tree.add_error(log)
    tree.set(log, "num_errors", count)
    assert {f.rule for f in tree.findings(select=("PRF015", "PRF026")) if f.severity == "error"} == {rule}


@pytest.mark.parametrize("text", ["junk\n", ":::MLLOG {\n"])
def test_a_log_that_the_official_checker_does_not_open_must_be_one(tree: Tree, text: str) -> None:
    (tree.result() / "TEST06" / "performance" / "run_1" / "mlperf_log_detail.txt").write_text(text)
    assert [f.severity for f in tree.found("CMP012")] == ["error"]
    assert tree.check(profile="official").results[0].verdict == "valid"


@pytest.mark.parametrize("round_name", ROUNDS)
def test_the_lines_of_test06(round_name: str) -> None:
    test = load_rulebook(round_name).compliance["TEST06"]
    assert [lines[0] for lines in test.verify["verify_accuracy.txt"]] == [
        "First token check pass: True",
        "EOS check pass: True",
        "Sample length check pass: True",
    ]


def _wide(index: int, ids: list[int]) -> str:
    return answer(index, ids, Scenario.OFFLINE, data="".join(i.to_bytes(8, "little").hex() for i in ids))


@pytest.mark.parametrize(
    ("text", "severities"),
    [
        (answers([_wide(0, [5, 6, EOS]), _wide(1, [7, EOS])]), []),
        (answers([_wide(0, [5, 6, EOS, EOS])]), ["error"]),
        (answers([_wide(0, [5, EOS]), answer(1, [7, 8], Scenario.OFFLINE)]), ["error"]),
        ("[\n" + answer(0, [5, 6], Scenario.OFFLINE) + ",\n{ cut\n\n...\n\n]\n", ["note"]),
        ("[\n{ cut\n]\n", ["error"]),
        ("[\n]\n", ["warning"]),
    ],
)
def test_the_answers_of_test06(tree: Tree, text: str, severities: list[str]) -> None:
    (tree.result() / "TEST06" / "accuracy" / "mlperf_log_accuracy.json").write_text(text)
    assert [finding.severity for finding in tree.found("CMP007")] == severities


def test_one_audit_setting_that_is_off_is_worth_a_warning(tree: Tree) -> None:
    log = tree.result() / "TEST06" / "performance" / "run_1" / "mlperf_log_detail.txt"
    tree.set(log, effective_min_duration_ms=600000)
    assert [finding.severity for finding in tree.found("CMP005")] == ["warning"]
    log.write_text(log_text(performance_entries(Scenario.OFFLINE)))
    assert {finding.severity for finding in tree.found("CMP005")} == {"error"}
