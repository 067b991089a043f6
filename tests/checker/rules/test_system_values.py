"""SYS: values of a system description that no system has."""

from __future__ import annotations

from typing import Any

import pytest
from damage import system
from rule_cases import cases
from submission_tree import Tree, write_tree

CASES = cases(
    write_tree,
    [
        ("SYS011", system(number_of_nodes=-1)),
        ("SYS011", system(number_of_nodes=0)),
        ("SYS011", system(number_of_nodes="-1")),
        ("SYS011", system(number_of_nodes=True)),
        ("SYS011", system(accelerators_per_node=-8)),
        ("SYS011", system(host_processors_per_node="two")),
        ("SYS012", system(system_name="   ")),
        ("SYS012", system(framework="\n")),
        ("SYS012", system(accelerator_frequency=False)),
        ("SYS012", system(host_processor_caches=["a"])),
        ("SYS012", system(operating_system=float("nan"))),
        ("SYS012", system(accelerator_memory_capacity=10**400)),
    ],
)
HARMLESS: list[dict[str, Any]] = [
    {"number_of_nodes": 72},
    {"number_of_nodes": " 2 "},
    {"accelerators_per_node": "0"},
    {"host_processors_per_node": "N/A"},
    {"hw_notes": ""},
    {"other_software_stack": {"vLLM": "0.9"}},
    {"host_processor_core_count": 144},
    {"remark": [True]},
]


@pytest.mark.parametrize("changed", HARMLESS)
def test_what_published_descriptions_have_passes(changed: dict[str, Any], tree: Tree) -> None:
    tree.edit_json(tree.system_json(), **changed)
    assert tree.rules() & {"SYS011", "SYS012"} == set()


@pytest.mark.parametrize("text", ["two", "1.5", "\u0661"])
def test_a_number_of_nodes_is_written_in_digits(text: str, tree: Tree) -> None:
    """SYS010 finds the first two in the newer rounds; Python takes the third for a number."""
    tree.edit_json(tree.system_json(), number_of_nodes=text)
    assert tree.rules() & {"SYS010", "SYS011"}


def test_a_blank_field_fails_the_submission_and_no_result(tree: Tree) -> None:
    tree.edit_json(tree.system_json(), system_name=" ")
    report = tree.check()
    assert report.exit_code == 1
    assert {result.verdict for result in report.results} == {"valid"}
