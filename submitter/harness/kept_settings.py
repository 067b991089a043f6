"""The settings of a run, kept in its folder: LoadGen's, the engine's, and the options of the engine's servers.

A campaign's files may change after a run. What the run keeps is hashed in its record, and goes into the submission.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pydantic import ValidationError

from submitter import input_file, layout
from submitter.errors import InputError
from submitter.harness.plan import EngineSettings, RunPlan


def keep_settings(user_conf: Path, folder: Path) -> Path:
    """Copy `user.conf` and the settings beside it to `folder`; returns the copy of `user.conf`, for LoadGen to read."""
    kept = folder / layout.USER_CONF
    shutil.copyfile(user_conf, kept)
    for path in sorted(user_conf.parent.iterdir()):
        if path.name == layout.ENGINE_TOML or path.suffix == layout.SERVER_OPTIONS:
            shutil.copyfile(path, folder / path.name)
    return kept


def require_planned(run: RunPlan, engine: EngineSettings) -> None:
    """InputError if `engine.toml`, as the run keeps it, is no longer what was planned, which the engine gets."""
    kept = run.partial_folder / layout.ENGINE_TOML
    if kept.is_file() and not _has(kept, engine):
        changed = run.user_conf.with_name(layout.ENGINE_TOML)
        raise InputError(f"{changed} was changed after this command had read it", "run it again")


def _has(engine_toml: Path, engine: EngineSettings) -> bool:
    try:
        return EngineSettings.model_validate(input_file.read_toml(engine_toml, "engine settings file")) == engine
    except (InputError, ValidationError):
        return False
