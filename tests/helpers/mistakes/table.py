"""All mistakes, by the area in which they are made."""

from __future__ import annotations

from mistakes import (
    after_runs,
    campaign_file,
    command_line,
    data_set,
    documents,
    engine_settings,
    machine,
    model_folder,
    runs,
    starting,
    system,
    tree,
    user_conf,
)
from mistakes.record import Mistake

AREAS: dict[str, tuple[Mistake, ...]] = {
    "The command line": command_line.MISTAKES,
    "The first campaign": starting.MISTAKES,
    "The campaign file": campaign_file.MISTAKES,
    "user.conf": user_conf.MISTAKES,
    "engine.toml": engine_settings.MISTAKES,
    "The model": model_folder.MISTAKES,
    "The data set": data_set.MISTAKES,
    "Documents and measurements": documents.MISTAKES,
    "The system": system.MISTAKES,
    "The machine": machine.MISTAKES,
    "Runs": runs.MISTAKES,
    "After the runs": after_runs.MISTAKES,
    "The tree": tree.MISTAKES,
}
MISTAKES = tuple(mistake for area in AREAS.values() for mistake in area)
