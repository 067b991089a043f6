"""Gives a finished run its folder. The earlier run in it lives until then, whatever ends the process.

A run's logs are written to `<mode>.partial`, and its record is the last file there: from then on it is finished. The
earlier run's folder gets a name that ends with `.replaced`, the new one takes its place, and only then is the earlier
one removed. A process that is killed in between leaves one of these states, and the next one goes on from it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from submitter.harness.plan import partial_folder
from submitter.record import RECORD

REPLACED = ".replaced"


def replaced_folder(folder: Path) -> Path:
    return folder.with_name(folder.name + REPLACED)


def finished_folder(folder: Path) -> Path | None:
    """Where the finished run is that belongs to `folder`; None if there is none. Nothing is changed."""
    places = [partial_folder(folder), folder]
    if not folder.exists():
        places.append(replaced_folder(folder))
    return next((place for place in places if (place / RECORD).is_file()), None)


def settle(folder: Path) -> None:
    """Bring the finished run that belongs to `folder` there, if there is one, and remove the one that it replaces."""
    found, replaced = finished_folder(folder), replaced_folder(folder)
    if found is None:
        return
    if found == partial_folder(folder) and folder.exists():
        shutil.rmtree(replaced, ignore_errors=True)  # if it is there, the run in `folder` has replaced it
        folder.rename(replaced)
    if found != folder:
        found.rename(folder)
    shutil.rmtree(replaced, ignore_errors=True)
