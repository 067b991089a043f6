"""The manifest that a tree made by this project has; `submitter.manifest` is imported only if there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from submitter.model import Mode
from submitter.submission.files import Unavailable
from submitter.submission.tree import Result, SubmitterDir, System

if TYPE_CHECKING:
    from submitter.manifest import Manifest, ManifestResult
    from submitter.record import RunRecord


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


def is_manifest_edited(submitter: SubmitterDir) -> bool:
    """Whether the manifest is not as it was written; False if there is none, or if it cannot be read."""
    if manifest_of(submitter) is None:
        return False
    from submitter.manifest import is_edited

    return is_edited(submitter.manifest_text)


def records_of(result: Result) -> dict[str, RunRecord]:
    """The records of a result's runs, by mode; empty if the manifest has none."""
    entry = manifest_result(result)
    return dict(entry.runs) if entry else {}


def result_differences(result: Result) -> list[tuple[str, dict[str, str]]]:
    """What the runs of a result were made with that is not the same for all: its name, and its value by mode."""
    if not (records := records_of(result)):
        return []
    from submitter.manifest import setup_differences

    return list(setup_differences(records))


def system_differences(system: System) -> list[tuple[str, dict[str, str]]]:
    """The same of the performance runs on a system, by benchmark and scenario."""
    records = {
        f"{benchmark.name} {result.key.scenario}": record
        for benchmark in system.benchmarks
        for result in benchmark.results
        if (record := records_of(result).get(Mode.PERFORMANCE))
    }
    if not records:
        return []
    from submitter import manifest

    return list(manifest.system_differences(records))
