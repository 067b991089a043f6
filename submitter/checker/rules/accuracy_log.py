"""ACC: the accuracy run's logs, and the hash that ties them to the score."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules._shared import counted_errors, differences
from submitter.checker.rules.accuracy import open_severity
from submitter.logs import TRUNCATION_MARK
from submitter.model import Scenario
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.accuracy_text import hashes
from submitter.submission.files import Unavailable
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

    Where a scenario has a sample count of its own, the official checker finds it by the folder's name, letter for
    letter.
    """
    counts, spelled = run.result.benchmark.accuracy_sample_count, run.result.key.scenario
    if isinstance(counts, dict) and spelled not in counts:
        known, hint = " or ".join(counts), f"rename the folder to {run.result.scenario}"
        yield Problem(
            "no sample count is known of a scenario spelled so",
            found=spelled,
            required=known,
            path=str(run.path),
            line=None,
            hint=hint,
        )
        return
    key = "effective_accuracy_sample_count"
    if key not in run.log:
        key = "qsl_reported_total_count"
    required = run.result.benchmark.accuracy_samples(run.result.scenario)
    found = run.log[key]
    if found != required:
        message, path, line = "the accuracy run did not cover the data set", str(run.detail_path), run.line(key)
        severity = open_severity(run, book, "ACC003")
        yield Problem(
            message, found=shown(found), required=f"{required} samples", path=path, line=line, severity=severity
        )


