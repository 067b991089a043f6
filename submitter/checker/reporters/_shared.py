"""Shared by the formats: findings grouped by result, equal findings merged, figures and counts as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate

from submitter.checker.finding import Finding, Report, ResultVerdict, Severity
from submitter.checker.registry import all_rules, in_round
from submitter.layout import results_folder
from submitter.model import Metric
from submitter.rulebook import load_rulebook

AROUND = "around the results"
RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass
class Group:
    """A benchmark's folder, with its results and its findings."""

    folder: str
    results: list[ResultVerdict] = field(default_factory=list)
    by_result: dict[str, list[Finding]] = field(default_factory=dict)
    """The findings about each result, by the path of the result."""
    folder_findings: list[Finding] = field(default_factory=list)
    """The findings about the folder as a whole."""

    @property
    def system(self) -> str:
        return self.folder.rpartition("/")[0]

    @property
    def findings(self) -> list[Finding]:
        return [*self.folder_findings, *(finding for found in self.by_result.values() for finding in found)]


def grouped(report: Report) -> tuple[list[Group], list[Finding]]:
    """The report by benchmark folder, in the order of its results, and the findings about anything above these."""
    groups: dict[str, Group] = {}
    results: dict[str, Group] = {}
    for result in report.results:
        folder = result.path.rpartition("/")[0]
        group = groups.setdefault(folder, Group(folder))
        group.results.append(result)
        results[result.path] = group
    around = []
    for finding in report.findings:
        path = results_folder(finding.scope)
        folder = path.rpartition("/")[0]
        if path in results:
            results[path].by_result.setdefault(path, []).append(finding)
        elif path in groups or folder in groups:
            groups[path if path in groups else folder].folder_findings.append(finding)
        else:
            around.append(finding)
    return list(groups.values()), around


class Refusals:
    """The errors among the findings that are passed: each makes every result at or below its folder invalid."""

    def __init__(self, report: Report, findings: Iterable[Finding]) -> None:
        errors = [finding for finding in findings if finding.severity is Severity.ERROR]
        spares = _sparing(report.round) if errors else frozenset()
        self._by_folder: dict[str, list[Finding]] = {}
        for finding in errors:
            if finding.rule not in spares:
                self._by_folder.setdefault(results_folder(finding.scope) or ".", []).append(finding)

    def of(self, result: ResultVerdict) -> list[Finding]:
        """The errors among them that refuse a result, from the outermost folder in."""
        folders = (".", *accumulate(result.path.split("/"), "{}/{}".format))
        return [finding for folder in folders for finding in self._by_folder.get(folder, ())] if self._by_folder else []


def _sparing(round_name: str) -> frozenset[str]:
    """The rules of a round whose violation leaves the results their verdict."""
    book = load_rulebook(round_name)
    rules = (in_round(rule, book) for rule in all_rules())
    return frozenset(rule.id for rule in rules if rule is not None and rule.spares_results)


def rules_of(findings: Iterable[Finding]) -> str:
    """The ids of the rules that found something, each once."""
    return ", ".join(dict.fromkeys(finding.rule for finding in findings))


@dataclass(frozen=True)
class Same:
    """Findings of one rule that are equal but for their places."""

    findings: tuple[Finding, ...]

    @property
    def first(self) -> Finding:
        return self.findings[0]


def merged(findings: Iterable[Finding]) -> list[Same]:
    """The findings with equal ones merged: errors first, those of one rule together."""
    same: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        key = (finding.rule, finding.severity, finding.hint, finding.message, finding.found, finding.required)
        same.setdefault(key, []).append(finding)
    entries = [Same(tuple(entry)) for entry in same.values()]
    return sorted(entries, key=lambda entry: (RANK[entry.first.severity], entry.first.rule, entry.first.hint))


def by_importance(findings: Iterable[Finding]) -> list[list[Finding]]:
    """The findings grouped by rule and message: errors first, then official rules, then the largest groups."""
    kinds: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        kinds.setdefault((finding.rule, finding.severity, finding.message), []).append(finding)
    return sorted(
        kinds.values(),
        key=lambda kind: (RANK[kind[0].severity], kind[0].origin != "official", -len(kind), kind[0].rule, kind[0].path),
    )


def facts(finding: Finding) -> str:
    """What was found and what is required, as far as the finding has it."""
    found = [f"found {finding.found}"] if finding.found else []
    return ", ".join([*found, f"required {finding.required}"] if finding.required else found)


def origin_and_source(finding: Finding) -> str:
    """Who requires it, and where that is written, in one phrase."""
    return f"{finding.origin}: {finding.source.removeprefix(f'{finding.origin}: ')}"


def place(finding: Finding, folder: str = "") -> str:
    """The finding's file and line, relative to `folder` if it is in that folder."""
    path = finding.path
    if folder and path.startswith(folder + "/"):
        path = path[len(folder) + 1 :]
    return f"{path}:{finding.line}" if finding.line else path


def figure(metric: Metric | None) -> tuple[str, str]:
    """A metric's value, rounded to six digits as in the official summary, and its unit."""
    if metric is None:
        return "no figure", ""
    value = metric.value
    return (f"{value:.0f}" if abs(value) >= 1e6 else f"{value:.6g}"), metric.unit


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def counts(report: Report) -> str:
    """How many findings there are in how many results."""
    summary = report.summary
    found = ", ".join(count(summary[f"{severity}s"], severity) for severity in Severity)
    states = ", ".join(f"{summary[state]:,} {state}" for state in ("valid", "invalid", "preview") if summary[state])
    waived = f", {summary['waived']:,} waived" if summary["waived"] else ""
    return f"{found}{waived} in {count(summary['results'], 'result')} ({states or 'none'})"


def coverage(report: Report) -> str:
    """How many rules of which round and profile were applied to how many files, and which of the rules crashed."""
    profile = "" if report.profile == "full" else f", profile {report.profile},"
    crashed = f"; crashed: {', '.join(report.crashed)}" if report.crashed else ""
    rules = count(report.summary["rules"], "rule")
    return f"{rules} of round {report.round}{profile} on {count(report.summary['files'], 'file')}{crashed}"
