"""PRV: the manifest that `submitter assemble` writes, against the tree. Trees of other tools have and need none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from submitter import layout
from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules._shared import log_problem
from submitter.model import Mode
from submitter.rulebook import Rulebook
from submitter.submission.accuracy_text import hashes, values
from submitter.submission.files import LOG_LIMIT_BYTES, EntryKind
from submitter.submission.manifest import manifest_of, manifest_problem, manifest_result
from submitter.submission.tree import Result, SubmitterDir

if TYPE_CHECKING:
    from submitter.record import RunRecord

_SOURCE = "submitter: manifest.py"
_WALK_LIMIT = 200_000
# A submitter's logs have tens of megabytes, and a file of more than 50 MiB does not fit the results repository.
_HASH_LIMIT_BYTES = LOG_LIMIT_BYTES
_HASH_ALL_LIMIT_BYTES = 2 << 30
_SHOWN_CHARACTERS = 12
_REASSEMBLE = "assemble the tree again from its runs: submitter assemble"


@rule("PRV001", origin="integrity", severity="note", source=_SOURCE, hint="submitter assemble writes one")
def manifest_present(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The tree has a manifest that ties its runs together.

    Without one, nothing shows that all runs of a result used the same system, model and data set.
    """
    if not submitter.has_manifest and submitter.systems:
        path = str(submitter.manifest_path)
        yield Problem("there is no manifest, so the origin of the runs was not checked", path=path)


@rule("PRV002", origin="integrity", source=_SOURCE, hint=_REASSEMBLE)
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


