"""STR: the folders as a whole, from the tree's root to a submitter's: what they may contain, and what they must."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from submitter import plugins
from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules._shared import CHECK_RESULTS_DIR, SUBMISSION_RULES, first_names
from submitter.model import Division
from submitter.rulebook import Rulebook
from submitter.submission.files import EntryKind, Unavailable
from submitter.submission.survey import Survey
from submitter.submission.tree import DivisionDir, Submission, SubmitterDir, System

_SHOWN_NAMES = 3
_SHOWN_OUTSIDE = 30


@rule(
    "STR011",
    absence=True,
    origin="policy",
    source=SUBMISSION_RULES + "; inference_rules.adoc, sections Weight Definition and Quantization, LoadGen Operation",
    spares_results=True,
)
def calibration_and_bandwidth_documented(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """A closed submission documents its calibration and, for a datacenter system, its bandwidth.

    The official checker no longer looks for these documents. In v6.0 one of ten submitters had none about calibration,
    and four of nine with datacenter systems had none about bandwidth. So a missing calibration document fails the
    submission, and a missing bandwidth document is a warning.
    """
    if submitter.division == Division.OPEN or not submitter.systems:
        return
    folder = submitter.layout.documentation(submitter.division, submitter.name)
    topics: list[tuple[str, Severity | None]] = [("calibration", None)]
    if any("datacenter" in str(system.description.get("system_type")).lower() for system in _described(submitter)):
        topics.append(("bandwidth", Severity.WARNING))
    for topic, severity in topics:
        if any(name.lower().startswith(topic) for name in submitter.files.names(folder)):
            continue
        path, hint = str(folder / f"{topic}.adoc"), f"describe the {topic} in {folder.name}/{topic}.adoc"
        message = f"the {topic} document is missing"
        if any(name.lower().startswith(topic) for name in submitter.files.names(submitter.path)):
            message, severity = f"the {topic} document is outside {folder.name}/", Severity.WARNING
        yield Problem(message, required=f"{topic}.adoc", path=path, hint=hint, severity=severity)


def _described(submitter: SubmitterDir) -> Iterator[System]:
    """The systems whose description can be read; SYS001 and STR002 report the others."""
    for system in submitter.systems:
        try:
            _ = system.description
        except Unavailable:
            continue
        yield system


@rule(
    "STR012",
    origin="integrity",
    source="submitter: a tree stands alone",
    hint="replace the link with a copy of its target",
)
def no_link_leaves_the_tree(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """Every symbolic link leads to something inside the tree.

    The target of any other link is not part of the upload, so the link is not followed. In the source folder it is only
    a warning. A link to a folder that contains the link is not followed either: it has no end.
    """
    source = submitter.layout.code(submitter.division, submitter.name)
    for path, kind in submitter.survey.not_files:
        in_source = PurePosixPath(path).is_relative_to(source)
        if in_source and kind is EntryKind.LOOP:
            continue
        severity = Severity.WARNING if in_source else None
        yield Problem(f"this is {kind.value}", path=path, severity=severity)


@rule(
    "STR013",
    origin="policy",
    source=SUBMISSION_RULES + ": content aligns to the directory structure",
    hint="remove it",
    spares_results=True,
)
def no_stray_files(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The tree contains nothing that tools left behind: secrets, job logs, editor files.

    A file whose name says that it holds a secret fails the submission, because what is published cannot be taken back.
    """
    for path, what in submitter.survey.strays:
        severity = None if what == "secret" else Severity.WARNING
        message = f"a {what.replace('_', ' ')} is part of the submission"
        yield Problem(message, found=path.rpartition("/")[2], path=path, severity=severity)


