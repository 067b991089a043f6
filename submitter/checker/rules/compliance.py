"""CMP: the compliance tests of a result, and the texts of their verifications."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules._shared import differences, logged_error
from submitter.compliance import Reason, Verdict, not_in_force, test01, verify_text
from submitter.layout import VERIFY_ACCURACY
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.rulebook_tables import ComplianceTest
from submitter.submission.accuracy_text import last_value, lines_of
from submitter.submission.files import Unavailable, Unreadable
from submitter.submission.runs import ComplianceRun
from submitter.submission.tree import Result, SubmitterDir

_CHECK = "official: checks/compliance_check.py; submission_checker.py, check_compliance_dir; "

# LoadGen logs these errors in every run with an audit file: it has two configurations and a limited number of queries.
_EXPECTED_ERRORS = ("Multiple conf files are used", "Max query count reached")


def is_required(run: ComplianceRun) -> bool:
    """Whether the round requires the test: for closed results, and for those in the network division."""
    return run.result.is_closed and run.test in run.result.benchmark.compliance


@rule("CMP001", requires=["STR007"], absence=True, source=_CHECK + "dir_exists_check; MODEL_CONFIG models_TEST*")
def tests_present(result: Result, book: Rulebook) -> Iterator[Problem]:
    """A closed result has all compliance tests of its benchmark; EPT015 covers results of mlcommons/endpoints."""
    if not result.is_closed or result.is_endpoints:
        return
    for test in result.benchmark.compliance:
        if test not in result.compliance:
            path = str(result.layout.compliance(result.key, test))
            hint = f"run {test} with its audit.config and copy its verification here"
            yield Problem(f"{test} is missing", required=f"{test}/", path=path, hint=hint)


@rule("CMP002", source="official: MODEL_CONFIG models_TEST*", severity="warning", origin="policy", requires=["STR007"])
def tests_known(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """Each compliance folder belongs to a test of the benchmark."""
    if run.test not in run.result.benchmark.compliance:
        known = ", ".join(run.result.benchmark.compliance) or "none"
        message = f"{run.test} is not a test of {run.result.official_name}"
        yield Problem(message, found=run.test, required=known, path=str(run.folder), hint="remove the folder")


@rule("CMP003", requires=["STR005", "STR007"], source=_CHECK + "accuracy_check, compliance_performance_check")
def verification_passed(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The test's verification is there and states that the test passed.

    Required for closed results. An open result needs no compliance test, so a failed one there is only a warning.
    """
    test = book.compliance.get(run.test)
    severity = None if is_required(run) else Severity.WARNING
    hint = f"run the verification of {run.test} again, and the test if it fails"
    for name in test.verify if test else ():
        path = str(run.folder / name)
        try:
            failures = list(_failures(run, name, test)) if test else []
        except Unreadable as problem:
            yield Problem(problem.reason, path=path, hint=hint, severity=severity)
        except Unavailable:
            message = "the test's verification is missing"
            yield Problem(message, required=name, path=path, hint=hint, severity=severity)
        else:
            for message, reason in failures:
                yield Problem(
                    message,
                    found=reason.found,
                    required=reason.required,
                    path=path,
                    line=reason.line,
                    hint=hint,
                    severity=severity,
                )


def _failures(run: ComplianceRun, name: str, test: ComplianceTest) -> Iterator[tuple[str, Reason]]:
    """The lines that a verification lacks, each with a message. Unavailable if the verification cannot be read."""
    for reason in _text_verdict(run, name, test).reasons:
        message = reason.message
        if name == VERIFY_ACCURACY and test.accuracy_delta is not None:
            objection = _score_objection(run, test)
            if not objection:
                continue
            message += f", and {objection}"
        yield message, reason


def _text_verdict(run: ComplianceRun, name: str, test: ComplianceTest) -> Verdict:
    return verify_text(run.test, test, name, lines_of(run.text_of(name)))


