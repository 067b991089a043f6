"""MEA: values of a measurement's description that say nothing."""

from __future__ import annotations

import pytest
from damage import measurements
from rule_cases import cases
from submission_tree import Tree, write_tree

CASES = cases(
    write_tree,
    [
        ("MEA008", measurements(retraining="  ")),
        ("MEA008", measurements(weight_data_types=8)),
        ("MEA008", measurements(weight_data_types=8.5)),
        ("MEA008", measurements(input_data_types=True)),
    ],
)


@pytest.mark.parametrize("value", ["fp8", ["fp8", "fp16"], {"unet": "int8", "vae": "fp16"}])
def test_text_and_a_value_for_each_part_pass(value: object, tree: Tree) -> None:
    tree.edit_json(tree.result() / "measurements.json", weight_data_types=value)
    assert tree.found("MEA008") == []
