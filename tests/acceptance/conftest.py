"""A small campaign on the echo engine that was run from end to end."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from echo_campaign import Campaign, make_campaign, submitter


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Campaign, subprocess.CompletedProcess[str]]:
    """A campaign that was run once from end to end; tests only read it."""
    made = make_campaign(tmp_path_factory.mktemp("finished"))
    return made, made.submitter("run-all", str(made.file))


@pytest.fixture
def run_submitter() -> Callable[..., subprocess.CompletedProcess[str]]:
    return submitter