@rule(
    "STR014",
    origin="policy",
    severity="warning",
    source="compliance/README.md: remove audit.config afterwards",
    hint="remove it; give LoadGen the path of the audit file for the compliance run only",
)
def no_audit_config_left(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No audit.config was left among the results, or next to the submitter's folders.

    LoadGen reads it from the working directory, so a file that was left there turns the next run into an audit.
    PRF017 finds runs for which it did. The file may be in the source code and in the folder of its compliance test.
    """
    results = submitter.layout.results(submitter.division, submitter.name)
    for text in submitter.survey.audit_configs:
        path = PurePosixPath(text)
        if any(part.startswith("TEST") for part in path.parts):
            continue
        if path.is_relative_to(results):
            yield Problem("an audit file is among the results", found=path.name, path=text)
        elif path.parent == submitter.path:
            yield Problem("an audit file was left behind", found=path.name, path=text)


@rule("STR015", origin="policy", severity="warning", source="official: repository_checks.sh, FILE_SIZE_LIMIT_MB")
def names_and_sizes_fit_the_repository(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No name contains a space, and no file is too large for the results repository.

    The submitter's own name may have one: it was published so, and every path would be reported.
    """
    for path in submitter.survey.spaced:
        if path == str(submitter.path):
            continue
        yield Problem("the name contains a space", found=path.rpartition("/")[2], path=path, hint="rename it")
    for path, size in submitter.survey.large:
        required = f"at most {book.round.file_max_bytes} bytes"
        yield Problem("the file is too large", found=f"{size} bytes", required=required, path=path, hint="remove it")


@rule("STR016", origin="policy", severity="warning", source=SUBMISSION_RULES, hint="remove it, or add its results")
def described_systems_have_results(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """Every system description belongs to a system that has results.

    A list of systems is usually copied as a whole, so each submitter gets one finding.
    """
    others = list(_without_results(submitter))
    if others:
        message = (
            "a described system has no results"
            if len(others) == 1
            else f"{len(others)} described systems have no results"
        )
        yield Problem(message, found=first_names([path.name for path in others], _SHOWN_NAMES), path=str(others[0]))


@rule("STR017", origin="policy", severity="warning", source=SUBMISSION_RULES)
def folders_have_results(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No submitter, system or benchmark is empty.

    A folder without a result shows where a result was meant to be.
    """
    hint = "remove the folder, or put the results there"
    if not submitter.systems:
        yield Problem("the submitter has no results", path=str(submitter.path), hint=hint)
    for system in submitter.systems:
        if not system.benchmarks:
            yield Problem("the system has no results", path=str(system.path), hint=hint)
        for benchmark in system.benchmarks:
            if not benchmark.results:
                yield Problem("the benchmark has no results", path=str(benchmark.path), hint=hint)


@rule("STR018", origin="policy", severity="warning", source=SUBMISSION_RULES)
def divisions_known(submission: Submission, book: Rulebook) -> Iterator[Problem]:
    """The top of the tree contains the divisions.

    The official checker ignores a misspelled division, with all its results.
    """
    known = [division.value for division in Division]
    for name in submission.files.folders(PurePosixPath()):
        hint = plugins.did_you_mean(name, known)
        if name not in known and hint.startswith("did you mean"):
            message = "the folder is not a division, so nothing in it was judged"
            yield Problem(message, found=name, path=name, hint=hint)


@rule(
    "STR020",
    source=f"{CHECK_RESULTS_DIR}: files outside division folder",
    hint="move them into a submitter's folder, or remove them; --ignore STR020 judges the rest without them",
)
def no_files_outside_divisions(submission: Submission, book: Rulebook) -> Iterator[Problem]:
    """The tree's root contains no files except documents (.md, .pdf).

    The official checker otherwise judges nothing.
    """
    names = [name for name in submission.files.names(PurePosixPath()) if not name.endswith((".md", ".pdf"))]
    yield from _outside(names, PurePosixPath(), "the divisions")


@rule(
    "STR021",
    source=f"{CHECK_RESULTS_DIR}: files outside submitter folder",
    hint="move them into the submitter's folder, or remove them; --ignore STR021 judges the rest without them",
)
def no_files_outside_submitters(division: DivisionDir, book: Rulebook) -> Iterator[Problem]:
    """A division contains no files outside the submitters' folders.

    The official checker otherwise judges nothing in the division.
    """
    yield from _outside(division.files.names(division.path), division.path, "the submitters' folders")


def _outside(names: Sequence[str], folder: PurePosixPath, where: str) -> Iterator[Problem]:
    """One problem with all files of a folder that should have none: the official checker judges nothing in it."""
    if names:
        message = f"a file is outside {where}" if len(names) == 1 else f"{len(names)} files are outside {where}"
        message += ", so no result counts"
        yield Problem(message, found=first_names(names, _SHOWN_OUTSIDE), path=str(folder / names[0]))


@rule("STR022", source=f"{CHECK_RESULTS_DIR}: broken symbolic links", hint="replace the link with a copy of its target")
def no_broken_links(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No symbolic link to a file is broken.

    The official checker follows a relative link from the tree's root, so it takes most of them for broken.
    """
    yield from _several("a symbolic link is broken", "symbolic links are broken", _judged(submitter).broken_links)


@rule("STR023", source=f"{CHECK_RESULTS_DIR}: FILE_SIZE_LIMIT_MB", hint="remove it: the results repository refuses it")
def no_large_files(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No file is too large for the results repository."""
    paths, required = [path for path, _ in _judged(submitter).large], f"at most {book.round.file_max_bytes} bytes"
    yield from _several("a file is too large", "files are too large", paths, required)


@rule("STR024", source=f"{CHECK_RESULTS_DIR}: git unfriendly name", hint="rename or remove it")
def no_hidden_names(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No name begins with a dot."""
    yield from _several("a name begins with a dot", "names begin with a dot", _judged(submitter).dotted)


@rule("STR025", source=f"{CHECK_RESULTS_DIR}: spaces in their names", hint="rename it")
def no_spaces_in_names(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No name contains a space."""
    yield from _several("a name contains a space", "names contain a space", _judged(submitter).spaced)


@rule("STR026", source=f"{CHECK_RESULTS_DIR}: __pycache__ directories", hint="remove it")
def no_python_caches(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No folder is a Python cache."""
    yield from _several("a folder is a Python cache", "folders are Python caches", _judged(submitter).caches)


@rule(
    "STR027",
    source=f"{CHECK_RESULTS_DIR}: empty directories",
    hint="remove it, or add the files that belong there",
)
def no_empty_folders(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No folder is empty."""
    yield from _several("a folder is empty", "folders are empty", _judged(submitter).empty)


@rule(
    "STR028", source=f"{CHECK_RESULTS_DIR}: with no results", hint="remove it, or add its results", spares_results=True
)
def described_and_measured_systems_have_results(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """Every system description, and every system's folder of measurements, belongs to a system that has results."""
    for path in _without_results(submitter):
        yield Problem("the described system has no results", found=path.name, path=str(path))
    folder = submitter.layout.top_folder(submitter.division, submitter.name, "measurements")
    if folder is None:
        return
    with_results = _with_results(submitter)
    for name in submitter.files.folders(folder):
        if name not in with_results:
            yield Problem("the measured system has no results", found=name, path=str(folder / name))


@rule("STR029", absence=True, source=f"{CHECK_RESULTS_DIR}: calibration.md", spares_results=True)
def calibration_md_present(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """A closed submission documents its calibration, in calibration.md."""
    if submitter.division == Division.OPEN or not submitter.systems:
        return
    name = "calibration.md"
    documents = submitter.layout.documentation(submitter.division, submitter.name)
    if not any(submitter.files.exists(folder / name) for folder in (submitter.path, documents)):
        hint = f"describe the calibration in {documents.name}/{name}"
        yield Problem("the calibration document is missing", required=name, path=str(documents / name), hint=hint)


def _judged(submitter: SubmitterDir) -> Survey:
    """The submitter's survey; empty for a submitter without systems, which the official checker does not look at."""
    return submitter.survey if submitter.systems else Survey()


def _several(one: str, many: str, paths: Sequence[str], required: str = "") -> Iterator[Problem]:
    """One problem with the whole folder, however many paths in it are wrong."""
    if paths:
        message = one if len(paths) == 1 else f"{len(paths)} {many}"
        yield Problem(message, found=first_names(paths, _SHOWN_NAMES), required=required)


def _with_results(submitter: SubmitterDir) -> set[str]:
    return {system.name for system in submitter.systems}


def _without_results(submitter: SubmitterDir) -> Iterator[PurePosixPath]:
    """The files of the described systems that have no results."""
    folder = submitter.layout.systems(submitter.division, submitter.name)
    with_results = _with_results(submitter)
    for name in submitter.files.names(folder):
        if name.endswith(".json") and name.replace(".json", "") not in with_results:
            yield folder / name
