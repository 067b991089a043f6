"""STR: what lies where. These rules alone report files that are missing or unreadable; all others are skipped then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from submitter import layout, plugins
from submitter.checker.files import Kind, Unavailable, Unreadable
from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.runs import AccuracyRun, Node, PerformanceRun
from submitter.checker.tree import BenchmarkDir, Result, Submission, SubmitterDir
from submitter.model import Division, Scenario
from submitter.rulebook import Rulebook

_RULES = "policies submission_rules.adoc, section Inference"
_WALK_LIMIT = 200_000


@rule(
    "STR001",
    source="official: constants.py REQUIRED_PERF_FILES; " + _RULES,
    hint="copy LoadGen's log of this run here; if it was lost, the run must be repeated",
)
def performance_log_present(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The performance run's detail log is there.

    Without it there is no result; the official checker ends in a traceback.
    """
    if run.files.kind(run.detail_path) is None:
        note = ""
        if run.files.exists(run.path.parent / "result_summary.json"):
            note = "this looks like an endpoints submission, which this version cannot judge yet"
        yield Problem("the detail log is missing", required=layout.DETAIL_LOG, path=str(run.detail_path), hint=note)


@rule(
    "STR002",
    source="official: loader.py load_single_log, parsers/loadgen_parser.py",
    hint="restore the file from the run that wrote it",
)
def files_readable(node: Node, book: Rulebook) -> Iterator[Problem]:
    """Files are what their names say.

    A log, a JSON file or a text that cannot be read is reported here, once, and the rules that need it are skipped.
    """
    for read in node.readers():
        try:
            read()
        except Unreadable as problem:
            yield Problem(problem.reason, path=problem.path)
        except Unavailable:
            continue


