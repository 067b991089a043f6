"""The manifest of a package, `MANIFEST.json`: the first member of its archive, before `closed/` and the others."""

from __future__ import annotations

from pydantic import Field

from submitter.strict_record import StrictRecord

MANIFEST = "MANIFEST.json"


class PackagedResult(StrictRecord):
    """One result and the check's verdict on it."""

    path: str
    """The result's folder, relative to the folder that holds the divisions."""
    verdict: str
    """As the check's JSON report has it."""
    value: float | None = None
    unit: str = ""


class LeftOut(StrictRecord):
    """A part of the tree that is not in the package."""

    path: str
    reason: str


class PackageManifest(StrictRecord):
    """The contents of a package, and what the check says of them."""

    version: int = 1
    submitter_version: str
    """The version of submitter that packed and checked it."""
    round: str
    submitter: str
    """The organization's folder name."""
    verdict: str
    """The check's verdict on the packed tree, as its JSON report has it."""
    findings: dict[str, int] = Field(default_factory=dict)
    """How many findings of each severity the packed tree has."""
    results: tuple[PackagedResult, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    files: dict[str, str]
    """The SHA-256 of every file of the tree, by path."""
