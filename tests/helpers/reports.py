"""Reports made by hand: large ones, and ones full of strangers' text."""

from __future__ import annotations

from typing import Any

from submitter.checker.finding import Finding, Origin, Report, ResultVerdict, Severity
from submitter.model import Metric, ResultKey

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
