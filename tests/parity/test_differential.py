"""Damaged published results: the official profile says what the round's official checker says of each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from differential import OFFICIAL, official_tools, run, show

COPIES = int(os.environ.get("SUBMITTER_DIFFERENTIAL", "300"))


@pytest.mark.slow
@pytest.mark.skipif("MLCOMMONS_INFERENCE" not in os.environ, reason="needs a checkout of mlcommons/inference with tags")
@pytest.mark.parametrize("round_name", OFFICIAL)
def test_damaged_results_are_judged_alike(
    round_name: str, published: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roots = {archive: published(archive)[0] for archive in OFFICIAL[round_name][0]}
    tools = official_tools(Path(os.environ["MLCOMMONS_INFERENCE"]), round_name, tmp_path / "tools")
    outcome = run(tools, roots, round_name, COPIES, seed=1, scratch=tmp_path)
    with capsys.disabled():
        print()
        show(round_name, outcome)
    assert outcome.refused > 0
    assert outcome.disagreements == []