@rule("ACC005", requires=_SCORED, source=_CHECK + "accuracy_result_check; truncate_accuracy_log.py")
def hash_present(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """accuracy.txt ends with the hash of the whole accuracy log.

    It ties the truncated log to the whole one.
    """
    if run.score.hash is None:
        yield Problem(
            "the hash of the accuracy log is missing",
            required="a line hash=<sha256>",
            path=str(run.score_path),
            hint="truncate the log with submitter assemble, which writes the hash",
            severity=open_severity(run, book, "ACC005"),
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

    The official checker is content with any word.
    """
    for value, line in hashes(run.score_text):
        if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
            yield Problem(
                "the hash is no SHA-256",
                found=value,
                required="64 hexadecimal digits",
                path=str(run.score_path),
                line=line,
            )


@rule(
    "ACC007",
    requires=["STR003"],
    source=_CHECK + "accuracy_json_check; MAX_ACCURACY_LOG_SIZE",
    hint="truncate it: submitter assemble does, and keeps its hash in accuracy.txt",
)
def log_truncated(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy log is truncated."""
    limit = book.round.accuracy_log_max_bytes
    size = run.files.size(run.answers_path)
    if size > limit:
        severity, path = open_severity(run, book, "ACC007"), str(run.answers_path)
        message = "the accuracy log is not truncated"
        yield Problem(message, found=f"{size} bytes", required=f"at most {limit} bytes", path=path, severity=severity)


@rule("ACC008", requires=[*_LOG, "ACC005", "ACC006", "ACC007"], origin="integrity", source="truncate_accuracy_log.py")
def log_is_the_hashed_one(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy log is a list of answers, and the hashed one where it was short enough to stay whole."""
    limit = book.round.accuracy_log_max_bytes
    if run.files.size(run.answers_path) > limit:
        return  # the open division's, which ACC007 warned of
    data = run.files.read(run.answers_path, limit)
    path = str(run.answers_path)
    stated = {value.lower() for value, _ in hashes(run.score_text)}
    hint = "copy the accuracy run's log again and truncate that"
    if not data.lstrip().startswith(b"["):
        found = shown(data[:20].decode("utf-8", "replace"))
        yield Problem(
            "the accuracy log is no list of answers", found=found, required="[ in line 1", path=path, line=1, hint=hint
        )
    elif TRUNCATION_MARK not in data and stated and hashlib.sha256(data).hexdigest() not in stated:
        # A warning only: there are other ways to truncate than the official one, which leaves a mark.
        message = "the whole accuracy log has another hash than accuracy.txt says"
        yield Problem(
            message,
            found=hashlib.sha256(data).hexdigest(),
            required=min(stated),
            path=path,
            line=None,
            hint=hint,
            severity=Severity.WARNING,
        )


@rule("ACC009", requires=_LOG, source=_CHECK + "loadgen_errors_check", hint="mend its cause and run again")
def no_errors(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen logged no error in the accuracy run."""
    severity = open_severity(run, book, "ACC009")
    for error in counted_errors(run.log, book):
        path = str(run.detail_path)
        yield Problem(
            "LoadGen logged an error",
            found=shown(error.value),
            required="",
            path=path,
            line=error.line,
            severity=severity,
        )


@rule(
    "ACC015",
    requires=["ACC009"],
    origin="integrity",
    source="LoadGen's is_error",
    hint="copy the accuracy run's log again; its own count denies what it tells",
)
def no_error_denied(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy run's log tells of no error that its own count of errors leaves out."""
    for error in run.log.errors:
        path, severity = str(run.detail_path), None if run.result.is_closed else Severity.WARNING
        yield Problem(
            "LoadGen logged an error",
            found=shown(error.value),
            required="",
            path=path,
            line=error.line,
            severity=severity,
        )


@rule(
    "ACC010",
    requires=_LOG,
    origin="policy",
    source="inference_rules.adoc, section LoadGen Operation: one validation run for each result",
    hint="copy the accuracy run's log here",
)
def mode_is_accuracy(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The run was made in LoadGen's accuracy mode."""
    key = "effective_test_mode"
    if run.log[key] != "AccuracyOnly":
        message = "the run was not an accuracy run"
        yield Problem(
            message, found=shown(run.log[key]), required="AccuracyOnly", path=str(run.detail_path), line=run.line(key)
        )


@rule(
    "ACC011",
    requires=[*_LOG, "STR005"],
    origin="policy",
    source="inference_rules.adoc, section LoadGen Operation: one validation run for each result",
    hint="run the accuracy mode of this scenario",
)
def scenario_is_the_folders(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy run is of the folder's scenario, or of the performance run's where that one was inferred.

    The official checker lets Server's accuracy run stand for Offline.
    """
    key = "effective_scenario"
    allowed = {run.result.scenario.loadgen_name}
    try:
        inferred = run.result.performance.text(key)
        if inferred in (Scenario.SINGLE_STREAM, Scenario.MULTI_STREAM):
            allowed.add(inferred)
    except Unavailable:
        pass
    found = run.log[key]
    if not isinstance(found, str) or found not in allowed:
        message = "the accuracy run is of another scenario"
        yield Problem(
            message,
            found=shown(found),
            required=" or ".join(sorted(allowed)),
            path=str(run.detail_path),
            line=run.line(key),
        )


@rule("ACC012", requires=_SCORED, source=_CHECK + "extra_files_check, check_extra_files; REQUIRED_ACC_BENCHMARK")
def extra_files(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The samples that reviewers look at are there, for benchmarks that make pictures or videos."""
    for folder, stems in run.result.benchmark.accuracy_files.items():
        there = {name.partition(".")[0] for name in run.files.names(run.path / folder)}
        missing = [stem for stem in stems if stem not in there]
        if missing:
            found, path = f"{len(stems) - len(missing)} of {len(stems)}", str(run.path / folder)
            severity = open_severity(run, book, "ACC012")
            yield Problem(
                f"{folder} are missing", found=found, required=", ".join(missing), path=path, severity=severity
            )


@rule(
    "ACC013",
    step="files",
    requires=["STR003"],
    source="official: submission_checker.py, check_results_dir, files_diff; REQUIRED_ACC_FILES",
    hint="keep the logs and the score of the accuracy run here, and nothing else",
)
def files_are_the_listed_ones(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The folder of the accuracy run holds the files that the rules list, and no other."""
    yield from differences(run.files, run.path, book.round.accuracy_run_files)
