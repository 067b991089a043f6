"""ACC: the accuracy run and its score."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from submitter.checker.files import Unavailable
from submitter.checker.finding import Problem, Severity, shown
from submitter.checker.registry import rule
from submitter.checker.runs import AccuracyRun
from submitter.logs import TRUNCATION_MARK
from submitter.model import Scenario
from submitter.rulebook import Rulebook

_CHECK = "official: checks/accuracy_check.py "
_LOG = ["STR002", "STR003"]
_SCORED = [*_LOG, "STR005", "STR007"]
_SHOWN_CHARACTERS = 60


def _spellings(text: str, name: str, book: Rulebook) -> list[tuple[str, int]]:
    """What stands for a metric in accuracy.txt, with the line, as the official patterns find it: a plain number."""
    pattern = re.compile(book.accuracy_patterns.get(name, rf".*'{re.escape(name)}':\s+'?([\d.]+)"))
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        match = pattern.match(line)
        if match:
            found.append((match[1], number))
    return found


def values(text: str, name: str, book: Rulebook) -> list[tuple[float, int]]:
    """The values of a metric in accuracy.txt, each with its line."""
    found = []
    for spelled, line in _spellings(text, name, book):
        try:
            found.append((float(spelled), line))
        except ValueError:
            continue
    return found


@rule("ACC001", requires=_SCORED, source=_CHECK + "accuracy_result_check; constants.py ACC_PATTERN")
def metrics_readable(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """accuracy.txt has every metric of the benchmark, as a plain number.

    numpy writes np.float64(44.4), which no checker reads; the official one fails then without saying why. The open
    division's results need no score.
    """
    severity = None if run.result.is_closed else Severity.WARNING
    text = run.score_text
    for name, target in run.result.benchmark.accuracy_targets(run.result.scenario).items():
        if target.optional or values(text, name, book):
            continue
        near = re.search(rf"['\"]?{re.escape(name)}['\"]?\s*[:=]\s*([^,}}\n]*)", text)
        if near:
            line = text.count("\n", 0, near.start()) + 1
            found, hint = (
                near[1].strip()[:_SHOWN_CHARACTERS],
                f"write {name} as a plain number: float(...) removes numpy's type",
            )
            problem = Problem(f"{name} is no plain number", found, "a number", str(run.score_path), line, hint)
        else:
            hint = "score the accuracy run again: submitter score"
            problem = Problem(f"the score has no {name}", "", name, str(run.score_path), None, hint)
        yield Problem(
            problem.message, problem.found, problem.required, problem.path, problem.line, problem.hint, severity
        )


@rule(
    "ACC002",
    requires=_SCORED,
    source=_CHECK + "accuracy_result_check; MODEL_CONFIG accuracy-target and accuracy-upper-limit",
    smoke="a smoke run scores a part of the data set, and the targets hold for the whole",
)
def accuracy_target(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The score reaches the benchmark's targets, and stays under its upper limits.

    Demanded of the closed and network divisions.
    """
    if not run.result.is_closed:
        return
    for name, target in run.result.benchmark.accuracy_targets(run.result.scenario).items():
        for value, line in values(run.score_text, name, book):
            if not value >= target.lower:
                hint = "a less lossy quantisation, or the open division"
                yield _off_target(run, f"{name} misses the target", value, f"at least {target.lower:.6g}", line, hint)
            if target.upper is not None and not value <= target.upper:
                hint = "answers this long mean that the end of the text is not recognised"
                yield _off_target(
                    run, f"{name} is over its upper limit", value, f"at most {target.upper:.6g}", line, hint
                )


def _off_target(run: AccuracyRun, message: str, value: float, required: str, line: int, hint: str) -> Problem:
    return Problem(message, f"{value:.6g}", required, str(run.score_path), line, hint)


