"""The tree's own manifest as the rules see it; `submitter.manifest` is imported only where a tree has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from submitter.submission.files import Unavailable
from submitter.submission.tree import Result, SubmitterDir

if TYPE_CHECKING:
    from submitter.manifest import Manifest, ManifestResult


def _parse(submitter: SubmitterDir) -> Manifest | str | None:
    """The manifest, or why it is none; None where there is no such file. Read once."""
    if not submitter.has_manifest:
        return None
    known: Manifest | str | None = submitter.cache.get("parsed manifest")
    if known is None:
        known = submitter.cache["parsed manifest"] = _validated(submitter)
    return known


def _validated(submitter: SubmitterDir) -> Manifest | str:
    from pydantic import ValidationError

    from submitter.manifest import Manifest

    try:
        return Manifest.model_validate_json(submitter.manifest_text)
    except Unavailable as absence:
        return absence.reason
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{where}: {first['msg']}" if where else str(first["msg"])


def manifest_of(submitter: SubmitterDir) -> Manifest | None:
    """The manifest; None where there is none, or it cannot be read."""
    parsed = _parse(submitter)
    return None if isinstance(parsed, str) else parsed


def manifest_problem(submitter: SubmitterDir) -> str:
    """Why the manifest cannot be read; empty where it can, or there is none."""
    parsed = _parse(submitter)
    return parsed if isinstance(parsed, str) else ""


def manifest_result(result: Result) -> ManifestResult | None:
    """What the manifest says of a result."""
    manifest = manifest_of(result.submitter)
    entries = manifest.results if manifest else ()
    return next((entry for entry in entries if entry.path == str(result.path)), None)
