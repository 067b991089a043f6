"""PRV: the records of the runs, which the manifest has, against each other and against the runs' logs."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import log_problem
from submitter.checker.rules.provenance import REASSEMBLE, SHOWN_CHARACTERS, SOURCE
from submitter.model import Mode
from submitter.rulebook import Rulebook
from submitter.submission.accuracy_text import hashes, values
from submitter.submission.manifest import manifest_result, records_of, result_differences, system_differences
from submitter.submission.runs import Run
from submitter.submission.tree import Result, System


@rule(
    "PRV005",
    origin="integrity",
    requires=["PRV002"],
    source=SOURCE + ", record.py",
    hint="make all runs of a result with the same setup",
)
def runs_of_one_setup(result: Result, book: Rulebook) -> Iterator[Problem]:
    """All runs of a result had the same data set, model, kind of machine, software and settings.

    The records of the runs are compared with each other. What an older record does not state is not compared.
    """
    for what, stated in result_differences(result):
        message = f"the runs of {result.path} differ in their {what}"
        found = ", ".join(f"{mode} {text[:SHOWN_CHARACTERS]}" for mode, text in stated.items())
        yield Problem(message, found=found, required=f"one {what}", path=str(result.submitter.manifest_path))


@rule("PRV006", origin="integrity", requires=["PRV002"], source=SOURCE + ", record.py", hint=REASSEMBLE)
def records_of_this_result(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The records are of this result: its system, benchmark, scenario and mode."""
    path = str(result.submitter.manifest_path)
    for mode, record in records_of(result).items():
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


@rule("PRV007", origin="integrity", requires=["PRV002", "STR003"], source=SOURCE, hint=REASSEMBLE)
def accuracy_log_matches(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The hash in accuracy.txt is that of the accuracy run's log."""
    entry = manifest_result(result)
    if entry is None:
        return
    for value, line in hashes(result.accuracy.score_text):
        if entry.accuracy_log_sha256 and value.lower() != entry.accuracy_log_sha256.lower():
            message, path = "the score is of another accuracy log", str(result.accuracy.score_path)
            found, required = value[:SHOWN_CHARACTERS], entry.accuracy_log_sha256[:SHOWN_CHARACTERS]
            yield Problem(message, found=found, required=required, path=path, line=line)


@rule(
    "PRV008",
    origin="integrity",
    requires=["PRV002", "STR001", "STR002"],
    source=SOURCE + ", record.py",
    hint=REASSEMBLE,
)
def figure_matches_record(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The performance run's figure is that in its record."""
    for record in records_of(result).values():
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
    source=SOURCE + ": accuracy_target",
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
    "PRV012",
    origin="integrity",
    requires=["PRV002", "STR001", "STR002"],
    source=SOURCE + ", record.py: valid",
    hint=REASSEMBLE,
)
def validity_matches_record(result: Result, book: Rulebook) -> Iterator[Problem]:
    """LoadGen's verdict on a run, VALID or INVALID, is that in its record."""
    runs: dict[str, Run] = {Mode.PERFORMANCE: result.performance, **result.compliance}
    for mode, record in records_of(result).items():
        run = runs.get(mode)
        if run is None or record.valid is None:
            continue
        logged = run.text("result_validity")
        required = "VALID" if record.valid else "INVALID"
        if logged != required:
            message = f"the log of the {mode} run has another verdict than the run's record"
            yield log_problem(run, "result_validity", message, found=logged, required=required)


@rule("PRV013", origin="integrity", requires=["PRV002", "STR003"], source=SOURCE + ": scores", hint=REASSEMBLE)
def score_matches_manifest(result: Result, book: Rulebook) -> Iterator[Problem]:
    """accuracy.txt states the scores that the manifest has."""
    entry = manifest_result(result)
    if entry is None:
        return
    path = str(result.accuracy.score_path)
    for name, scored in entry.scores.items():
        stated = values(result.accuracy.score_text, name, book.accuracy_patterns)
        if not stated:
            yield Problem(f"the score has no {name}", required=f"{scored:.6g}", path=path)
        for value, line in stated:
            if abs(value - scored) > 1e-6 * abs(scored):
                message = f"{name} differs from the score in the manifest"
                yield Problem(message, found=f"{value:.6g}", required=f"{scored:.6g}", path=path, line=line)


@rule(
    "PRV015",
    origin="integrity",
    severity="warning",
    requires=["PRV002"],
    source=SOURCE + ", record.py",
    hint="make the runs again where they differ, or submit them as results of two systems",
)
def results_of_one_system(system: System, book: Rulebook) -> Iterator[Problem]:
    """All results of a system were measured on one kind of machine, with the same driver and versions.

    The tree has one description for all of them.
    """
    for what, stated in system_differences(system):
        message = f"the results of system {system.name} differ in their {what}"
        found = ", ".join(f"{run} {text[:SHOWN_CHARACTERS]}" for run, text in stated.items())
        path = str(system.submitter.manifest_path)
        yield Problem(message, found=found, required=f"one {what}", path=path)
