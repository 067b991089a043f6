"""ACC: the accuracy run's logs, and the hash that ties them to the score."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules._shared import (
    CHECK_RESULTS_DIR,
    counted_errors,
    differences,
    log_problem,
    logged_error,
    missing_sample_files,
    severity_in_open,
)
from submitter.logs import TRUNCATION_MARK
from submitter.model import Scenario
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.accuracy_text import hashes
from submitter.submission.files import EntryKind, Unavailable
from submitter.submission.runs import AccuracyRun

_CHECK = "official: checks/accuracy_check.py, submission_checker.py, check_accuracy_dir; "
_LOG = ["STR002", "STR003"]
_SCORED = [*_LOG, "STR005", "STR007"]


@rule(
    "ACC003",
    requires=_SCORED,
    source=_CHECK + "dataset_check; accuracy-sample-count and dataset-size",
    hint="run the accuracy mode over the whole data set",
    smoke="a smoke run scores a part of the data set",
)
def dataset_covered(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy run covered the data set.

    Where the sample count depends on the scenario, the official checker looks it up by the folder's exact name.
    """
    counts, name = run.result.benchmark.accuracy_sample_count, run.result.key.scenario
    if isinstance(counts, dict) and name not in counts:
        yield Problem(
            "no sample count is known for a scenario of this name",
            found=name,
            required=" or ".join(counts),
            path=str(run.path),
            hint=f"rename the folder to {run.result.scenario}",
        )
        return
    key = "effective_accuracy_sample_count"
    if key not in run.log:
        key = "qsl_reported_total_count"
    required = run.result.benchmark.accuracy_samples(run.result.scenario)
    found = run.log[key]
    if found != required:
        yield log_problem(
            run,
            key,
            "the accuracy run did not cover the data set",
            found=shown(found),
            required=f"{required} samples",
            severity=severity_in_open(run, book, "ACC003"),
        )


