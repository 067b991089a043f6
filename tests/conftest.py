"""A submission tree and a campaign, each to be changed by a test."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from echo_campaign import Campaign, make_campaign
from submission_tree import Tree, write_tree

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts a job in the background with Ctrl-C ignored, and so would be every program that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A valid closed submission of llama2-70b-99.9, Offline and Server."""
    return write_tree(tmp_path / "submission")


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """A small campaign on the echo engine, not run yet."""
    return make_campaign(tmp_path)
