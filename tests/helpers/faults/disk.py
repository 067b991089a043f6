"""A full disk, a folder that may no longer be written, and one that somebody removes."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from full_disk import filled

from faults.record import Base, Fault
from faults.site import Ended, Running, Site

_ROOM_BYTES = 320 << 20  # more than preflight requires of a campaign on echo
_STAGES = {"score": Base.RUN, "assemble": Base.SCORED}
_IN_A_RUN = "^Offline TEST06"  # Server's performance run has begun
_FULL, _DENIED = "the disk is full", "permission denied"


def _run_stage(site: Site, stage: str, *, is_user: bool = False) -> Running:
    running = site.start(stage, site.file, is_user=is_user)
    running.at_fault()
    return running


def _full_in_a_run(site: Site) -> Ended:
    running = site.start("run-all", site.file)
    running.wait_for(_IN_A_RUN)
    running.at_fault()
    with filled(site.output):
        return running.end(60)


def _full(site: Site, *, stage: str) -> Ended:
    with filled(site.output):
        return _run_stage(site, stage).end(60)


def _read_only_in_a_run(site: Site) -> Ended:
    running = site.start("run-all", site.file, is_user=True)
    running.wait_for(_IN_A_RUN)
    running.at_fault()
    with read_only(site.output):
        return running.end(60)


def _read_only_at(site: Site, *, stage: str) -> Ended:
    with read_only(site.output):
        return _run_stage(site, stage, is_user=True).end(60)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing below the folder may be created, renamed or removed until the block ends."""
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    modes = [path.stat().st_mode for path in folders]
    for path in folders:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path, mode in zip(folders, modes, strict=True):
            if path.exists():
                path.chmod(mode)


def _removed(site: Site) -> Ended:
    running = site.start("run-all", site.file)
    running.wait_for(_IN_A_RUN)
    running.at_fault()
    shutil.rmtree(site.output, ignore_errors=True)
    return running.end(60)


FAULTS = (
    Fault(
        id="full-run",
        what="the disk is full",
        stage="run",
        inject=_full_in_a_run,
        message=_FULL,
        room_bytes=_ROOM_BYTES,
    ),
    *(
        Fault(
            id=f"full-{stage}",
            what="the disk is full",
            stage=stage,
            inject=partial(_full, stage=stage),
            message=_FULL,
            base=base,
            room_bytes=_ROOM_BYTES,
        )
        for stage, base in _STAGES.items()
    ),
    Fault(
        id="read-only-run",
        what="the output folder may no longer be written",
        stage="run",
        inject=_read_only_in_a_run,
        message=_DENIED,
        codes=(2, 4),
        cleans_up=False,
        keeps_a_reason=False,
    ),
    *(
        Fault(
            id=f"read-only-{stage}",
            what="the output folder may not be written",
            stage=stage,
            inject=partial(_read_only_at, stage=stage),
            message=_DENIED,
            codes=(2, 4),
            base=base,
            keeps_a_reason=False,
        )
        for stage, base in _STAGES.items()
    ),
    Fault(
        id="output-removed",
        what="somebody removes the output folder",
        stage="run",
        inject=_removed,
        loses_runs=True,
        keeps_a_reason=False,
    ),
)
