"""The manifest of an assembled tree: the runs of each result, and the hash of every file.

It is our own addition, not part of MLCommons' format; `layout.manifest` gives its path. Other submitters' trees have
none and need none.
"""

from __future__ import annotations

from pydantic import Field

from submitter.record import RunRecord
from submitter.strict_record import StrictRecord


class ManifestFullRun(StrictRecord):
    """How to make the full submission that a smoke tree previews."""

    command: str
    """As a user types it."""
    expected_s: float
    """How long that takes at the target rates, in s, scoring and assembly included."""


class ManifestResult(StrictRecord):
    """One result and its runs."""

    path: str
    """The result's folder, relative to the folder that holds the divisions."""
    runs: dict[str, RunRecord]
    """The runs' records, by mode."""
    accuracy_target: dict[str, float] = Field(default_factory=dict)
    """The lowest allowed value of each metric: that of the round for an official benchmark, that of the campaign for a
    submitter's own model in the open division."""
    accuracy_log_sha256: str | None = None
    """The SHA-256 of the untruncated log."""


class Manifest(StrictRecord):
    """The contents of a tree."""

    version: int = 1
    submitter_version: str
    """The version of submitter that assembled the tree."""
    round: str
    smoke: bool
    """Whether its runs were short ones that rehearse the process. Then the tree is a preview and not a submission."""
    full_run: ManifestFullRun | None = None
    """None if the tree is not a preview, or if its campaign names no full campaign."""
    results: tuple[ManifestResult, ...]
    files: dict[str, str]
    """The SHA-256 of every file except the manifest, by path relative to the folder that holds the divisions."""
