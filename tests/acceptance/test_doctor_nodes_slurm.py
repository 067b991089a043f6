"""`submitter doctor --nodes` within a job of a real Slurm: its host list, and srun as the way to each node."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

slurm_cluster = pytest.importorskip("slurm_cluster", reason="the helper that starts Slurm is not there")
pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_nodes_of_a_job(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("s")
    output = folder / "job.out"
    doctor = f'PYTHONPATH={REPOSITORY} {sys.executable} -m submitter.cli doctor --nodes "$SLURM_JOB_NODELIST"'
    with slurm_cluster.running_cluster(folder) as cluster:
        number = cluster.call(
            "sbatch", "--parsable", "--nodes=2", "--ntasks-per-node=1", f"--output={output}", f"--wrap={doctor}"
        ).strip()
        cluster.wait(number, "COMPLETED", "FAILED", limit_s=90)
    text = output.read_text()
    assert "asking 2 nodes ..." in text
    assert "2 of 2 nodes examined" in text, "both were reached by srun"
    # Both are this host, so that no network is common to them, and their names are none that resolve.
    wrong = [line for line in text.splitlines() if line.startswith("WRONG") and "memory available" not in line]
    assert {line.partition(": TCP")[0] for line in wrong} == {"WRONG    n1 -> n2", "WRONG    n2 -> n1"}
