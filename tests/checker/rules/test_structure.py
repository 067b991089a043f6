"""STR in every round: what each rule objects to, in which rounds, and which results it costs.

The expectations by round were tried against the official checkers of these rounds on published results.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest
from damage import Damage, remove
from rounds import NEW, OLD, ROUNDS
from rule_cases import Case, cases
from structure_tree import (
    BOTH,
    NONE,
    Edit,
    StructureTree,
    describe,
    drop,
    large,
    link,
    rename,
    unlink,
    write,
)
from submission_tree import Tree, write_tree

# Rule, edit, the rounds that ask it, the results that it costs there.
BY_ROUND: list[tuple[str, Edit, tuple[str, ...], set[str]]] = [
    ("STR001", lambda tree: (tree.run / "mlperf_log_detail.txt").unlink(), ROUNDS, {"Offline"}),
    ("STR002", lambda tree: (tree.run / "mlperf_log_detail.txt").write_bytes(b"\xff"), ROUNDS, {"Offline"}),
    ("STR003", unlink("accuracy/accuracy.txt"), ROUNDS, {"Offline"}),
    ("STR003", unlink("accuracy/mlperf_log_accuracy.json"), ROUNDS, {"Offline"}),
    ("STR005", rename("Server", "SERVER"), ROUNDS, {"SERVER"}),
    ("STR005", rename("Server", "Interactive"), ("v4.1", "v5.0"), {"Interactive"}),
    ("STR007", lambda tree: tree.base.rename(tree.base.parent / "llama1"), ROUNDS, BOTH),
    ("STR008", drop("Offline"), NEW, {"Server"}),
    ("STR008", drop("Server"), NEW, {"Offline"}),
    ("STR009", lambda tree: shutil.rmtree(tree.code), NEW, BOTH),
    ("STR020", lambda tree: tree.write(tree.root / "x.txt"), OLD, BOTH),
    ("STR021", lambda tree: tree.write(tree.root / "closed" / "x.md"), OLD, BOTH),
    ("STR022", link("README.md"), OLD, BOTH),
    ("STR022", link("documentation/calibration.md"), OLD, BOTH),
    ("STR022", link("closed/Acme/documentation/calibration.md"), OLD, BOTH),
    ("STR023", large, OLD, BOTH),
    ("STR024", lambda tree: tree.write(tree.code / ".gitkeep"), OLD, BOTH),
    ("STR024", write("results", ".cache", "x"), OLD, BOTH),
    ("STR025", write("documentation", "a b.md"), OLD, BOTH),
    ("STR025", write("a b", "c.md"), OLD, BOTH),
    ("STR026", write("documentation", "__pycache__", "x.pyc"), OLD, BOTH),
    ("STR027", lambda tree: (tree.submitter / "documentation" / "x").mkdir(), OLD, BOTH),
    ("STR028", write("systems", "other.json"), ("v5.1",), NONE),
    ("STR028", write("measurements", "other", "x.json"), ("v5.1",), NONE),
    ("STR029", lambda tree: (tree.submitter / "documentation" / "calibration.md").unlink(), ("v5.1",), NONE),
    ("STR030", describe("edge"), ROUNDS, BOTH),
    ("STR032", drop("Offline"), OLD, NONE),
    ("STR032", drop("Server"), ("v4.1", "v5.0"), NONE),
    ("STR033", lambda tree: tree.add("MultiStream"), OLD, {"MultiStream"}),
    ("STR036", lambda tree: tree.write(tree.run / "notes.txt"), OLD, {"Offline"}),
    ("STR036", lambda tree: (tree.run / "mlperf_log_summary.txt").unlink(), OLD, {"Offline"}),
    ("STR037", lambda tree: tree.add("MultiStream"), NEW, {*BOTH, "MultiStream"}),
]
# What the official checkers do not mind.
HARMLESS: list[tuple[Edit, tuple[str, ...]]] = [
    (rename("Server", "server"), ROUNDS),
    (rename("Server", "Interactive"), ("v5.1", *NEW)),
    (lambda tree: tree.write(tree.root / "x.md"), ROUNDS),
    (lambda tree: tree.write(tree.root / "x.pdf"), ROUNDS),
    (lambda tree: tree.write(tree.root / "assets" / "x.png"), ROUNDS),
    (lambda tree: tree.write(tree.root / "closed" / "nobody" / "a b.txt"), ROUNDS),
    (link("documentation"), ROUNDS),
    (lambda tree: tree.write(tree.run / "mlperf_log_trace.json"), ROUNDS),
    (lambda tree: tree.write(tree.run / "mlperf_log_accuracy.json"), ROUNDS),
    (lambda tree: tree.write(tree.run / "more" / "notes.txt"), ROUNDS),
    (write("systems", "other.txt"), ROUNDS),
    (lambda tree: (tree.base / "Offline" / "user.conf").write_bytes(b"\xff"), NEW),
]
ROOT_FILES: list[tuple[str, Damage]] = [
    ("STR001", remove("performance", "run_1", "mlperf_log_detail.txt")),
    ("STR002", lambda tree: tree.performance_log().write_bytes(b"\x00\xff not a log")),
    ("STR002", lambda tree: tree.system_json().write_text("[1, 2]")),
    ("STR003", remove("accuracy", "accuracy.txt")),
    ("STR003", remove("accuracy", "mlperf_log_accuracy.json")),
    ("STR004", remove("performance", "run_1", "mlperf_log_summary.txt")),
    ("STR009", lambda tree: (tree.submitter / "src").rename(tree.submitter / "code")),
    ("STR010", lambda tree: (tree.submitter / "src" / "README.md").unlink()),
]


def of_round(name: str) -> partial[StructureTree]:
    return partial(StructureTree, round_name=name)


def unreadable_user_conf(tree: StructureTree) -> None:
    (tree.base / "Offline" / "user.conf").write_bytes(b"\xff")


CASES = [
    *(Case(rule, of_round(name), edit) for rule, edit, rounds, _ in BY_ROUND for name in rounds),
    *cases(of_round("v6.1"), [("STR035", unreadable_user_conf)]),
    *cases(write_tree, ROOT_FILES),
]


@pytest.mark.parametrize(
    ("edit", "costs", "rule", "name"),
    [
        pytest.param(edit, costs if name in rounds else None, rule, name, id=f"{number} {rule} {name}")
        for number, (rule, edit, rounds, costs) in enumerate(BY_ROUND)
        for name in ROUNDS
    ],
)
def test_a_rule_objects_in_its_rounds_and_costs_its_results(
    tmp_path: Path, edit: Edit, costs: set[str] | None, rule: str, name: str
) -> None:
    tree = StructureTree(tmp_path, name)
    edit(tree)
    if costs is None:
        assert rule not in tree.rules()
    else:
        assert rule in tree.rules()
        assert tree.refused() == costs


@pytest.mark.parametrize("name", ROUNDS)
@pytest.mark.parametrize("division", ["closed", "open", "network"])
def test_a_whole_tree_passes_both_profiles(tmp_path: Path, division: str, name: str) -> None:
    tree = StructureTree(tmp_path, name, division)
    assert tree.rules() == set()
    # The documents of v6.x are called otherwise, but begin so.
    assert tree.rules("full") == set()


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        pytest.param(edit, name, id=f"{number} {name}")
        for number, (edit, rounds) in enumerate(HARMLESS)
        for name in rounds
    ],
)
def test_what_the_official_checker_does_not_mind_passes(tmp_path: Path, edit: Edit, name: str) -> None:
    tree = StructureTree(tmp_path, name)
    edit(tree)
    assert tree.rules() == set()


def test_an_unreadable_file_that_the_official_checker_does_not_read_is_ours_to_report(tmp_path: Path) -> None:
    tree = StructureTree(tmp_path, "v6.1")
    unreadable_user_conf(tree)
    assert tree.rules("full") == {"STR035"}
    assert tree.rules("official") == set()


@pytest.mark.parametrize("link", ["src", "src/llama2"])
def test_the_source_may_be_a_link_to_a_folder_of_the_tree(tree: Tree, link: str) -> None:
    """In two submissions of v6.0 `src` leads to `code` beside it."""
    code = tree.submitter / "code"
    (tree.submitter / "src").rename(code)
    (tree.submitter / link).parent.mkdir(exist_ok=True)
    (tree.submitter / link).symlink_to(code)
    assert tree.found("STR010") == []
    (code / "README.md").unlink()
    assert len(tree.found("STR010")) == 1