@rule("PRV003", origin="integrity", requires=["PRV002"], source=_SOURCE, hint=_REASSEMBLE)
def files_unchanged(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The files of the tree are those in the manifest, unchanged."""
    manifest = manifest_of(submitter)
    if manifest is None:
        return
    entries = submitter.files.walk(submitter.path, _WALK_LIMIT)
    present = {str(path): path for path, kind in entries if kind is EntryKind.FILE}
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
            message, found = "the file was changed after it was assembled", f"sha256 {actual[:_SHOWN_CHARACTERS]}"
            yield Problem(message, found=found, required=sha256[:_SHOWN_CHARACTERS], path=name)
    for name in sorted(present.keys() - manifest.files.keys() - {str(submitter.manifest_path)}):
        yield Problem("the file is not in the manifest", path=name, severity=Severity.WARNING)


@rule("PRV004", origin="integrity", requires=["PRV002"], source=_SOURCE, hint=_REASSEMBLE)
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


def _records(result: Result) -> dict[str, RunRecord]:
    entry = manifest_result(result)
    return dict(entry.runs) if entry else {}


@rule(
    "PRV005",
    origin="integrity",
    requires=["PRV002"],
    source=_SOURCE + ", record.py",
    hint="make all runs of a result with the same setup",
)
def runs_of_one_setup(result: Result, book: Rulebook) -> Iterator[Problem]:
    """All runs of a result had the same data set, model, machine, software and settings.

    The records of the runs are compared with each other. What an older record does not state is not compared.
    """
    path = str(result.submitter.manifest_path)
    runs = _records(result)
    for what, value_of in _SETUP.items():
        stated = {mode: text for mode, record in sorted(runs.items()) if (text := value_of(record))}
        if len(set(stated.values())) > 1:
            message = f"the runs of {result.path} differ in their {what}"
            found = ", ".join(f"{mode} {text[:_SHOWN_CHARACTERS]}" for mode, text in stated.items())
            yield Problem(message, found=found, required=f"one {what}", path=path)


_SETUP: dict[str, Callable[[RunRecord], str]] = {
    "data set": lambda record: record.dataset.sha256,
    "number of samples": lambda record: str(record.dataset.sample_count),
    "model": lambda record: record.model.sha256,
    "tokenizer": lambda record: record.provenance.tokenizer_sha256,
    "LoadGen": lambda record: record.loadgen_version,
    "build of LoadGen": lambda record: record.provenance.loadgen_sha256,
    "engine": lambda record: record.engine,
    "engine settings": lambda record: json.dumps(record.engine_settings, sort_keys=True),
    "packages": lambda record: ", ".join(f"{name} {version}" for name, version in sorted(record.packages.items())),
    "machine": lambda record: record.provenance.host.get("machine", ""),
    "accelerators": lambda record: record.provenance.host.get("accelerators", ""),
    "driver": lambda record: record.provenance.host.get("driver", ""),
}


@rule("PRV006", origin="integrity", requires=["PRV002"], source=_SOURCE + ", record.py", hint=_REASSEMBLE)
def records_of_this_result(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The records are of this result: its system, benchmark, scenario and mode."""
    path = str(result.submitter.manifest_path)
    for mode, record in _records(result).items():
        facts = {
            "system": (record.system, result.key.system),
            "benchmark": (record.benchmark, result.key.benchmark),
            "scenario": (record.scenario.value, result.key.scenario),
            "mode": (record.mode.value, mode),
            "round": (record.round, book.name),
        }
        for what, (found, required) in facts.items():
            if found != required:
                message = f"the record of the {mode} run of {result.path} has another {what}"
                yield Problem(message, found=found, required=required, path=path)


@rule("PRV007", origin="integrity", requires=["PRV002", "STR003"], source=_SOURCE, hint=_REASSEMBLE)
def accuracy_log_matches(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The hash in accuracy.txt is that of the accuracy run's log."""
    entry = manifest_result(result)
    if entry is None:
        return
    for value, line in hashes(result.accuracy.score_text):
        if entry.accuracy_log_sha256 and value.lower() != entry.accuracy_log_sha256.lower():
            message, path = "the score is of another accuracy log", str(result.accuracy.score_path)
            found, required = value[:_SHOWN_CHARACTERS], entry.accuracy_log_sha256[:_SHOWN_CHARACTERS]
            yield Problem(message, found=found, required=required, path=path, line=line)


@rule(
    "PRV008",
    origin="integrity",
    requires=["PRV002", "STR001", "STR002"],
    source=_SOURCE + ", record.py",
    hint=_REASSEMBLE,
)
def figure_matches_record(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The performance run's figure is that in its record."""
    for record in _records(result).values():
        if record.metric is None or record.mode.value != "performance":
            continue
        logged = result.performance.number(record.metric.key)
        if abs(logged - record.metric.value) > 1e-6 * abs(logged):
            key, required = record.metric.key, f"{record.metric.value:.6g}"
            message = f"{key} differs from the run's record"
            yield log_problem(result.performance, key, message, found=f"{logged:.6g}", required=required)


@rule(
    "PRV009",
    origin="integrity",
    requires=["PRV002", "STR003"],
    source=_SOURCE + ": accuracy_target",
    hint="use a less lossy quantization, or set another target in the campaign",
)
def declared_target_reached(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The score reaches the target that the tree's own manifest declares.

    In the open division the official checker requires no accuracy. A submission should still reach its own target.
    """
    entry = manifest_result(result)
    if entry is None:
        return
    path = str(result.accuracy.score_path)
    for name, target in entry.accuracy_target.items():
        found = values(result.accuracy.score_text, name, book.accuracy_patterns)
        required = f"at least {target:.6g}"
        if not found:
            yield Problem(f"the score has no {name}", required=required, path=path)
        for value, line in found:
            if not value >= target:
                message = f"{name} misses the declared target"
                yield Problem(message, found=f"{value:.6g}", required=required, path=path, line=line)


@rule(
    "PRV010",
    origin="integrity",
    requires=["PRV002", "PRV003"],
    source=_SOURCE + ", record.py: files",
    hint=_REASSEMBLE,
)
def logs_of_the_recorded_runs(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The logs in the tree are those that the recorded runs wrote.

    A manifest that was rewritten for other files still has the records, which list the files of each run. For a
    truncated accuracy log, the record has the hash of the whole log, which accuracy.txt must have, too.
    """
    manifest, entry = manifest_of(result.submitter), manifest_result(result)
    if manifest is None or entry is None:
        return
    for mode, record in entry.runs.items():
        recorded = record.files.get(layout.DETAIL_LOG)
        path = str(result.layout.run(result.key, record.mode) / layout.DETAIL_LOG)
        listed = manifest.files.get(path)
        if recorded and listed and recorded != listed:
            message, found = f"the log is not that of the recorded {mode} run", f"sha256 {listed[:_SHOWN_CHARACTERS]}"
            yield Problem(message, found=found, required=recorded[:_SHOWN_CHARACTERS], path=path)
    accuracy = entry.runs.get(Mode.ACCURACY)
    whole = accuracy.files.get(layout.ACCURACY_LOG) if accuracy else None
    if whole and entry.accuracy_log_sha256 and whole != entry.accuracy_log_sha256:
        path, message = str(result.submitter.manifest_path), "the accuracy log is not that of the recorded run"
        found, required = f"sha256 {entry.accuracy_log_sha256[:_SHOWN_CHARACTERS]}", whole[:_SHOWN_CHARACTERS]
        yield Problem(message, found=found, required=required, path=path)
