"""PRV: the manifest that `submitter assemble` writes, against the tree. A tree of another tool has, and needs, none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from submitter import layout
from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.model import Mode
from submitter.rulebook import Rulebook
from submitter.submission.accuracy_text import hashes, values
from submitter.submission.files import EntryKind
from submitter.submission.manifest import manifest_of, manifest_problem, manifest_result
from submitter.submission.tree import Result, SubmitterDir

if TYPE_CHECKING:
    from submitter.record import RunRecord

_SOURCE = "submitter: manifest.py"
_WALK_LIMIT = 200_000
_HASH_LIMIT_BYTES = 1 << 30
_REASSEMBLE = "assemble the tree again from its runs: submitter assemble"


@rule("PRV001", origin="integrity", severity="note", source=_SOURCE, hint="trees of submitter assemble have one")
def manifest_present(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The tree has a manifest that ties its runs together.

    Without one, nothing shows that the runs of a result were made with the same system, model and data set.
    """
    if not submitter.has_manifest and submitter.systems:
        path = str(submitter.manifest_path)
        yield Problem("there is no manifest, so where the runs come from was not checked", path=path)


@rule("PRV002", origin="integrity", source=_SOURCE, hint=_REASSEMBLE)
def manifest_readable(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The manifest can be read, and is of this round."""
    if not submitter.has_manifest:
        return
    problem = manifest_problem(submitter)
    if problem:
        yield Problem(f"the manifest cannot be read: {problem}", path=str(submitter.manifest_path))
        return
    manifest = manifest_of(submitter)
    if manifest is not None and manifest.round != book.name:
        path = str(submitter.manifest_path)
        hint = f"check it with --round {manifest.round}"
        yield Problem(
            "the tree was assembled for another round",
            found=manifest.round,
            required=book.name,
            path=path,
            line=None,
            hint=hint,
        )


@rule("PRV003", origin="integrity", requires=["PRV002"], source=_SOURCE, hint=_REASSEMBLE)
def files_unchanged(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """Every file is the one the manifest lists."""
    manifest = manifest_of(submitter)
    if manifest is None:
        return
    everything = submitter.files.walk(submitter.path, _WALK_LIMIT)
    there = {str(path): path for path, kind in everything if kind is EntryKind.FILE}
    for name, sha256 in manifest.files.items():
        path = there.get(name)
        if path is None:
            yield Problem("a file of the manifest is missing", required=name, path=name)
            continue
        if submitter.files.size(path) > _HASH_LIMIT_BYTES:
            yield Problem("the file is too large to be one that was assembled", path=name)
            continue
        actual = submitter.files.sha256(path)
        if actual != sha256.lower():
            yield Problem(
                "the file was changed since it was assembled",
                found=f"sha256 {actual[:12]}",
                required=sha256[:12],
                path=name,
            )
    for name in sorted(there.keys() - manifest.files.keys() - {str(submitter.manifest_path)}):
        yield Problem("the file is not in the manifest", path=name, severity=Severity.WARNING)


@rule("PRV004", origin="integrity", requires=["PRV002"], source=_SOURCE, hint=_REASSEMBLE)
def results_listed(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The results of the tree are those of the manifest."""
    manifest = manifest_of(submitter)
    if manifest is None:
        return
    listed = {result.path for result in manifest.results}
    there = {
        str(result.path)
        for system in submitter.systems
        for benchmark in system.benchmarks
        for result in benchmark.results
    }
    for name in sorted(there - listed):
        yield Problem("the manifest does not list this result", path=name)
    for name in sorted(listed - there):
        yield Problem("a result of the manifest is not there", required=name, path=str(submitter.manifest_path))


def _records(result: Result) -> dict[str, RunRecord]:
    entry = manifest_result(result)
    return dict(entry.runs) if entry else {}


@rule(
    "PRV005",
    origin="integrity",
    requires=["PRV002"],
    source=_SOURCE + ", record.py",
    hint="run all modes of a result with one setup",
)
def runs_agree(result: Result, book: Rulebook) -> Iterator[Problem]:
    """All runs of a result had the same data set, model, machine, software and settings.

    What one run recorded is compared with what the others did; what an older record does not tell is not.
    """
    path = str(result.submitter.manifest_path)
    runs = _records(result)
    for what, of in _FACTS.items():
        said = {mode: text for mode, record in sorted(runs.items()) if (text := of(record))}
        if len(set(said.values())) > 1:
            found = ", ".join(f"{mode} {text[:_SHOWN_CHARACTERS]}" for mode, text in said.items())
            yield Problem(
                f"the runs of {result.path} differ in their {what}", found=found, required=f"one {what}", path=path
            )


_SHOWN_CHARACTERS = 12
_FACTS: dict[str, Callable[[RunRecord], str]] = {
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
def runs_belong(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The records are of this result: its system, benchmark, scenario and mode."""
    path = str(result.submitter.manifest_path)
    for mode, record in _records(result).items():
        own = {
            "system": (record.system, result.key.system),
            "benchmark": (record.benchmark, result.key.benchmark),
            "scenario": (record.scenario.value, result.key.scenario),
            "mode": (record.mode.value, mode),
            "round": (record.round, book.name),
        }
        for what, (found, required) in own.items():
            if found != required:
                yield Problem(
                    f"a {mode} run of {result.path} is of another {what}", found=found, required=required, path=path
                )


@rule("PRV007", origin="integrity", requires=["PRV002", "STR003"], source=_SOURCE, hint=_REASSEMBLE)
def accuracy_log_matches(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The hash in accuracy.txt is that of the accuracy run's log."""
    entry = manifest_result(result)
    if entry is None:
        return
    for value, line in hashes(result.accuracy.score_text):
        if entry.accuracy_log_sha256 and value.lower() != entry.accuracy_log_sha256.lower():
            path = str(result.accuracy.score_path)
            message = "the score was made of another accuracy log"
            yield Problem(message, found=value[:12], required=entry.accuracy_log_sha256[:12], path=path, line=line)


@rule(
    "PRV008",
    origin="integrity",
    requires=["PRV002", "STR001", "STR002"],
    source=_SOURCE + ", record.py",
    hint=_REASSEMBLE,
)
def metric_matches(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The performance run's figure is the one its record has."""
    for record in _records(result).values():
        if record.metric is None or record.mode.value != "performance":
            continue
        logged = result.performance.number(record.metric.key)
        if abs(logged - record.metric.value) > 1e-6 * abs(logged):
            path, line = str(result.performance.detail_path), result.performance.line(record.metric.key)
            yield Problem(
                f"{record.metric.key} is not the recorded one",
                found=f"{logged:.6g}",
                required=f"{record.metric.value:.6g}",
                path=path,
                line=line,
            )


@rule(
    "PRV009",
    origin="integrity",
    requires=["PRV002", "STR003"],
    source=_SOURCE + ": accuracy_target",
    hint="a less lossy quantisation, or another target in the campaign",
)
def declared_accuracy(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The score reaches what the tree's own manifest declares as its target.

    In the open division the official checker demands no accuracy; a submission should still keep its own word.
    """
    entry = manifest_result(result)
    if entry is None:
        return
    path = str(result.accuracy.score_path)
    for name, target in entry.accuracy_target.items():
        found = values(result.accuracy.score_text, name, book.accuracy_patterns)
        if not found:
            yield Problem(f"the score has no {name}", found="", required=f"at least {target:.6g}", path=path)
        for value, line in found:
            if not value >= target:
                yield Problem(
                    f"{name} misses the declared target",
                    found=f"{value:.6g}",
                    required=f"at least {target:.6g}",
                    path=path,
                    line=line,
                )


@rule(
    "PRV010",
    origin="integrity",
    requires=["PRV002", "PRV003"],
    source=_SOURCE + ", record.py: files",
    hint=_REASSEMBLE,
)
def logs_are_the_recorded_ones(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The logs in the tree are those that the recorded runs wrote.

    A manifest that was written again for other files still holds the records, which name each file of a run. Of a
    truncated accuracy log the record has the whole one's hash, which accuracy.txt must have, too.
    """
    manifest, entry = manifest_of(result.submitter), manifest_result(result)
    if manifest is None or entry is None:
        return
    for mode, record in entry.runs.items():
        wanted = record.files.get(layout.DETAIL_LOG)
        path = str(result.layout.run(result.key, record.mode) / layout.DETAIL_LOG)
        found = manifest.files.get(path)
        if wanted and found and wanted != found:
            yield Problem(
                f"the log is not the recorded {mode} run's",
                found=f"sha256 {found[:12]}",
                required=wanted[:12],
                path=path,
            )
    accuracy = entry.runs.get(Mode.ACCURACY)
    whole = accuracy.files.get(layout.ACCURACY_LOG) if accuracy else None
    if whole and entry.accuracy_log_sha256 and whole != entry.accuracy_log_sha256:
        path, message = str(result.submitter.manifest_path), "the accuracy log is not the recorded run's"
        yield Problem(message, found=f"sha256 {entry.accuracy_log_sha256[:12]}", required=whole[:12], path=path)