@rule(
    "ACC003",
    requires=_SCORED,
    source=_CHECK + "dataset_check; MODEL_CONFIG accuracy-sample-count and dataset-size",
    hint="run the accuracy mode over the whole data set",
    smoke="a smoke run scores a part of the data set",
)
def dataset_covered(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy run covered the data set."""
    key = "effective_accuracy_sample_count"
    if key not in run.log:
        key = "qsl_reported_total_count"
    required = run.result.benchmark.accuracy_samples(run.result.scenario)
    found = run.log[key]
    if isinstance(found, bool) or found != required:
        message = "the accuracy run did not cover the data set"
        yield Problem(message, shown(found), f"{required} samples", str(run.detail_path), run.line(key))


@rule(
    "ACC004",
    requires=_SCORED,
    origin="integrity",
    source="submitter: a score covers the data set",
    hint="score the untruncated log of the whole data set",
    smoke="a smoke run scores a part of the data set",
)
def all_samples_scored(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The score was made of all samples of the data set.

    The official checker never compares gen_num: a score of the 100 best samples passes.
    """
    required = run.result.benchmark.accuracy_samples(run.result.scenario)
    for value, line in values(run.score_text, "gen_num", book):
        if value != required:
            yield _off_target(run, "the score does not cover the data set", value, f"gen_num {required}", line, "")


_HASH_LINE = re.compile(r"^hash=(.*)$", re.MULTILINE)


def hashes(text: str) -> list[tuple[str, int]]:
    """The hash lines of accuracy.txt, each with its line."""
    return [(match[1].strip(), text.count("\n", 0, match.start()) + 1) for match in _HASH_LINE.finditer(text)]


@rule("ACC005", requires=_LOG, source=_CHECK + "accuracy_result_check; truncate_accuracy_log.py")
def hash_present(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """accuracy.txt ends with the hash of the whole accuracy log.

    It ties the truncated log to the whole one. The official checker demands it of the closed division only.
    """
    if not hashes(run.score_text):
        yield Problem(
            "the hash of the accuracy log is missing",
            required="a line hash=<sha256>",
            path=str(run.score_path),
            hint="truncate the log with submitter assemble, which writes the hash",
            severity=None if run.result.is_closed else Severity.WARNING,
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
            yield Problem("the hash is no SHA-256", value, "64 hexadecimal digits", str(run.score_path), line)


@rule(
    "ACC007",
    requires=["STR003"],
    source=_CHECK + "accuracy_json_check; constants.py MAX_ACCURACY_LOG_SIZE",
    hint="truncate it: submitter assemble does, and keeps its hash in accuracy.txt",
)
def log_truncated(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy log is truncated."""
    limit = book.round.accuracy_log_max_bytes
    size = run.files.size(run.answers_path)
    if size > limit:
        yield Problem(
            "the accuracy log is not truncated", f"{size} bytes", f"at most {limit} bytes", str(run.answers_path)
        )


@rule("ACC008", requires=[*_LOG, "ACC005", "ACC006", "ACC007"], origin="integrity", source="truncate_accuracy_log.py")
def log_is_the_hashed_one(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The accuracy log is a list of answers, and the hashed one where it was short enough to stay whole."""
    limit = book.round.accuracy_log_max_bytes
    data = run.files.read(run.answers_path, limit)
    path = str(run.answers_path)
    stated = {value.lower() for value, _ in hashes(run.score_text)}
    hint = "copy the accuracy run's log again and truncate that"
    if not data.lstrip().startswith(b"["):
        found = shown(data[:20].decode("utf-8", "replace"))
        yield Problem("the accuracy log is no list of answers", found, "[ in line 1", path, 1, hint)
    elif TRUNCATION_MARK not in data and stated and hashlib.sha256(data).hexdigest() not in stated:
        # A warning only: there are other ways to truncate than the official one, which leaves a mark.
        yield Problem(
            "the whole accuracy log has another hash than accuracy.txt says",
            hashlib.sha256(data).hexdigest(),
            min(stated),
            path,
            None,
            hint,
            Severity.WARNING,
        )


@rule("ACC009", requires=_LOG, source=_CHECK + "loadgen_errors_check", hint="mend its cause and run again")
def no_errors(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen logged no error in the accuracy run."""
    for error in run.log.errors:
        text = shown(error.value)
        if not any(ignored in text for ignored in book.ignored_errors):
            yield Problem("LoadGen logged an error", text, "", str(run.detail_path), error.line)


@rule(
    "ACC010",
    requires=_LOG,
    origin="integrity",
    source="submitter: LoadGen's TestMode",
    hint="copy the accuracy run's log here",
)
def mode_is_accuracy(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The run was made in LoadGen's accuracy mode."""
    key = "effective_test_mode"
    if run.log[key] != "AccuracyOnly":
        message = "the run was not an accuracy run"
        yield Problem(message, shown(run.log[key]), "AccuracyOnly", str(run.detail_path), run.line(key))


@rule(
    "ACC011",
    requires=[*_LOG, "STR005"],
    origin="integrity",
    source="submitter: one result, one scenario",
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
        yield Problem(message, shown(found), " or ".join(sorted(allowed)), str(run.detail_path), run.line(key))


@rule("ACC012", requires=_SCORED, source=_CHECK + "extra_files_check; constants.py REQUIRED_ACC_BENCHMARK")
def extra_files(run: AccuracyRun, book: Rulebook) -> Iterator[Problem]:
    """The samples that reviewers look at are there, for benchmarks that make pictures or videos."""
    for folder, stems in run.result.benchmark.accuracy_files.items():
        there = {name.partition(".")[0] for name in run.files.names(run.path / folder)}
        missing = [stem for stem in stems if stem not in there]
        if missing:
            found = f"{len(stems) - len(missing)} of {len(stems)}"
            yield Problem(f"{folder} are missing", found, ", ".join(missing), str(run.path / folder))
