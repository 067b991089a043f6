"""PRV: the manifest that `submitter assemble` writes, against the tree. Trees of other tools have and need none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from submitter import layout
from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.model import Mode
from submitter.rulebook import Rulebook
from submitter.submission.files import LOG_LIMIT_BYTES, EntryKind
from submitter.submission.manifest import (
    is_manifest_edited,
    manifest_of,
    manifest_problem,
    manifest_result,
    records_of,
)
from submitter.submission.tree import Result, SubmitterDir

SOURCE = "submitter: manifest.py"
_WALK_LIMIT = 200_000
# A submitter's logs have tens of megabytes, and a file of more than 50 MiB does not fit the results repository.
_HASH_LIMIT_BYTES = LOG_LIMIT_BYTES
_HASH_ALL_LIMIT_BYTES = 2 << 30
SHOWN_CHARACTERS = 12
REASSEMBLE = "assemble the tree again from its runs: submitter assemble"


@rule("PRV001", origin="integrity", severity="note", source=SOURCE, hint="submitter assemble writes one")
def manifest_present(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The tree has a manifest that ties its runs together.

    Without one, nothing shows that all runs of a result used the same system, model and data set.
    """
    if not submitter.has_manifest and submitter.systems:
        path = str(submitter.manifest_path)
        yield Problem("there is no manifest, so the origin of the runs was not checked", path=path)


