"""SYS in every round: what a system description must have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from damage import system
from described_tree import DescribedTree
from rounds import NEW, OLD, ROUNDS
from rule_cases import Case, cases
from submission_tree import Tree, write_tree

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"status": "soon"}, "SYS002"),
    ({"status": None}, "SYS002"),
    ({"status": ...}, "SYS002"),
    ({"system_type": "Edge"}, "SYS003"),
    ({"system_type": "edge, datacenter"}, "SYS003"),
    ({"system_type": ["edge"]}, "SYS003"),
    ({"hw_notes": ...}, "SYS004"),
    ({"accelerators_per_node": 0}, "SYS005"),
    ({"cooling": ""}, "SYS005"),
    ({"cooling": []}, "SYS005"),
    ({"submitter": "Other"}, "SYS006"),
    ({"submitter": 5}, "SYS006"),
    ({"division": "open"}, "SYS007"),
    ({"division": ...}, "SYS007"),
    ({"is_network": True}, "SYS009"),
    ({"is_network": False}, "SYS009"),
    ({"is_network": 0}, "SYS009"),
    ({"sw_notes": ["a"], "hw_notes": ""}, "SYS010"),
    ({"sw_notes": "x", "hw_notes": 5}, "SYS010"),
]
BY_ROUND: list[tuple[dict[str, Any], str, tuple[str, ...]]] = [
    ({"division": "Closed"}, "SYS007", OLD),
    ({"is_network": "false"}, "SYS004", NEW),
    ({"is_network": ""}, "SYS004", ()),
    ({"framework": 5}, "SYS010", OLD),
    ({"accelerator_model_name": ["a"]}, "SYS010", OLD),
    ({"number_of_nodes": "one"}, "SYS010", NEW),
    ({"accelerators_per_node": "N/A"}, "SYS010", NEW),
    ({"accelerators_per_node": [8]}, "SYS010", NEW),
    ({"accelerators_per_node": float("inf")}, "SYS010", NEW),
    ({"hw_notes": 5, "sw_notes": ""}, "SYS010", OLD),
    ({"hw_notes": None, "sw_notes": "x"}, "SYS010", ()),
]


def described(changed: dict[str, Any]) -> Callable[[DescribedTree], None]:
    return lambda tree: tree.describe(**changed)


CASES = [
    *cases(partial(DescribedTree, round_name="v6.1"), [(rule, described(changed)) for changed, rule in REFUSED]),
    *(
        Case(rule, partial(DescribedTree, round_name=name), described(changed))
        for changed, rule, rounds in BY_ROUND
        for name in rounds
    ),
    *cases(
        write_tree,
        [
            ("SYS001", lambda tree: tree.system_json().unlink()),
            ("SYS002", system(status="soon")),
            ("SYS003", system(system_type="Datacenter")),
            ("SYS004", system(cooling=None)),
            ("SYS005", system(framework="")),
            ("SYS006", system(submitter="Other")),
            ("SYS007", system(division="open")),
            ("SYS008", system(is_network="true")),
        ],
    ),
]


def test_a_whole_description_passes(any_round: DescribedTree) -> None:
    assert any_round.findings() == []
    any_round.describe(hw_notes="", sw_notes="", accelerators_per_node="16", status="RDI")
    assert any_round.findings() == []


@pytest.mark.parametrize(("changed", "rule"), REFUSED)
def test_a_description_is_refused_in_every_round(any_round: DescribedTree, changed: dict[str, Any], rule: str) -> None:
    any_round.describe(**changed)
    assert rule in any_round.rules()


@pytest.mark.parametrize(("changed", "rule", "rounds"), BY_ROUND)
def test_what_differs_by_round(
    any_round: DescribedTree, changed: dict[str, Any], rule: str, rounds: tuple[str, ...]
) -> None:
    any_round.describe(**changed)
    assert any_round.rules() == ({rule} if any_round.book.name in rounds else set())


def test_a_networked_system_needs_the_networks_fields(tmp_path: Path) -> None:
    for round_name in ROUNDS:
        tree = DescribedTree(tmp_path / round_name, round_name, "network")
        tree.describe(is_network="True")
        missing = {finding.required for finding in tree.findings() if finding.rule == "SYS004"}
        assert missing == set(tree.book.system.network_fields) - {"is_network"}
        tree.describe(**dict.fromkeys(missing, ""))
        assert tree.findings() == []
        tree.describe(is_network="no")
        assert "SYS008" in tree.rules()


def test_closed_is_no_network_and_open_may_be_one(tmp_path: Path) -> None:
    closed, open_ = DescribedTree(tmp_path / "a", "v5.1"), DescribedTree(tmp_path / "b", "v5.1", "open")
    for tree in (closed, open_):
        tree.describe(**dict.fromkeys(tree.book.system.network_fields, "x") | {"is_network": "true"})
    assert closed.rules() == {"SYS008"}
    assert open_.rules() == set()


def test_a_missing_description(any_round: DescribedTree) -> None:
    any_round.description.unlink()
    assert any_round.rules() == {"SYS001"}


@pytest.mark.parametrize("field", ["number_of_nodes", "accelerators_per_node"])
def test_where_a_number_is_required_the_hint_names_one(tree: Tree, field: str) -> None:
    """SYS010 refuses "N/A" there."""
    tree.edit_json(tree.system_json(), **{field: None, "cooling": None})
    hints = {finding.required: finding.hint for finding in tree.found("SYS004")}
    assert hints[field] == f'add "{field}"; write a whole number, such as 1'
    assert hints["cooling"].endswith('write "N/A"')
