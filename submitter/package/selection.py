"""Which part of a tree is valid: what is left out, and why, until the check finds nothing wrong in the rest.

Nothing is decided here about validity. The check judges a view of the tree without what is left out; it finds that a
required scenario is missing, and so the others of its benchmark go, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from submitter.checker import Finding, Report, Severity
from submitter.errors import InputError
from submitter.layout import results_folder
from submitter.manifest import is_edited
from submitter.package.hygiene import Contents, contents_of
from submitter.quoting import printable
from submitter.record import json_text
from submitter.submission.manifest import manifest_of
from submitter.submission.opened import OpenSubmission
from submitter.submission.tree import Result, SubmitterDir

_NO_SYSTEM, _NO_BENCHMARK = "the system has no result", "the benchmark has no result"


@dataclass(kw_only=True)
class Selection:
    """The part of a tree that would be packed."""

    opened: OpenSubmission
    """The tree as it would be packed: without what is left out."""
    contents: Contents
    report: Report
    left_out: dict[str, str] = field(default_factory=dict)
    """The reason, by path."""
    replaced: dict[str, bytes] = field(default_factory=dict)
    """The manifests of assembled trees, of which results are left out."""


Check = Callable[[OpenSubmission], Report]


def select(opened: OpenSubmission, name: str, check: Check, *, only_valid: bool) -> Selection:
    """What of a submitter would be packed, and the check's report on it.

    With `only_valid`, results with errors are left out, and what makes no sense without them. Errors that do not
    concern results, such as a missing document of the submitter, remain in the report.
    """
    left_out: dict[str, str] = {}
    replaced: dict[str, bytes] = {}
    while True:
        view, contents = _without_leftovers(opened, name, left_out, replaced)
        report = check(view)
        reasons = dict(_invalid(view, name, report)) if only_valid else {}
        if not reasons:
            return Selection(opened=view, contents=contents, report=report, left_out=left_out, replaced=replaced)
        left_out |= dict(_with_their_files(view, reasons))
        for submitter in _of(opened.without(left_out, {}), name):
            left_out |= dict(_needless(submitter))
        view = opened.without(left_out, {})
        if next(_results(view, name), None) is None:
            raise InputError(f"no result of {printable(name)} is valid", f"submitter check {opened.path} says why")
        replaced = dict(_manifests(opened, name, left_out))


def _of(opened: OpenSubmission, name: str) -> Iterator[SubmitterDir]:
    return (submitter for submitter in opened.submitters if submitter.name == name)


def _without_leftovers(
    opened: OpenSubmission, name: str, left_out: dict[str, str], replaced: dict[str, bytes]
) -> tuple[OpenSubmission, Contents]:
    """The tree without what is left out, to which what tools left behind and empty folders are added."""
    view = opened.without(left_out, replaced)
    contents = contents_of(view, _of(view, name))
    left_out |= contents.leftovers
    return opened.without(left_out, replaced), contents


def _results(opened: OpenSubmission, name: str) -> Iterator[Result]:
    for submitter in _of(opened, name):
        yield from opened.results_of(submitter)


def _invalid(opened: OpenSubmission, name: str, report: Report) -> Iterator[tuple[Result, str]]:
    """The results that errors are about, each with the first of them. Errors above all results are about none."""
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    for result in _results(opened, name):
        about = [finding for finding in errors if _is_about(finding, result.path)]
        if about:
            first = about[0]
            where = "" if first.path == str(result.path) else f" ({first.path})"
            more = f", and {len(about) - 1} more" if len(about) > 1 else ""
            yield result, f"{first.rule} {first.message}{where}{more}"


def _is_about(finding: Finding, result: PurePosixPath) -> bool:
    """Whether the finding is about a result, about a part of it, or about its benchmark or system."""
    scope = PurePosixPath(results_folder(finding.scope)) if _is_beside(finding.scope) else PurePosixPath(finding.scope)
    return scope.is_relative_to(result) or (len(scope.parts) > 3 and result.is_relative_to(scope))


def _is_beside(scope: str) -> bool:
    return scope.split("/")[2:3] in (["measurements"], ["compliance"])


def _with_their_files(opened: OpenSubmission, reasons: dict[Result, str]) -> Iterator[tuple[str, str]]:
    """Everything that belongs to the results, which rounds before v6.0 have in three folders."""
    for result, reason in reasons.items():
        grammar, key = result.layout, result.key
        for folder in {grammar.scenario(key), grammar.measurements(key), grammar.compliance_root(key)}:
            if opened.files.exists(folder):
                yield str(folder), reason


def _needless(submitter: SubmitterDir) -> Iterator[tuple[str, str]]:
    """What a submitter has for systems and benchmarks without results, with the reason."""
    systems = {system.name: system for system in submitter.systems if system.result_count}
    if not systems:
        yield str(submitter.path), "no result of the division is left"
        return
    files, grammar, owner = submitter.files, submitter.layout, (submitter.division, submitter.name)
    folder = grammar.systems(*owner)
    for name in files.names(folder):
        system = name.removesuffix(".json").removesuffix("_power.yaml")
        if name.endswith((".json", "_power.yaml")) and system not in systems:
            yield str(folder / name), _NO_SYSTEM
    tops = (grammar.top_folder(*owner, kind) for kind in ("measurements", "compliance"))
    for top in (grammar.results(*owner), *filter(None, tops)):
        for name in files.folders(top):
            if name not in systems:
                yield str(top / name), _NO_SYSTEM
                continue
            measured = {benchmark.name for benchmark in systems[name].benchmarks if benchmark.results}
            for benchmark in files.folders(top / name):
                if benchmark not in measured:
                    yield str(top / name / benchmark), _NO_BENCHMARK
    benchmarks = {benchmark.name for system in systems.values() for benchmark in system.benchmarks if benchmark.results}
    models = {_model(submitter, name) for name in benchmarks} - {None}
    code = grammar.code(*owner)
    for name in files.folders(code):
        model = _model(submitter, name)
        if model is not None and name not in benchmarks and model not in models:
            yield str(code / name), _NO_BENCHMARK


def _model(submitter: SubmitterDir, name: str) -> str | None:
    """What two benchmarks share that may share their code: the name without the accuracy target, such as -99.9."""
    official = submitter.book.official_name(name, submitter.known_model_mapping)
    return None if official is None else re.sub(r"-(99|99\.9)$", "", official).replace("-interactive", "")


def _manifests(opened: OpenSubmission, name: str, left_out: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """The manifests of assembled trees, without the results and files that are left out."""
    for submitter in _of(opened, name):
        manifest = manifest_of(submitter)
        if manifest is not None:
            kept = manifest.model_copy(
                update={
                    "results": tuple(result for result in manifest.results if not _is_in(result.path, left_out)),
                    "files": {path: sha256 for path, sha256 in manifest.files.items() if not _is_in(path, left_out)},
                }
            )
            # An edit by hand must still be found by PRV011, and version 1 has nothing that would show it.
            is_resealed = manifest.version > 1 and not is_edited(submitter.manifest_text)
            content = kept.sealed() if is_resealed else kept.model_dump(mode="json")
            yield str(submitter.manifest_path), json_text(content).encode()


def _is_in(path: str, left_out: Collection[str]) -> bool:
    """Whether a path, or a folder that contains it, is left out."""
    return any(str(part) in left_out for part in (PurePosixPath(path), *PurePosixPath(path).parents))