@rule("STR003", source="official: constants.py REQUIRED_ACC_FILES; " + _RULES)
def accuracy_files_present(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy run's log, answers and score are there.

    The detail log proves that the data set was covered, the answers are the evidence, accuracy.txt is the score.
    """
    hints = {
        layout.DETAIL_LOG: "copy LoadGen's log of the accuracy run here",
        layout.ACCURACY_LOG: "copy the truncated log here",
        layout.ACCURACY_TEXT: "score the accuracy run: submitter score",
    }
    for name, hint in hints.items():
        if run.files.kind(run.path / name) is None:
            yield Problem("a required file is missing", required=name, path=str(run.path / name), hint=hint)


@rule(
    "STR004",
    origin="policy",
    source=_RULES + ", list of mandatory files",
    hint="copy LoadGen's summary of the run here",
)
def summary_logs_present(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The summary logs are there.

    The rules list them among the mandatory files; the official checker does not look for them.
    """
    for run in (result.performance, result.accuracy):
        path = run.path / layout.SUMMARY_LOG
        if run.files.kind(run.detail_path) is not None and run.files.kind(path) is None:
            yield Problem("the summary log is missing", required=layout.SUMMARY_LOG, path=str(path))


@rule("STR005", source="official: loader.py check_scenarios; " + _RULES)
def scenario_known(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The folder is named after a scenario."""
    try:
        _ = result.scenario
    except Unavailable:
        known = [scenario.value for scenario in Scenario]
        yield Problem(
            "the folder is no scenario's",
            found=result.key.scenario,
            required="one of " + ", ".join(known),
            hint=plugins.did_you_mean(result.key.scenario, known),
        )


@rule("STR006", origin="policy", severity="warning", requires=["STR005"], source=_RULES)
def scenario_spelled(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The scenario is spelled as the rules spell it.

    The official checker takes any case in some places and not in others, so results were lost to it.
    """
    if result.key.scenario != result.scenario.value:
        yield Problem(
            "the scenario is spelled in another case",
            found=result.key.scenario,
            required=result.scenario.value,
            hint=f"rename the folder to {result.scenario.value}",
        )


@rule("STR007", source="official: configuration.py get_mlperf_model; MODEL_CONFIG models")
def benchmark_known(benchmark: BenchmarkDir, book: Rulebook) -> Iterator[Problem]:
    """The benchmark is one of the round's, or the open division's model_mapping.json names one for it."""
    try:
        _ = benchmark.official_name
    except Unavailable:
        submitter = benchmark.system.submitter
        hint = plugins.did_you_mean(benchmark.name, book.benchmarks)
        target = submitter.known_model_mapping.get(benchmark.name)
        if target is not None:
            hint = f"model_mapping.json maps it to '{target}': {plugins.did_you_mean(target[:100], book.benchmarks)}"
        elif submitter.division == Division.OPEN:
            hint += f"; a model of your own needs an entry in {layout.MODEL_MAPPING}"
        yield Problem("the round has no benchmark of this name", found=benchmark.name, required=book.name, hint=hint)


@rule("STR008", requires=["STR007", "SYS001", "SYS003"], source="official: loader.py check_scenarios")
def required_scenarios(benchmark: BenchmarkDir, book: Rulebook) -> Iterator[Problem]:
    """A closed benchmark has all scenarios its system type demands, and no other."""
    if benchmark.system.submitter.division == Division.OPEN or not benchmark.results:
        return
    system_type = benchmark.system.field("system_type")
    needed = benchmark.benchmark.scenarios_for(system_type)
    if needed is None:
        types = ", ".join(benchmark.benchmark.scenarios)
        yield Problem(
            f"{benchmark.official_name} is no benchmark for this system type",
            found=system_type,
            required=types,
            hint="correct system_type in the system description",
        )
        return
    there = {name.lower() for name in (result.key.scenario for result in benchmark.results)}
    for scenario in needed.required:
        if scenario.value.lower() not in there:
            yield _missing_scenario(benchmark, scenario.value)
    if needed.one_of and not any(scenario.value.lower() in there for scenario in needed.one_of):
        yield _missing_scenario(benchmark, " or ".join(scenario.value for scenario in needed.one_of))
    allowed = {scenario.value.lower() for scenario in needed.allowed}
    for result in benchmark.results:
        if result.key.scenario.lower() not in allowed:
            yield Problem(
                f"{result.key.scenario} is no scenario of {benchmark.official_name} on a {system_type} system",
                found=result.key.scenario,
                required="one of " + ", ".join(sorted(scenario.value for scenario in needed.allowed)),
                path=str(result.path),
                hint="remove the folder, or move it to the open division",
            )


def _missing_scenario(benchmark: BenchmarkDir, names: str) -> Problem:
    there = ", ".join(result.key.scenario for result in benchmark.results)
    hint = f"run {names}, or submit to the open division"
    return Problem("a required scenario is missing", found=there, required=names, hint=hint)


@rule(
    "STR009",
    source="official: checks/measurements_checks.py directory_exist_check; " + _RULES,
    hint="put the code that was run, or a README that says where it is, there",
)
def source_present(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The folder of the source code is there."""
    path = submitter.layout.code(submitter.division, submitter.name)
    if submitter.systems and submitter.files.kind(path) is not Kind.FOLDER:
        yield Problem("the source folder is missing", required=path.name + "/", path=str(path))


@rule(
    "STR010",
    origin="policy",
    requires=["STR009"],
    source=_RULES + ", list of mandatory files",
    hint="put the code that was run, or a README that says where it is, there",
)
def source_not_empty(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The source folder holds something.

    The code that talks to LoadGen is mandatory; the official checker is content with an empty folder.
    """
    path = submitter.layout.code(submitter.division, submitter.name)
    if submitter.systems and not any(kind is Kind.FILE for _, kind in submitter.files.walk(path, _WALK_LIMIT)):
        yield Problem("the source folder holds no file", path=str(path))


@rule("STR011", origin="policy", severity="warning", source=_RULES + "; mlcommons/policies #209")
def calibration_documented(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """A closed submission documents its calibration and its bandwidth.

    Mandatory by the rules since the postmortem of v5.0; the official checker no longer looks.
    """
    if submitter.division == Division.OPEN or not submitter.systems:
        return
    folder = submitter.layout.documentation(submitter.division, submitter.name)
    for topic in ("calibration", "bandwidth"):
        if not any(name.lower().startswith(topic) for name in submitter.files.names(folder)):
            yield Problem(
                f"the {topic} document is missing",
                required=f"{topic}.adoc",
                path=str(folder / f"{topic}.adoc"),
                hint=f"describe the {topic} in {folder.name}/{topic}.adoc",
            )


@rule(
    "STR012", origin="integrity", source="submitter: a tree stands alone", hint="replace the link by what it leads to"
)
def no_link_leaves(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No symbolic link leads out of the tree, or nowhere.

    What a link leads to is not part of what is uploaded. Such links are not followed; in the source they are
    only litter.
    """
    source = submitter.layout.code(submitter.division, submitter.name)
    for path, kind in _everything(submitter):
        if kind in (Kind.OUTSIDE, Kind.SPECIAL):
            severity = Severity.WARNING if path.is_relative_to(source) else None
            yield Problem(f"this is {kind.value}", path=str(path), severity=severity)


# What tools leave behind: a pattern of the name, what it is, and how bad it is. Secrets are worse than litter.
_STRAYS = (
    (re.compile(r"\.env(\..+)?|id_(rsa|ed25519|ecdsa)|.*\.pem|\.netrc|\.git-credentials"), "a secret", Severity.ERROR),
    (
        re.compile(r"slurm-\d+.*\.(out|err)|.*\.swp|.*~|\.DS_Store|core\.\d+|Thumbs\.db"),
        "a stray file",
        Severity.WARNING,
    ),
    (re.compile(r"\.git|__pycache__|\.ipynb_checkpoints|\.venv"), "a stray folder", Severity.WARNING),
)


@rule("STR013", origin="policy", source=_RULES + ": content aligns to the directory structure", hint="remove it")
def no_stray_files(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """Nothing lies in the tree that tools left behind: secrets, job logs, editor files."""
    for path, _ in _everything(submitter):
        for pattern, what, severity in _STRAYS:
            if pattern.fullmatch(path.name):
                yield Problem(f"{what} is part of the submission", found=path.name, path=str(path), severity=severity)


@rule(
    "STR014",
    origin="policy",
    severity="warning",
    source="compliance/README.md: remove audit.config afterwards",
    hint="remove it; give LoadGen the audit file's path for the compliance run only",
)
def no_audit_config(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No audit.config lies among the results.

    LoadGen reads it from the working directory, so one that was left behind turns the next run into an audit.
    """
    for path, _ in submitter.files.walk(submitter.layout.results(submitter.division, submitter.name), _WALK_LIMIT):
        if path.name in (layout.AUDIT_CONFIG, "audit.conf") and not any(part.startswith("TEST") for part in path.parts):
            near_run = path.parent.name.startswith("run_") or path.parent.name == "accuracy"
            severity = Severity.ERROR if near_run else Severity.WARNING
            yield Problem("an audit file lies among the results", found=path.name, path=str(path), severity=severity)


@rule("STR015", origin="policy", severity="warning", source="official: repository_checks.sh, FILE_SIZE_LIMIT_MB")
def names_and_sizes(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No name has a space, no file is too large for the results repository."""
    limit = book.round.file_max_bytes
    for path, kind in _everything(submitter):
        if " " in path.name:
            yield Problem("the name has a space", found=path.name, path=str(path), hint="rename it")
        if kind is Kind.FILE and submitter.files.size(path) > limit:
            found = f"{submitter.files.size(path)} bytes"
            yield Problem(
                "the file is too large",
                found=found,
                required=f"at most {limit} bytes",
                path=str(path),
                hint="remove it",
            )


@rule("STR016", origin="policy", severity="warning", source=_RULES, hint="remove it, or add its results")
def systems_have_results(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """Every system description belongs to a system that has results."""
    folder = submitter.layout.systems(submitter.division, submitter.name)
    with_results = {system.name for system in submitter.systems}
    for name in submitter.files.names(folder):
        if name.endswith(".json") and name.removesuffix(".json") not in with_results:
            yield Problem("the described system has no results", found=name, path=str(folder / name))


@rule("STR017", origin="policy", severity="warning", source=_RULES)
def empty_folders(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """No submitter, system or benchmark is empty.

    Folders without a result are where a result was meant to be.
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


@rule("STR018", origin="policy", severity="warning", source=_RULES)
def divisions_known(submission: Submission, book: Rulebook) -> Iterator[Problem]:
    """The top of the tree holds the divisions.

    A misspelt division is passed over by the official checker, with all its results.
    """
    known = [division.value for division in Division]
    for name in submission.files.folders(PurePosixPath()):
        hint = plugins.did_you_mean(name, known)
        if name not in known and hint.startswith("did you mean"):
            yield Problem("the folder is no division, so nothing in it was judged", found=name, path=name, hint=hint)


def _everything(submitter: SubmitterDir) -> list[tuple[PurePosixPath, Kind]]:
    return submitter.files.walk(submitter.path, _WALK_LIMIT)
