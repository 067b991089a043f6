"""The checker: `check` applies the rules to every object of a submission and reports what is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from submitter import plugins
from submitter.checker.finding import Finding, Origin, Report, ResultVerdict, Severity, Waived
from submitter.checker.judge import NOT_JUDGED, Inherited, Judge, Judged
from submitter.checker.partial import partial_of
from submitter.checker.registry import FULL, Rule, require_rule, selected
from submitter.checker.workers import Task, judge_submitters
from submitter.errors import InputError
from submitter.quoting import printable
from submitter.rulebook import Rulebook
from submitter.submission.archived import opened_until_done
from submitter.submission.opened import UNLISTED_HINT, OpenSubmission
from submitter.submission.root import relative_to_working_directory
from submitter.submission.tree import SubmitterDir

# Ten times the results of the largest published round, and of its largest system.
_MOST_RESULTS = 20_000
_MOST_RESULTS_OF_A_SYSTEM = 2_000

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

    `submission` is the folder that holds `closed/`, `open/` or `network/`, the folder that contains it, any folder in
    it, an archive of a submission, or a submission that is already open. Only results below that path are judged and,
    if `submitters` names any, only theirs. `book` is the round's rule book; without one, the round is recognized by the
    seeds in the logs. `select` and `ignore` are rule ids or prefixes of ids. `waive` maps rule ids to the reason why
    the rule does not apply here. The profile `official` has only the rules that the round's official checker enforces.
    `jobs` is the number of processes, by default one per CPU. `fail_on` is the lowest severity that fails the report;
    with None it never fails. `partial` sorts the outcome into right, wrong and missing, and only what is wrong fails
    the report.
    InputError if there is nothing to check, or a rule, a profile or a submitter is unknown.
    """
    opening: AbstractContextManager[OpenSubmission] = (
        nullcontext(submission) if isinstance(submission, OpenSubmission) else opened_until_done(submission, book)
    )
    with opening as opened:
        book = opened.book
        rules = selected(select, ignore, book, profile)
        waive = dict(waive or {})
        for rule_id in waive:
            require_rule(rule_id)
        chosen = _chosen(opened, tuple(submitters))
        _require_bounded(opened, chosen)
        if not any(next(opened.results_of(submitter), None) for submitter in chosen):
            opened.require_listed()
            raise InputError(
                f"{opened.path} holds no result to check",
                "a submission has <division>/<submitter>/results/<system>/<benchmark>/<scenario>/",
            )
        jobs = _process_count(jobs)
        nothing = Inherited(failed={}, invalid=set(), smoke=False)
        nodes = opened.top_nodes
        top = Judge(opened, nodes, rules=rules, waive=waive, profile=profile, inherited=nothing, places=nodes).run()
        task = Task(opened=opened, rules=rules, waive=waive, profile=profile, inherited=top.passed_on)
        judged = [top, *judge_submitters(task, chosen, jobs)]
        return _report(opened, judged, rules, waive, profile=profile, fail_on=fail_on, partial=partial)


def _chosen(opened: OpenSubmission, names: tuple[str, ...]) -> list[SubmitterDir]:
    known = {submitter.name for submitter in opened.submitters}
    for name in names:
        plugins.require(name, known, "submitter")
    return [submitter for submitter in opened.submitters if not names or submitter.name in names]


def _require_bounded(opened: OpenSubmission, submitters: list[SubmitterDir]) -> None:
    """InputError if there are more results to judge than memory and patience suffice for.

    Links and empty folders make a small tree look like one of millions of results.
    """
    total = 0
    for system in (system for submitter in submitters for system in filter(opened.is_selected, submitter.systems)):
        count = 0
        for benchmark in filter(opened.is_selected, system.benchmarks):
            count += len(benchmark.files.folders(benchmark.path))
            if count > _MOST_RESULTS_OF_A_SYSTEM:
                raise InputError(
                    f"{printable(str(system.path))} holds more than {_MOST_RESULTS_OF_A_SYSTEM} folders of results",
                    "a system has <benchmark>/<scenario>/: remove the folders and links that are no results",
                )
        total += count
        if total > _MOST_RESULTS:
            raise InputError(f"there are more than {_MOST_RESULTS} results", "check a part: a submitter or a system")


