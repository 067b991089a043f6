"""The checker: `check` applies every rule to every object of a submission and reports what is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from submitter import plugins
from submitter.checker.finding import Finding, Report, Severity, Waived
from submitter.checker.judge import Above, Judge, Judged
from submitter.checker.partial import partial_of
from submitter.checker.registry import FULL, Rule, all_rules, selected
from submitter.checker.workers import Task, judge_submitters
from submitter.errors import InputError
from submitter.rulebook import Rulebook
from submitter.submission.opened import OpenSubmission, open_submission
from submitter.submission.root import from_here
from submitter.submission.tree import SubmitterDir

__all__ = ["Finding", "Report", "Severity", "check"]


def check(
    submission: Path | OpenSubmission,
    book: Rulebook | None = None,
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    waive: Mapping[str, str] | None = None,
    profile: str = FULL,
    submitters: Iterable[str] = (),
    jobs: int | None = None,
    fail_on: Severity | None = Severity.ERROR,
    partial: bool = False,
) -> Report:
    """Judge a submission by the rules of its round.

    `submission` is the folder that holds `closed/`, `open/` or `network/`, a folder that holds it, any folder below, or
    a submission that is open already; only results below that path, and of `submitters` where some are named, are
    judged. `book` is the round's rule book; without one the seeds of the submission's logs say which round it is.
    `select` and `ignore` are rule ids or prefixes of them; `waive` maps ids of rules to the reason why they need not
    hold here. The profile `official` has only the rules of the round's official checker. `jobs` is the number of
    processes, by default one a CPU. `fail_on` is the least severity that fails the report, None for no failure.
    InputError where there is nothing to check, or a rule, a profile or a submitter is not known.
    """
    opened = submission if isinstance(submission, OpenSubmission) else open_submission(submission, book)
    book = opened.book
    rules = selected(select, ignore, book, profile)
    waive = dict(waive or {})
    for rule_id in waive:
        plugins.require(rule_id, [rule.id for rule in all_rules()], "rule")
    chosen = _chosen(opened, tuple(submitters))
    if not any(next(opened.results_of(submitter), None) for submitter in chosen):
        raise InputError(
            f"{opened.path} holds no result to check",
            "a submission has <division>/<submitter>/results/<system>/<benchmark>/<scenario>/",
        )
    jobs = _processes(jobs)
    nothing = Above({}, set(), False)
    summit = Judge(opened, opened.summit, rules, waive, profile, nothing, opened.summit).run()
    task = Task(opened, rules, waive, profile, summit.above)
    judged = [summit, *judge_submitters(task, chosen, jobs)]
    return _report(opened, judged, rules, waive, profile, fail_on, partial)


def _chosen(opened: OpenSubmission, names: tuple[str, ...]) -> list[SubmitterDir]:
    known = {submitter.name for submitter in opened.submitters}
    for name in names:
        plugins.require(name, known, "submitter")
    return [submitter for submitter in opened.submitters if not names or submitter.name in names]


def _processes(jobs: int | None) -> int:
    if jobs is not None and jobs < 1:
        raise InputError(f"{jobs} jobs cannot do anything", "give 1 or more")
    if jobs is not None:
        return jobs
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _report(
    opened: OpenSubmission,
    judged: list[Judged],
    rules: tuple[Rule, ...],
    waive: Mapping[str, str],
    profile: str,
    fail_on: Severity | None,
    partial: bool,
) -> Report:
    verdicts = tuple(verdict for part in judged for verdict in part.verdicts)
    order = {severity: rank for rank, severity in enumerate(Severity)}
    found = [finding for part in judged for finding in part.findings]
    findings = tuple(sorted(found, key=lambda f: (f.scope, order[f.severity], f.rule, f.path, f.line or 0)))
    by_id = {rule.id: rule for rule in rules}
    waived_by_id: dict[str, list[Finding]] = {}
    for part in judged:
        for rule_id, some in part.waived.items():
            waived_by_id.setdefault(rule_id, []).extend(some)
    waived = tuple(
        Waived(rule_id, by_id[rule_id].title, waive.get(rule_id) or by_id[rule_id].smoke, tuple(some))
        for rule_id, some in sorted(waived_by_id.items())
    )
    severities = [finding.severity for finding in findings]
    states = [verdict.verdict for verdict in verdicts]
    summary = {
        "results": len(verdicts),
        "valid": states.count("valid"),
        "invalid": states.count("invalid"),
        "preview": states.count("preview"),
        "errors": severities.count(Severity.ERROR),
        "warnings": severities.count(Severity.WARNING),
        "notes": severities.count(Severity.NOTE),
        "waived": sum(len(some.findings) for some in waived),
        "rules": len(rules),
        "files": len(frozenset().union(*(part.opened for part in judged))),
    }
    return Report(
        round=opened.book.name,
        findings=findings,
        results=verdicts,
        waived=waived,
        skipped=tuple(skip for part in judged for skip in part.skips),
        crashed=tuple(sorted({rule_id for part in judged for rule_id in part.crashed})),
        smoke=any(part.above.smoke for part in judged),
        full_runs=tuple(run for part in judged for run in part.full_runs),
        summary=summary,
        profile=profile,
        partial=partial_of(verdicts, findings, by_id) if partial else None,
        fail_on=fail_on,
        root=from_here(opened.files.root),
    )