@rule("PRV002", origin="integrity", source=SOURCE, hint=REASSEMBLE)
def manifest_of_this_round(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The manifest can be read, and is of this round."""
    if not submitter.has_manifest:
        return
    problem = manifest_problem(submitter)
    if problem:
        yield Problem(f"the manifest cannot be read: {problem}", path=str(submitter.manifest_path))
        return
    manifest = manifest_of(submitter)
    if manifest is not None and manifest.round != book.name:
        message, hint = "the tree was assembled for another round", f"check it with --round {manifest.round}"
        path = str(submitter.manifest_path)
        yield Problem(message, found=manifest.round, required=book.name, path=path, hint=hint)


@rule("PRV003", origin="integrity", requires=["PRV002"], source=SOURCE, hint=REASSEMBLE)
def files_unchanged(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The files of the tree are those in the manifest, unchanged."""
    manifest = manifest_of(submitter)
    if manifest is None:
        return
    entries = {str(path): kind for path, kind in submitter.files.walk(submitter.path, _WALK_LIMIT)}
    present = {name: PurePosixPath(name) for name, kind in entries.items() if kind is EntryKind.FILE}
    hashed_bytes = 0
    for name, sha256 in manifest.files.items():
        path = present.get(name)
        if path is None:
            yield Problem("a file of the manifest is missing", required=name, path=name)
            continue
        size = submitter.files.size(path)
        if size > _HASH_LIMIT_BYTES:
            required = f"at most {_HASH_LIMIT_BYTES} bytes"
            yield Problem(
                "the file is too large for an assembled one", found=f"{size} bytes", required=required, path=name
            )
            continue
        hashed_bytes += size
        if hashed_bytes > _HASH_ALL_LIMIT_BYTES:
            message, required = "the files are too large to be compared", f"at most {_HASH_ALL_LIMIT_BYTES} bytes"
            yield Problem(message, required=required, path=str(submitter.manifest_path))
            break
        actual = submitter.files.sha256(path)
        if actual != sha256.lower():
            message, found = "the file was changed after it was assembled", f"sha256 {actual[:SHOWN_CHARACTERS]}"
            yield Problem(message, found=found, required=sha256[:SHOWN_CHARACTERS], path=name)
    added = {name for name, kind in entries.items() if kind is not EntryKind.FOLDER}
    for name in sorted(added - manifest.files.keys() - {str(submitter.manifest_path)}):
        yield Problem("the file is not in the manifest", path=name, severity=Severity.WARNING)


@rule("PRV004", origin="integrity", requires=["PRV002"], source=SOURCE, hint=REASSEMBLE)
def results_match_manifest(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The results of the tree are those in the manifest."""
    manifest = manifest_of(submitter)
    if manifest is None:
        return
    listed = {result.path for result in manifest.results}
    present = {
        str(result.path)
        for system in submitter.systems
        for benchmark in system.benchmarks
        for result in benchmark.results
    }
    for name in sorted(present - listed):
        yield Problem("the manifest does not list this result", path=name)
    for name in sorted(listed - present):
        yield Problem("a result of the manifest is missing", required=name, path=str(submitter.manifest_path))


@rule(
    "PRV010",
    origin="integrity",
    requires=["PRV002", "PRV003"],
    source=SOURCE + ", record.py: files",
    hint=REASSEMBLE,
)
def logs_of_the_recorded_runs(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The logs in the tree are those that the recorded runs wrote.

    A manifest that was rewritten for other files still has the records, which list the files of each run. For a
    truncated accuracy log, the record has the hash of the whole log, which accuracy.txt must have, too.
    """
    for mode, record in records_of(result).items():
        run = result.layout.run(result.key, record.mode)
        logs = {name: run / name for name in (layout.DETAIL_LOG, layout.SUMMARY_LOG)}
        if record.mode is Mode.PERFORMANCE:
            logs[layout.ACCURACY_LOG] = run / layout.ACCURACY_LOG
        elif record.mode.is_compliance:
            logs[layout.ACCURACY_LOG] = result.layout.compliance_accuracy(result.key, mode) / layout.ACCURACY_LOG
        for name, path in logs.items():
            yield from _not_the_recorded(result, record.files.get(name), path, f"the log is not that of the {mode} run")
    entry = manifest_result(result)
    accuracy = entry.runs.get(Mode.ACCURACY) if entry else None
    whole = accuracy.files.get(layout.ACCURACY_LOG) if accuracy else None
    if entry and whole and entry.accuracy_log_sha256 and whole != entry.accuracy_log_sha256:
        message, where = "the accuracy log is not that of the recorded run", str(result.submitter.manifest_path)
        found, required = f"sha256 {entry.accuracy_log_sha256[:SHOWN_CHARACTERS]}", whole[:SHOWN_CHARACTERS]
        yield Problem(message, found=found, required=required, path=where)


def _not_the_recorded(result: Result, recorded: str | None, path: PurePosixPath, message: str) -> Iterator[Problem]:
    """A problem if the manifest lists another file at `path` than the one that the run's record has the hash of."""
    manifest = manifest_of(result.submitter)
    listed = manifest.files.get(str(path)) if manifest else None
    if recorded and listed and recorded != listed:
        found, required = f"sha256 {listed[:SHOWN_CHARACTERS]}", recorded[:SHOWN_CHARACTERS]
        yield Problem(message, found=found, required=required, path=str(path))


@rule("PRV011", origin="integrity", requires=["PRV002"], source=SOURCE + ": content_sha256", hint=REASSEMBLE)
def manifest_unedited(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The manifest is as it was written.

    It holds a hash over its own content, so an edit by hand is found. It is not a signature.
    """
    if is_manifest_edited(submitter):
        yield Problem("the manifest was changed after it was written", path=str(submitter.manifest_path))


@rule(
    "PRV014",
    origin="integrity",
    requires=["PRV002", "PRV003"],
    source=SOURCE + ", record.py: files",
    hint=REASSEMBLE,
)
def settings_of_the_recorded_run(result: Result, book: Rulebook) -> Iterator[Problem]:
    """user.conf, engine.toml and the options of the engine's servers are those of the performance run."""
    record = records_of(result).get(Mode.PERFORMANCE)
    for name, recorded in record.files.items() if record else ():
        if name in (layout.USER_CONF, layout.ENGINE_TOML) or name.endswith(layout.SERVER_OPTIONS):
            path = result.layout.measurements(result.key) / name
            yield from _not_the_recorded(result, recorded, path, "the file is not that of the performance run")
