"""Reports made by hand: large ones, and ones full of strangers' text."""

from __future__ import annotations

import dataclasses
from typing import Any

from submission_tree import Tree

from submitter.checker.finding import Finding, Origin, Report, ResultVerdict, Severity, Waived
from submitter.model import Metric, ResultKey
from submitter.quoting import printable

SCENARIOS = ("Offline", "Server", "Interactive")
# Everything that means something to a terminal, a spreadsheet, XML, HTML, Markdown or a workflow's runner.
HOSTILE = (
    "=a|b`c``d<script>&amp;<img src=x>\n::error::pwned\r\x1b[31m%0A,:@all [l](u) *s* _i_ $m$ ]]> --> \x00\ud800\u202e"
)


def finding(rule: str = "PRF013", severity: Severity = Severity.ERROR, **changed: Any) -> Finding:
    values: dict[str, Any] = {
        "path": "closed/Acme/results/s/b/Offline/performance/run_1/mlperf_log_detail.txt",
        "line": 36,
        "message": "TTFT p99 is not below the limit",
        "found": "1019.2 ms",
        "required": "below 450 ms",
        "hint": "lower target_qps",
        "source": "official: checks/performance_check.py",
        "origin": Origin.OFFICIAL,
        "scope": "closed/Acme/results/s/b/Offline/performance/run_1",
    }
    return Finding(rule=rule, severity=severity, **(values | changed))


def report_of(results: list[ResultVerdict], findings: list[Finding], **changed: Any) -> Report:
    counted = [found.severity for found in findings]
    verdicts = [result.verdict for result in results]
    summary = {
        "results": len(results),
        **{state: verdicts.count(state) for state in ("valid", "invalid", "preview")},
        **{f"{severity}s": counted.count(severity) for severity in Severity},
        "waived": 0,
        "rules": 80,
        "files": 1000,
    }
    return Report(round="v6.1", findings=tuple(findings), results=tuple(results), summary=summary, **changed)


def verdict_of(
    system: str = "s", benchmark: str = "b", scenario: str = "Offline", verdict: str = "valid", **changed: Any
) -> ResultVerdict:
    key = ResultKey("closed", "Acme", system, benchmark, scenario)
    return ResultVerdict(key=key, verdict=verdict, metric=Metric(100.0, "Samples/s"), **changed)


def round_report(
    systems: int = 1, benchmarks: int = 1, broken_systems: int = 0, warnings_each: int = 0, **changed: Any
) -> Report:
    """Systems with some benchmarks of three scenarios each; the Offline of broken systems' benchmarks fails PRF013."""
    results, findings = [], []
    for number in range(systems):
        for benchmark in range(benchmarks):
            for scenario in SCENARIOS:
                broken = number < broken_systems and scenario == "Offline"
                result = verdict_of(f"system-{number:03}", f"b{benchmark}", scenario, "invalid" if broken else "valid")
                results.append(result)
                log = f"{result.path}/performance/run_1/mlperf_log_detail.txt"
                if broken:
                    findings.append(finding(path=log, scope=f"{result.path}/performance/run_1"))
                for line in range(1, 1 + warnings_each):
                    found = finding(
                        "MEA004", Severity.WARNING, path=log, line=line, scope=result.path, message="differs"
                    )
                    findings.append(found)
    return report_of(results, findings, **changed)


def failing(tree: Tree) -> Report:
    """Of a tree with a wrong seed in one log and a wrong field in the system's description."""
    tree.set(tree.performance_log(), effective_qsl_rng_seed=1)
    tree.edit_json(tree.system_json(), status="sold")
    report = tree.check()
    assert report.verdict == "fail"
    return report


def waived(report: Report) -> Report:
    """The report with a waived finding of MEA004."""
    findings = (finding("MEA004"),)
    entry = Waived(rule="MEA004", title="title", why="agreed in issue 12", findings=findings)
    return dataclasses.replace(report, waived=(entry,))


def hostile(**changed: Any) -> Report:
    """A report in which every text that a stranger may have written is hostile."""
    system = printable(HOSTILE)
    result = verdict_of(HOSTILE, HOSTILE, "Offline", "invalid", row={"Organization": HOSTILE, "notes": "@SUM(A1)"})
    words = {name: system for name in ("message", "found", "required", "hint", "path")}
    findings = [finding(scope=result.path, **words), finding("SYS001", scope="closed/Acme", **words)]
    waivers = (Waived(rule="MEA004", title=system, why=HOSTILE, findings=(finding("MEA004", **words),)),)
    valid = verdict_of(HOSTILE, HOSTILE, HOSTILE, row={"Organization": HOSTILE, "notes": "-1+cmd|'/C calc'!A0"})
    return report_of([result, valid], findings, waived=waivers, **changed)
