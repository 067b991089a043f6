"""The folder of a run that has not ended, `RunPlan.partial_folder`."""

from __future__ import annotations

import shutil
from pathlib import Path

from submitter.harness.kept_settings import keep_settings
from submitter.harness.plan import RunPlan
from submitter.record import RECORD


def prepared(run: RunPlan, runs: list[RunPlan]) -> RunPlan:
    """Create the folder for a run's logs and append the run to `runs`; returns the run as the child gets it."""
    partial = run.partial_folder
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    runs.append(run)
    return run.model_copy(update={"folder": partial, "user_conf": keep_settings(run.user_conf, partial)})


def is_unfinished(partial: Path) -> bool:
    """Whether it is a folder of a run that has not ended: with its record it is a finished run, whatever its name."""
    return partial.is_dir() and not (partial / RECORD).is_file()
