"""EPT: the audits of endpoints, which take the place of compliance tests."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import ENDPOINTS_JUDGED, endpoints_problem, endpoints_rules
from submitter.compliance import test09
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.endpoints_runs import EndpointsPerformance
from submitter.submission.files import Unreadable

_COMPLIANCE = "official: checks/compliance_check.py compliance_endpoints_check"


@rule(
    "EPT015",
    requires=["STR007"],
    source=_COMPLIANCE + ", endpoint_audit_file_required",
    hint="run the audit of endpoints and copy its verdict here",
)
def audits_passed(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The audits for the benchmark's compliance tests passed, in the open division too.

    Only some audits are required; each one that is present must have passed.
    """
    rules = endpoints_rules(book)
    for test in run.result.benchmark.compliance:
        name = rules.audits.get(test)
        if name is None:
            continue
        path = run.audit_path(name)
        if run.files.kind(path) is None:
            if test in rules.required_audits and run.result.official_name in rules.models:
                yield Problem(f"the audit for {test} is missing", required=path.name, path=str(path))
            continue
        try:
            audit = run.audit(name)
        except Unreadable as problem:
            yield Problem(f"the audit {problem.reason}", path=problem.path)
            continue
        stated, passed = audit.get("test"), audit.get("passed")
        if stated != name:
            yield Problem("the audit is of another test", found=shown(stated), required=name, path=str(path))
        elif not passed:
            yield Problem(f"the audit for {test} did not pass", found=shown(passed), required="true", path=str(path))


@rule(
    "EPT016",
    requires=ENDPOINTS_JUDGED,
    source=_COMPLIANCE + "; TEST09_LOW, TEST09_HIGH",
    hint="let the model end its answers by itself",
)
def mean_output_length_in_range(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The answers of the performance run have the mean length that the benchmark requires."""
    ranges = endpoints_rules(book).mean_output_tokens
    for test in run.result.benchmark.compliance:
        if test not in ranges:
            continue
        low, high = ranges[test]
        for reason in test09.verify(run.number("mean_output_tokens"), low, high).reasons:
            found = shown(run.figure("mean_output_tokens"))
            yield endpoints_problem(run, f"{test}: {reason.message}", found=found, required=reason.required)