@rule("ACC005", requires=_SCORED, source=_CHECK + "accuracy_result_check; truncate_accuracy_log.py")
def hash_present(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """accuracy.txt ends with the hash of the whole accuracy log.

    The hash ties the truncated log to the whole one.
    """
    if run.score.hash is None:
        yield Problem(
            "the hash of the accuracy log is missing",
            required="a line hash=<sha256>",
            path=str(run.score_path),
            hint="truncate the log with submitter assemble, which writes the hash",
            severity=severity_in_open(run, book, "ACC005"),
        )


@rule(
    "ACC006",
    requires=_LOG,
    origin="integrity",
    source="truncate_accuracy_log.py: the hash is SHA-256",
    hint="compute it from the untruncated log: sha256sum mlperf_log_accuracy.json",
)
def hash_is_sha256(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The hash in accuracy.txt is a SHA-256.

    The official checker accepts any word.
    """
    for value, line in hashes(run.score_text):
        if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
            path, required = str(run.score_path), "64 hexadecimal digits"
            yield Problem("the hash is not a SHA-256", found=value, required=required, path=path, line=line)


@rule(
    "ACC007",
    requires=["STR003"],
    source=_CHECK + "accuracy_json_check; MAX_ACCURACY_LOG_SIZE",
    hint="truncate it with submitter assemble, which keeps its hash in accuracy.txt",
)
def log_truncated(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy log is truncated."""
    limit = book.round.accuracy_log_max_bytes
    if run.files.kind(run.answers_path) is EntryKind.FOLDER:
        return  # the official checker takes its size; ACC008 cannot read it
    size = run.files.size(run.answers_path)
    if size > limit:
        severity, path = severity_in_open(run, book, "ACC007"), str(run.answers_path)
        message = "the accuracy log is not truncated"
        yield Problem(message, found=f"{size} bytes", required=f"at most {limit} bytes", path=path, severity=severity)


@rule("ACC008", requires=[*_LOG, "ACC005", "ACC006", "ACC007"], origin="integrity", source="truncate_accuracy_log.py")
def log_is_the_hashed_one(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy log is a list of answers; if it was too short to be truncated, its hash is the stated one."""
    limit = book.round.accuracy_log_max_bytes
    if run.files.size(run.answers_path) > limit:
        return  # an open result's log, for which ACC007 gave a warning
    data = run.files.read(run.answers_path, limit)
    path = str(run.answers_path)
    stated = {value.lower() for value, _ in hashes(run.score_text)}
    hint = "copy the accuracy run's log again and truncate that"
    if not data.lstrip().startswith(b"["):
        message, found = "the accuracy log is not a list of answers", shown(data[:20].decode("utf-8", "replace"))
        yield Problem(message, found=found, required="[ in line 1", path=path, line=1, hint=hint)
    elif TRUNCATION_MARK not in data and stated and hashlib.sha256(data).hexdigest() not in stated:
        # Only a warning: the official way of truncating leaves a mark, but there are other ways.
        yield Problem(
            "the whole accuracy log does not have the hash that accuracy.txt states",
            found=hashlib.sha256(data).hexdigest(),
            required=min(stated),
            path=path,
            hint=hint,
            severity=Severity.WARNING,
        )


@rule("ACC009", requires=_LOG, source=_CHECK + "loadgen_errors_check", hint="fix the cause and run it again")
def no_errors(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen logged no error in the accuracy run."""
    severity = severity_in_open(run, book, "ACC009")
    for error in counted_errors(run.log, book):
        yield logged_error(run, error, severity=severity)


@rule(
    "ACC015",
    requires=["ACC009"],
    origin="integrity",
    source="LoadGen's is_error",
    hint="copy the accuracy run's log again: its error count leaves out an error that it has",
)
def no_uncounted_errors(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy run's log has no error that its own error count leaves out."""
    severity = None if run.result.is_closed else Severity.WARNING
    for error in run.log.errors:
        yield logged_error(run, error, severity=severity)


@rule(
    "ACC010",
    requires=_LOG,
    origin="policy",
    source="inference_rules.adoc, section LoadGen Operation: one validation run for each result",
    hint="copy the logs of the accuracy run here",
)
def mode_is_accuracy(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The run was made in LoadGen's accuracy mode."""
    key, required = "effective_test_mode", "AccuracyOnly"
    mode = run.log[key]
    if mode != required:
        yield log_problem(run, key, "the run is not an accuracy run", found=shown(mode), required=required)


@rule(
    "ACC011",
    requires=[*_LOG, "STR005"],
    origin="policy",
    source="inference_rules.adoc, section LoadGen Operation: one validation run for each result",
    hint="run the accuracy mode of this scenario",
)
def scenario_matches_folder(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy run's scenario is that of the folder or, for an inferred result, that of the performance run.

    The official checker accepts the accuracy run of Server for Offline.
    """
    key = "effective_scenario"
    allowed = {run.result.scenario.loadgen_name}
    try:
        inferred_from = run.result.performance.text(key)
        if inferred_from in (Scenario.SINGLE_STREAM, Scenario.MULTI_STREAM):
            allowed.add(inferred_from)
    except Unavailable:
        pass
    found = run.log[key]
    if not isinstance(found, str) or found not in allowed:
        message = "the accuracy run's scenario is not that of its folder"
        yield log_problem(run, key, message, found=shown(found), required=" or ".join(sorted(allowed)))


@rule("ACC012", requires=_SCORED, source=_CHECK + "extra_files_check, check_extra_files; REQUIRED_ACC_BENCHMARK")
def sample_files_present(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The generated pictures or videos that reviewers look at are present, where the benchmark makes them."""
    yield from missing_sample_files(run, severity_in_open(run, book, "ACC012"))


@rule(
    "ACC013",
    step="files",
    requires=["STR003"],
    source=CHECK_RESULTS_DIR + ", files_diff; REQUIRED_ACC_FILES",
    hint="keep only the logs and the score of the accuracy run here",
)
def only_listed_files(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The folder of the accuracy run contains the files that the rules list, and no other."""
    yield from differences(run.files, run.path, book.round.accuracy_run_files)
