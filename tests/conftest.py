from __future__ import annotations

from pathlib import Path

import pytest
from submission_tree import Tree, write_tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A valid closed submission of llama2-70b-99.9, Offline and Server."""
    return write_tree(tmp_path / "submission")
