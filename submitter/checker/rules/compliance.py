"""CMP: the compliance tests of a result, and what their verifications say."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules._shared import differences
from submitter.compliance import Reason, Verdict, not_in_force, test01, verify_text
from submitter.layout import VERIFY_ACCURACY
from submitter.quoting import shown
from submitter.rulebook import ComplianceTest, Rulebook
from submitter.submission.accuracy_text import last_value, lines_of
from submitter.submission.files import Unavailable, Unreadable
from submitter.submission.runs import ComplianceRun
from submitter.submission.tree import Result, SubmitterDir

_CHECK = "official: checks/compliance_check.py; submission_checker.py, check_compliance_dir; "

# What LoadGen calls an error of every run with an audit file: two configurations, and a limited number of queries.
_EXPECTED_ERRORS = ("Multiple conf files are used", "Max query count reached")


def demanded(run: ComplianceRun) -> bool:
    """Whether the round demands the test: of closed results, and of those in the network division."""
    return run.result.is_closed and run.test in run.result.benchmark.compliance


@rule("CMP001", requires=["STR007"], absence=True, source=_CHECK + "dir_exists_check; MODEL_CONFIG models_TEST*")
def tests_present(result: Result, book: Rulebook) -> Iterator[Problem]:
    """A closed result has all compliance tests of its benchmark; of endpoints' results EPT015 asks."""
    if not result.is_closed or result.is_endpoints:
        return
    for test in result.benchmark.compliance:
        if test not in result.compliance:
            path = str(result.layout.compliance(result.key, test))
            hint = f"run {test} with its audit.config and copy its verification here"
            yield Problem(f"{test} is missing", required=f"{test}/", path=path, hint=hint)


@rule("CMP002", source="official: MODEL_CONFIG models_TEST*", severity="warning", origin="policy", requires=["STR007"])
def tests_known(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """A compliance folder is that of a test of the benchmark."""
    if run.test not in run.result.benchmark.compliance:
        known = ", ".join(run.result.benchmark.compliance) or "none"
        message = f"{run.test} is no test of {run.result.official_name}"
        yield Problem(message, found=run.test, required=known, path=str(run.folder), hint="remove the folder")


@rule("CMP003", requires=["STR005", "STR007"], source=_CHECK + "accuracy_check, compliance_performance_check")
def verification_passed(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The test's verification is there, and says that the test passed.

    Demanded of closed results. An open result needs no compliance test, so one that failed there is worth a warning.
    """
    test = book.compliance.get(run.test)
    severity = None if demanded(run) else Severity.WARNING
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
    """Which lines a verification does not have, each with the message that says so; Unavailable if it has no text."""
    for reason in _text_verdict(run, name, test).reasons:
        message = reason.message
        if name == VERIFY_ACCURACY and test.accuracy_delta is not None:
            difference = _score_difference(run, test)
            if not difference:
                continue
            message += f", and {difference}"
        yield message, reason


def _text_verdict(run: ComplianceRun, name: str, test: ComplianceTest) -> Verdict:
    return verify_text(run.test, test, name, lines_of(run.text_of(name)))


def _score_difference(run: ComplianceRun, test: ComplianceTest) -> str:
    """Why two scores do not stand for outputs that differ from run to run; empty where they do."""
    folder = run.accuracy_folder
    if any(differences(run.files, folder, test.delta_files)):
        return f"accuracy/ does not hold just {', '.join(test.delta_files)}"
    benchmark, patterns = run.result.benchmark, run.book.accuracy_patterns
    targets = benchmark.accuracy_targets(run.result.scenario)
    allowed = {
        metric: benchmark.compliance_delta.get(metric, test.accuracy_delta or 0)
        for metric, target in targets.items()
        if not target.optional
    }
    baseline, compliance = (
        {metric: last_value(text, patterns[metric]) for metric in allowed}
        for text in [run.text_of(f"accuracy/{which}_accuracy.txt") for which in ("baseline", "compliance")]
    )
    reasons = test01.verify(baseline, compliance, allowed).reasons
    return reasons[0].message if reasons else ""


@rule(
    "CMP010", requires=["STR007"], source=_CHECK + "compliance_performance_check, files_diff; REQUIRED_COMP_PER_FILES"
)
def files_are_the_listed_ones(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The folders of a compliance test's logs hold the files that the rules list, and no other."""
    test = book.compliance.get(run.test)
    if test is None or not demanded(run):
        return
    if test.performance_files:
        yield from differences(run.files, run.path, test.performance_files, ("mlperf_log_accuracy.json",))
    if test.accuracy_files and _text_verdict(run, VERIFY_ACCURACY, test).passed:
        yield from differences(run.files, run.accuracy_folder, test.accuracy_files)


@rule(
    "CMP004",
    source="policies submission_rules.adoc, section Inference: <test_id>/performance/run_1",
    origin="policy",
    severity="warning",
    hint="copy the logs of the compliance runs there: the verifications of some tests leave them out",
)
def logs_present(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The compliance tests' LoadGen logs are there.

    Without them nobody can see that the audit settings were in effect. The official checker demands them of the tests
    whose performance it judges, and most submissions have only those; so a submitter is told once.
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
        message = "compliance runs without a log, so their audit settings cannot be seen"
        yield Problem(message, found=f"{len(without)} of {len(runs)}", path=str(without[0].detail_path))


@rule(
    "CMP005",
    requires=["CMP012"],
    origin="policy",
    source="policies submission_rules.adoc, section Compliance Testing; audit.config; mlcommons/inference #2672",
    hint="run the test again with its audit.config: LoadGen must find it under the name it is given",
)
def audit_in_effect(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """The compliance run was made under the test's audit settings.

    Where LoadGen does not find the audit file, it silently makes a plain performance run. That is plain where most of
    the settings are off; one or two are worth a warning.
    """
    test = book.compliance.get(run.test)
    if test is None or run.files.kind(run.detail_path) is None:
        return
    wrong = not_in_force(run.log, test.audit)
    plain = 2 * len(wrong) > len(test.audit.keys() - {"mode"})
    severity = None if plain and demanded(run) else Severity.WARNING
    for one in wrong:
        message, path = f"{one.name} is not the audit's", str(run.detail_path)
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
    hint="mend its cause and run the test again",
)
def no_errors(run: ComplianceRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen logged no error in the compliance run."""
    if run.files.kind(run.detail_path) is None:
        return
    for error in run.log.errors:
        text = shown(error.value)
        if not any(expected in text for expected in (*_EXPECTED_ERRORS, *book.ignored_errors)):
            severity = None if demanded(run) else Severity.WARNING
            yield Problem(
                "LoadGen logged an error",
                found=text,
                required="",
                path=str(run.detail_path),
                line=error.line,
                severity=severity,
            )