def _process_count(jobs: int | None) -> int:
    if jobs is not None and jobs < 1:
        raise InputError(f"{jobs} jobs cannot check anything", "give 1 or more")
    if jobs is not None:
        return jobs
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _report(
    opened: OpenSubmission,
    judged: list[Judged],
    rules: tuple[Rule, ...],
    waive: Mapping[str, str],
    *,
    profile: str,
    fail_on: Severity | None,
    partial: bool,
) -> Report:
    """One report of all judged parts of the tree."""
    verdicts = tuple(verdict for part in judged for verdict in part.verdicts)
    rank = {severity: number for number, severity in enumerate(Severity)}
    found = [finding for part in judged for finding in part.findings] + _unlisted(opened, judged)
    findings = tuple(sorted(found, key=lambda f: (f.scope, rank[f.severity], f.rule, f.path, f.line or 0)))
    by_id = {rule.id: rule for rule in rules}
    waived = _waived(judged, by_id, waive)
    file_count = len(frozenset().union(*(part.opened for part in judged)))
    return Report(
        round=opened.book.name,
        findings=findings,
        results=verdicts,
        waived=waived,
        skipped=tuple(skip for part in judged for skip in part.skips),
        crashed=tuple(sorted({rule_id for part in judged for rule_id in part.crashed})),
        smoke=any(part.passed_on.smoke for part in judged),
        full_runs=tuple(run for part in judged for run in part.full_runs),
        summary=_counts(verdicts, findings, waived) | {"rules": len(rules), "files": file_count},
        profile=profile,
        partial=partial_of(verdicts, findings, by_id) if partial else None,
        fail_on=fail_on,
        # An archive's files are in a temporary folder, which nobody finds again.
        root=relative_to_working_directory(opened.files.root) if opened.path.is_dir() else "",
    )


def _unlisted(opened: OpenSubmission, judged: list[Judged]) -> list[Finding]:
    """A finding for each folder that cannot be read: nobody knows what is in it, so it must not pass."""
    folders: dict[str, str] = dict(opened.files.unlisted)
    for part in judged:
        folders |= part.unlisted
    return [
        Finding(
            rule=NOT_JUDGED,
            severity=Severity.ERROR,
            origin=Origin.INTEGRITY,
            path=printable(folder),
            line=None,
            message=f"the folder cannot be read: {reason}",
            found="",
            required="a folder whose content can be checked",
            hint=UNLISTED_HINT,
            source="submitter",
            scope=folder,
        )
        for folder, reason in folders.items()
    ]


def _waived(judged: list[Judged], rules: Mapping[str, Rule], waive: Mapping[str, str]) -> tuple[Waived, ...]:
    """The waived findings, by rule: the user's reason for the waiver, or why a smoke run must violate the rule."""
    by_rule: dict[str, list[Finding]] = {}
    for part in judged:
        for rule_id, findings in part.waived.items():
            by_rule.setdefault(rule_id, []).extend(findings)
    return tuple(
        Waived(
            rule=rule_id,
            title=rules[rule_id].title,
            why=waive.get(rule_id) or rules[rule_id].smoke,
            findings=tuple(findings),
        )
        for rule_id, findings in sorted(by_rule.items())
    )


def _counts(
    verdicts: tuple[ResultVerdict, ...], findings: tuple[Finding, ...], waived: tuple[Waived, ...]
) -> dict[str, int]:
    states = [verdict.verdict for verdict in verdicts]
    severities = [finding.severity for finding in findings]
    return {
        "results": len(verdicts),
        "valid": states.count("valid"),
        "invalid": states.count("invalid"),
        "preview": states.count("preview"),
        "errors": severities.count(Severity.ERROR),
        "warnings": severities.count(Severity.WARNING),
        "notes": severities.count(Severity.NOTE),
        "waived": sum(len(entry.findings) for entry in waived),
    }
