"""The manifest of a tree we assembled: what each result is made of, and every file's hash.

It is ours, not MLCommons': `layout.manifest` says where it lies. A stranger's tree has none, and needs none.
"""

from __future__ import annotations

from pydantic import Field

from submitter.record import RunRecord
from submitter.strict_record import StrictRecord


class ManifestFullRun(StrictRecord):
    """How to make the real submission that a smoke tree only previews."""

    command: str
    """As a user types it."""
    expected_s: float
    """How long it takes at the target rates, scoring and assembly included."""


class ManifestResult(StrictRecord):
    """One result and the runs it was made of."""

    path: str
    """The result's folder, relative to the folder that holds the divisions."""
    runs: dict[str, RunRecord]
    """By the run's mode."""
    accuracy_target: dict[str, float] = Field(default_factory=dict)
    """The lowest allowed value of each metric: the round's for an official benchmark, and for an open division's own
    model what its campaign declares."""
    accuracy_log_sha256: str | None = None
    """Of the untruncated log."""


class Manifest(StrictRecord):
    """What a tree is made of."""

    version: int = 1
    submitter_version: str
    """The version of this program that assembled it."""
    round: str
    smoke: bool
    """Whether its runs were short ones, which rehearse the process: it is a preview then, and no submission."""
    full_run: ManifestFullRun | None = None
    """None where the tree is no preview, or its campaign names no full one."""
    results: tuple[ManifestResult, ...]
    files: dict[str, str]
    """The SHA-256 of every file but the manifest, by its path relative to the folder that holds the divisions."""
