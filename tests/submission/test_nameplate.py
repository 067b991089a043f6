"""The power supplies' rating: the sum that the official template's file comes to."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from submission_tree import BOOK, SYSTEM, Tree

from submitter.submission import open_submission
from submitter.submission.nameplate import rated_watts
from submitter.submission.tree import Unrated

TEMPLATE = """
My System:
- My Rack 1:
  - My Server 1:
    - Description: 'two supplies, one is enough'
      Min PSUs Needed: 1
      PSUs:
      - Name: PSU 1
        PowerCapacityWatts: 1200
      - Name: PSU 2
        PowerCapacityWatts: 1500
  - My Switch 1:
    - Min PSUs needed: 2
      PSUs:
      - Name: PSU 1
        PowerCapacityWatts: 100.5
      - Name: PSU 2
"""


def test_the_rating_is_the_sum_of_the_largest_supplies_that_are_needed() -> None:
    assert rated_watts(yaml.safe_load(TEMPLATE)) == 1500 + 100.5


def test_a_device_inside_a_device_does_not_count_twice() -> None:
    device = {"PSUs": [{"PowerCapacityWatts": 100, "inner": [{"PowerCapacityWatts": 7}]}], "Min PSUs Needed": 1}
    assert rated_watts({"rack": device}) == 100


@pytest.mark.parametrize("content", [{}, [], "text", 5, {"a": [{"b": None}]}, {"PSUs": [{"PowerCapacityWatts": 5}]}])
def test_what_holds_no_device_is_0(content: Any) -> None:
    assert rated_watts(content) == 0


def device(supplies: object, needed: object = 1) -> dict[str, object]:
    return {"Min PSUs Needed": needed, "PSUs": supplies}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "empty"),
        ({1: 2}, "name"),
        ([{"a": {None: 1}}], "name"),
        (device(1200), "list"),
        (device([1200]), "list"),
        (device("none"), "list"),
        (device([{}], "one"), "number of PSUs"),
        (device([{}], 1.5), "number of PSUs"),
        (device([{"PowerCapacityWatts": "many"}]), "PowerCapacityWatts"),
        (device([{"PowerCapacityWatts": None}]), "PowerCapacityWatts"),
    ],
)
def test_what_is_not_as_the_template_is(content: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        rated_watts(content)


def test_numbers_too_large_to_add_up() -> None:
    with pytest.raises(OverflowError):
        rated_watts(device([{"PowerCapacityWatts": 10**400}, {"PowerCapacityWatts": 1.5}], 2))


def test_a_circle_has_no_sum() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(RecursionError):
        rated_watts(circle)


def test_a_part_that_is_named_again_and_again_is_added_up_once() -> None:
    part: Any = [device([{"PowerCapacityWatts": 1}])]
    for _ in range(200):
        part = [part, part]
    started_s = time.monotonic()
    assert rated_watts(part) == 2**200
    assert time.monotonic() - started_s < 5


# As a system of the tree has it


def rating(tree: Tree, text: str | None = None) -> Any:
    if text is not None:
        tree.system_json().with_name(f"{SYSTEM}_power.yaml").write_text(text)
    (system,) = open_submission(tree.root, BOOK).submitters[0].systems
    return system.design_power_watts


def test_the_description_goes_before_the_file(tree: Tree) -> None:
    assert rating(tree) is None
    assert rating(tree, TEMPLATE) == 1500 + 100.5
    tree.edit_json(tree.system_json(), system_power_capacity="3000 W")
    assert rating(tree, "") == "3000 W"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        TEMPLATE.replace("1200", "many"),
        TEMPLATE.replace("Needed: 1", "Needed: one"),
        "Min PSUs Needed: 1\nPSUs: [1200]\n",
        "1: 2\n",
        "a: &a [*a]\n",
        f"Min PSUs Needed: 2\nPSUs: [{{PowerCapacityWatts: 1{'0' * 400}}}, {{PowerCapacityWatts: 1.5}}]\n",
    ],
)
def test_a_file_that_cannot_be_added_up_is_unrated(tree: Tree, text: str) -> None:
    with pytest.raises(Unrated) as error:
        rating(tree, text)
    assert Path(error.value.path).name == f"{SYSTEM}_power.yaml"


def test_a_file_of_aliases_costs_no_time(tree: Tree) -> None:
    doubled = "".join(f"l{n}: &l{n} [*l{n - 1}, *l{n - 1}]\n" for n in range(1, 45))
    assert rating(tree, "l0: &l0 [1]\n" + doubled) == 0
