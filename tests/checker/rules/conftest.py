from __future__ import annotations

from pathlib import Path

import pytest
from described_tree import DescribedTree
from power_tree import PowerTree, add_power
from rounds import ROUNDS
from submission_tree import Tree


@pytest.fixture(params=ROUNDS)
def any_round(request: pytest.FixtureRequest, tmp_path: Path) -> DescribedTree:
    """A valid result of each round in turn."""
    return DescribedTree(tmp_path, request.param)


@pytest.fixture
def power(tree: Tree) -> PowerTree:
    """A valid closed submission with a power measurement of Offline."""
    return add_power(tree)
