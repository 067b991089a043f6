"""A short part of `make faults`: a few faults of each kind, with the same code. The table in docs/reliability.md has all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faults import engine, page
from faults.comparison import differences
from faults.disk import FAULTS
from faults.record import Attempt, Fault
from faults.site import REPOSITORY, Ended

pytest.importorskip("mlperf_loadgen")
pytest.importorskip("tokenizers")

# One of each kind, and no two that wait for a limit.
CHOSEN = ("kill-echo", "engine-dies", "full-score", "read-only-assemble", "sigterm-run")


def test_a_campaign_goes_on_after_a_few_faults() -> None:
    command = ["unshare", "--mount", sys.executable, "-m", "faults", *CHOSEN, "--kills", "3", "--seed", "11"]
    if os.geteuid() != 0:
        pytest.skip("only root makes mount namespaces")
    path = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "tests" / "helpers")))
    done = subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(": as required") == 3 + len(CHOSEN) - 1
