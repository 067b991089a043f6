"""A submission tree and a campaign, each to be changed by a test."""

from __future__ import annotations

from pathlib import Path

import pytest
from echo_campaign import Campaign, make_campaign
from submission_tree import Tree, write_tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A valid closed submission of llama2-70b-99.9, Offline and Server."""
    return write_tree(tmp_path / "submission")


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """A small campaign on the echo engine, not run yet."""
    return make_campaign(tmp_path)
