"""ACC: scores and counts that cannot be."""

from __future__ import annotations

import pytest
from damage import score
from rule_cases import cases
from submission_tree import Tree, write_tree

CASES = cases(
    write_tree,
    [
        ("ACC017", score("'rouge1': 44.4495", "'rouge1': 9999.0")),
        ("ACC017", score("'rougeL': 28.8592", "'rougeL': 100.01")),
        *(("ACC018", score("'gen_num': 24576", f"'gen_num': {text}")) for text in ("-1", "nan", "inf", "'many'")),
    ],
)


@pytest.mark.parametrize(
    ("old", "new"), [("'rouge1': 44.4495", "'rouge1': 100.0"), ("'gen_num': 24576", "'gen_num': '24576'")]
)
def test_the_best_possible_score_and_a_quoted_count_pass(old: str, new: str, tree: Tree) -> None:
    score(old, new)(tree)
    assert tree.rules() & {"ACC017", "ACC018"} == set()


def test_a_folder_in_place_of_the_accuracy_log_is_refused_by_us_alone(tree: Tree) -> None:
    """The official checker of v6.0 takes the size of whatever is there."""
    log = tree.accuracy() / "mlperf_log_accuracy.json"
    log.unlink()
    log.mkdir()
    assert tree.check().exit_code == 1
    assert tree.check(profile="official").exit_code == 0
