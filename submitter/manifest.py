"""The manifest of a tree we assembled: what each result is made of, and every file's hash.

It is ours, not MLCommons': `layout.manifest` says where it lies. A stranger's tree has none, and needs none.
"""

from __future__ import annotations

from pydantic import Field

from submitter.record import RunRecord
from submitter.strict_record import StrictRecord


class FullRun(StrictRecord):
    """How to make the real submission that a smoke tree only previews."""

    command: str
    expected_s: float


class ManifestResult(StrictRecord):
    """One result: its path as the tree spells it, its runs' records by mode, and the accuracy it must reach.

    `accuracy_target` is the lowest allowed value of each metric: the round's for an official benchmark, and for
    an open division's own model what its campaign declares. `accuracy_log_sha256` is of the untruncated log.
    """

    path: str
    runs: dict[str, RunRecord]
    accuracy_target: dict[str, float] = Field(default_factory=dict)
    accuracy_log_sha256: str | None = None


class Manifest(StrictRecord):
    """`files` maps paths, relative to the folder that holds the divisions, to SHA-256; all but the manifest's own."""

    version: int = 1
    submitter_version: str
    round: str
    smoke: bool
    full_run: FullRun | None = None
    results: tuple[ManifestResult, ...]
    files: dict[str, str]
