"""ACC: the score and the log of the accuracy run, as each round's official checker judges them and beyond."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from damage import Damage, accuracy, error_in, renamed_benchmark, score
from result_tree import HASH, SCORE, ResultTree
from rounds import NEW, OLD, ROUNDS
from rule_cases import Case, cases
from submission_tree import Tree, write_tree


def _accuracy_log(text: str) -> Damage:
    return lambda tree: (tree.accuracy() / "mlperf_log_accuracy.json").write_text(text)


def _another_hash(tree: Tree) -> None:
    path = tree.accuracy() / "accuracy.txt"
    path.write_text(path.read_text() + "hash=deadbeef\n")


def _denied_error(tree: ResultTree) -> None:
    tree.add_error(tree.accuracy_log)
    tree.set(tree.accuracy_log, "num_errors", 0)


CASES = [
    *cases(
        write_tree,
        [
            ("ACC001", score("44.4495", "np.float64(44.4495)")),
            ("ACC001", score("'rouge2'", "'other'")),
            ("ACC002", score("44.4495", "44.30")),
            ("ACC002", score("284.2", "330.0")),
            ("ACC003", accuracy(effective_accuracy_sample_count=24575)),
            ("ACC004", score("'gen_num': 24576", "'gen_num': 100")),
            ("ACC005", score("hash=", "digest=")),
            ("ACC006", _another_hash),
            ("ACC007", _accuracy_log("[\n" + " " * 10240)),
            ("ACC008", _accuracy_log("[\n]\n")),
            ("ACC008", _accuracy_log("nothing")),
            ("ACC009", error_in("accuracy")),
            ("ACC010", accuracy(effective_test_mode="PerformanceOnly")),
            ("ACC011", accuracy(effective_scenario="Server")),
            ("ACC012", renamed_benchmark("wan-2.2-t2v-a14b")),
        ],
    ),
    Case(
        "ACC013",
        partial(ResultTree, round_name="v5.1"),
        lambda tree: (tree.accuracy / "notes.txt").write_text("x"),
    ),
    Case("ACC014", partial(ResultTree, round_name="v5.1", division="open"), lambda tree: tree.score.write_text(HASH)),
    Case("ACC015", partial(ResultTree, round_name="v5.1"), _denied_error),
]


@pytest.mark.parametrize("round_name", ROUNDS)
@pytest.mark.parametrize("profile", ["official", "full"])
def test_a_valid_result_has_nothing_wrong(tmp_path: Path, round_name: str, profile: str) -> None:
    assert not [f for f in ResultTree(tmp_path, round_name).findings(profile) if f.severity != "note"]


@pytest.mark.parametrize(
    ("score", "valid"),
    [
        ("accuracy=75.69539999999999%\n", True),
        ("accuracy=75.6953%\n", False),
        ("accuracy=np.float64(76.4)%\n", False),
        ("accuracy='76.4'\n", False),
        ("accuracy=76.4.5\n", False),
        ("accuracy=nan\n", False),
        ("accuracy=-76.4\n", False),
        ("  accuracy=76.456%\n", False),
        ("Accuracy=76.456%\n", False),
        ("", False),
        ("accuracy=12\naccuracy=76.456%\n", False),
        ("accuracy=76.456%\naccuracy=12\n", False),
        ("x\x0caccuracy=76.456%\n", False),
        ("x\raccuracy=76.456%\r\n", True),
    ],
)
@pytest.mark.parametrize("round_name", ROUNDS)
def test_the_score_of_a_closed_result(tmp_path: Path, round_name: str, score: str, valid: bool) -> None:
    tree = ResultTree(tmp_path, round_name)
    tree.score.write_text(score + HASH, newline="")
    assert tree.is_valid() is valid
    assert tree.is_valid("full") is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (HASH + SCORE, True),
        (SCORE + "hash=abc\n", True),
        (SCORE + "hash=abc", True),
        (SCORE, False),
        (SCORE + "hash=\n", False),
        (SCORE + "hash=abc \n", False),
        (SCORE + "hash = abc\n", False),
        (SCORE + " hash=abc\n", False),
        (SCORE + HASH + "accuracy=12\n", True),
    ],
)
@pytest.mark.parametrize("round_name", ROUNDS)
def test_the_hash_and_where_the_official_checkers_stop_reading(
    tmp_path: Path, round_name: str, text: str, valid: bool
) -> None:
    tree = ResultTree(tmp_path, round_name)
    tree.score.write_text(text)
    assert tree.is_valid() is valid


def test_an_open_result_is_forgiven_as_its_round_does(tmp_path: Path) -> None:
    def low(tree: ResultTree) -> None:
        tree.score.write_text("accuracy=12.5%\n")

    def nothing(tree: ResultTree) -> None:
        tree.score.write_text("no score\n")

    def no_number(tree: ResultTree) -> None:
        tree.score.write_text("accuracy=1.2.3\n" + HASH)

    def long(tree: ResultTree) -> None:
        (tree.accuracy / "mlperf_log_accuracy.json").write_text("[\n" + " " * 10240)

    def error(tree: ResultTree) -> None:
        tree.add_error(tree.accuracy_log)

    def count(tree: ResultTree) -> None:
        tree.set(tree.accuracy_log, "num_errors", 1)

    cases: dict[str, tuple[Callable[[ResultTree], None], tuple[str, ...]]] = {
        "low": (low, ROUNDS),
        "nothing": (nothing, ("v4.1", "v5.0", "v6.0", "v6.1")),
        "no number": (no_number, ()),
        "long": (long, OLD),
        # The v5.1 checker stumbles over an error, but it goes by the log's count where there is one.
        "error": (error, ("v4.1", "v5.0")),
        "count": (count, ("v4.1", "v5.0", "v6.0", "v6.1")),
    }
    for name, (damage, forgiving) in cases.items():
        for round_name in ROUNDS:
            tree = ResultTree(tmp_path / name / round_name, round_name, division="open")
            damage(tree)
            assert tree.is_valid() is (round_name in forgiving), (name, round_name)
            if round_name in forgiving and name in ("low", "long", "error"):
                assert {f.severity for f in tree.findings("official")} <= {"warning"}


@pytest.mark.parametrize("round_name", ROUNDS)
def test_an_open_result_without_any_score_is_an_error_in_full(tmp_path: Path, round_name: str) -> None:
    tree = ResultTree(tmp_path, round_name, division="open")
    assert "ACC014" not in tree.errors()
    tree.score.write_text(HASH)
    assert "ACC014" in tree.errors()


@pytest.mark.parametrize("round_name", ["v4.1", "v5.0"])
def test_an_open_result_may_state_its_score_in_quotes(tmp_path: Path, round_name: str) -> None:
    """The reference implementation of stable-diffusion-xl writes its scores so; before v5.1 no pattern matches them."""
    tree = ResultTree(tmp_path, round_name, division="open", benchmark="stable-diffusion-xl")
    tree.score.write_text("Accuracy Results: {'FID_SCORE': '237.8', 'CLIP_SCORE': '16.3'}\n" + HASH)
    assert "ACC014" not in tree.errors()
    hints = [finding.hint for finding in tree.findings() if finding.rule == "ACC001"]
    assert [hint.partition(":")[0] for hint in hints] == ["write 16.3 without quotes", "write 237.8 without quotes"]
    tree.score.write_text("Accuracy Results: {'FID_SCORE': 'none', 'CLIP_SCORE': ''}\n" + HASH)
    assert "ACC014" in tree.errors()


@pytest.mark.parametrize("round_name", ROUNDS)
def test_the_folder_holds_just_the_listed_files_until_v5_1(tmp_path: Path, round_name: str) -> None:
    tree = ResultTree(tmp_path, round_name)
    (tree.accuracy / "results.json").write_text("{}")
    (tree.accuracy / "images").mkdir()
    assert tree.is_valid()
    (tree.accuracy / "notes.txt").write_text("x")
    assert tree.is_valid() is (round_name in NEW)
    (tree.accuracy / "notes.txt").unlink()
    (tree.accuracy / "mlperf_log_summary.txt").unlink()
    assert tree.is_valid() is (round_name in NEW)


@pytest.mark.parametrize("round_name", ROUNDS)
def test_the_data_set_must_be_covered_from_v6_on(tmp_path: Path, round_name: str) -> None:
    tree = ResultTree(tmp_path, round_name)
    tree.set(tree.accuracy_log, "qsl_reported_total_count", 49999)
    assert tree.is_valid() is (round_name in OLD)
    assert "ACC003" in tree.errors()
    tree.set(tree.accuracy_log, "effective_accuracy_sample_count", 50000)
    assert tree.is_valid("full")


def test_errors_count_as_the_official_checker_counts_them(tmp_path: Path) -> None:
    for round_name in ROUNDS:
        tree = ResultTree(tmp_path / round_name, round_name)
        tree.add_error(tree.accuracy_log)
        assert "ACC009" in tree.errors("official")
        tree.set(tree.accuracy_log, "num_errors", 0)
        assert tree.is_valid() is (round_name == "v5.1")
        assert tree.errors() & {"ACC009", "ACC015"}


def test_a_count_of_the_scenario_is_found_by_the_folders_very_name(tmp_path: Path) -> None:
    tree = ResultTree(tmp_path, "v6.1", benchmark="qwen3-vl-235b-a22b")
    tree.set(tree.accuracy_log, "qsl_reported_total_count", 48289)
    assert "ACC003" not in tree.errors("official")
    folder = tree.accuracy.parent
    folder.rename(folder.parent / "offline")
    assert "ACC003" in tree.errors("official")
