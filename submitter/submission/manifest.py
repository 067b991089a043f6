"""The manifest that a tree made by this project has; `submitter.manifest` is imported only if there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from submitter.submission.files import Unavailable
from submitter.submission.tree import Result, SubmitterDir

if TYPE_CHECKING:
    from submitter.manifest import Manifest, ManifestResult


def _parse(submitter: SubmitterDir) -> Manifest | str | None:
    """The manifest, or the reason why it cannot be read; None if there is no such file. Read once."""
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
    """The manifest; None if there is none, or if it cannot be read."""
    parsed = _parse(submitter)
    return None if isinstance(parsed, str) else parsed


def manifest_problem(submitter: SubmitterDir) -> str:
    """Why the manifest cannot be read; empty if it can be read, or if there is none."""
    parsed = _parse(submitter)
    return parsed if isinstance(parsed, str) else ""


def manifest_result(result: Result) -> ManifestResult | None:
    """The manifest's entry for a result; None if it has none."""
    manifest = manifest_of(result.submitter)
    entries = manifest.results if manifest else ()
    return next((entry for entry in entries if entry.path == str(result.path)), None)
