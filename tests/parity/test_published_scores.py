"""`submitter score` of a published tree: AMD's figures of v4.1, and what their scores leave to the targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from submitter.cli import app


def test_the_seeds_figures(published: Any) -> None:
    tree, oracle = published("v4.1")
    system = "closed/AMD/results/8xMI300X_2xEPYC-9374F"
    done = CliRunner().invoke(app, ["score", str(Path(tree, system))])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    for scenario, figure in (("Offline", 23514.8), ("Server", 21028.2)):
        result = f"{system}/llama2-70b-99.9/{scenario}"
        assert oracle[result]["metric"] == figure
        start = next(number for number, line in enumerate(lines) if line.startswith(f"{result}: {figure} "))
        assert lines[start + 1].startswith("  rouge1 44.5")
        assert lines[start + 1].endswith(" % above 44.3868")
        assert lines[start + 5] == "  accuracy log truncated: it cannot be scored again"