def _score_objection(run: ComplianceRun, test: ComplianceTest) -> str:
    """Why two scores cannot replace the comparison of outputs that differ from run to run; empty if they can."""
    folder = run.accuracy_folder
    if any(differences(run.files, folder, test.delta_files)):
        return f"accuracy/ does not hold exactly {', '.join(test.delta_files)}"
    benchmark, patterns = run.result.benchmark, run.book.accuracy_patterns
    targets = benchmark.accuracy_targets(run.result.scenario)
    allowed = {
        metric: benchmark.compliance_delta.get(metric, test.accuracy_delta or 0)
        for metric, target in targets.items()
        if not target.optional
    }
    baseline, compliance = (
        {metric: last_value(text, patterns[metric]) for metric in allowed}
        for text in map(run.score_text, ("baseline", "compliance"))
    )
    reasons = test01.verify(baseline, compliance, allowed).reasons
    return reasons[0].message if reasons else ""


@rule(
    "CMP010", requires=["STR007"], source=_CHECK + "compliance_performance_check, files_diff; REQUIRED_COMP_PER_FILES"
)
def only_listed_files(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The log folders of a compliance test hold the files that the rules list, and no others."""
    test = book.compliance.get(run.test)
    if test is None or not is_required(run):
        return
    if test.performance_files:
        yield from differences(run.files, run.path, test.performance_files, ("mlperf_log_accuracy.json",))
    if test.accuracy_files and _text_verdict(run, VERIFY_ACCURACY, test).passed:
        yield from differences(run.files, run.accuracy_folder, test.accuracy_files)


@rule(
    "CMP004",
    source="policies submission_rules.adoc, section Inference: <test_id>/performance/run_1",
    origin="policy",
    severity="note",
    hint="copy the logs of the compliance runs there: the verification scripts of some tests do not copy them",
)
def logs_present(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The LoadGen logs of the compliance tests are there.

    Without them nobody can see whether the audit settings were in effect. The official checker requires them only for
    tests whose performance it judges, and most submissions have only those. So it is a note, once per submitter.
    """
    runs = [
        run
        for system in submitter.systems
        for benchmark in system.benchmarks
        for result in benchmark.results
        if not result.is_endpoints
        for run in result.compliance.values()
        if run.test in book.compliance
    ]
    without = [run for run in runs if run.files.kind(run.detail_path) is None]
    if without:
        message = "compliance runs have no log, so their audit settings cannot be verified"
        yield Problem(message, found=f"{len(without)} of {len(runs)}", path=str(without[0].detail_path))


@rule(
    "CMP005",
    requires=["CMP012"],
    origin="policy",
    source="policies submission_rules.adoc, section Compliance Testing; audit.config; mlcommons/inference #2672",
    hint="run the test again with its audit.config, under the name and in the folder where LoadGen looks for it",
)
def audit_in_effect(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The compliance run was made with the test's audit settings.

    If LoadGen does not find the audit file, it makes a plain performance run and reports nothing. Then most of the
    settings are wrong. If it is only one or two of them, that is a warning.
    """
    test = book.compliance.get(run.test)
    if test is None or run.files.kind(run.detail_path) is None:
        return
    wrong = not_in_force(run.log, test.audit)
    plain = 2 * len(wrong) > len(test.audit.keys() - {"mode"})
    severity = None if plain and is_required(run) else Severity.WARNING
    for one in wrong:
        message, path = f"{one.name} is not as in audit.config", str(run.detail_path)
        yield Problem(
            message,
            found=shown(one.found),
            required=str(one.required),
            path=path,
            line=run.line(one.key),
            severity=severity,
        )


@rule(
    "CMP006",
    requires=["CMP012"],
    origin="integrity",
    source="LoadGen's is_error",
    hint="fix the cause and run the test again",
)
def no_errors(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen logged no error in the compliance run.

    A log with errors is one defect, however many lines have one: the first of them is shown.
    """
    if run.files.kind(run.detail_path) is None:
        return
    ignored = (*_EXPECTED_ERRORS, *book.ignored_errors)
    errors = [error for error in run.log.errors if not any(text in shown(error.value) for text in ignored)]
    if errors:
        severity = None if is_required(run) else Severity.WARNING
        problem = logged_error(run, errors[0], severity=severity)
        count = len(errors)
        yield problem if count == 1 else replace(problem, message=f"LoadGen logged errors in {count} lines")
