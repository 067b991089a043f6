"""What a check finds: findings, skipped rules, verdicts of results, and the report that holds them all."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum

from submitter.model import Metric, ResultKey


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Origin(StrEnum):
    """Who demands it: the official checker, the written rules that it does not enforce, or this project."""

    OFFICIAL = "official"
    POLICY = "policy"
    INTEGRITY = "integrity"


@dataclass(frozen=True)
class Problem:
    """What a rule yields. `path` is a file as the tree spells it; where it is empty, the judged object's own."""

    message: str
    _: KW_ONLY
    found: str = ""
    required: str = ""
    path: str = ""
    line: int | None = None
    hint: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong. `scope` is the folder the rule judged: every result under it is concerned."""

    rule: str
    severity: Severity
    origin: Origin
    path: str
    line: int | None
    message: str
    found: str
    required: str
    hint: str
    source: str
    scope: str = ""


@dataclass(frozen=True)
class Skip:
    """A rule that could not be asked of an object, because something it needs failed or is absent."""

    rule: str
    path: str
    because: str


@dataclass(frozen=True, kw_only=True)
class ResultVerdict:
    """One result. `verdict` is valid, invalid, or preview where the tree says of itself that it is a smoke run.

    `power` is there where power was measured; `row` holds what the official summary tells of a result.
    """

    key: ResultKey
    verdict: str
    metric: Metric | None
    inferred: bool = False
    power: Metric | None = None
    row: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return str(self.key)


@dataclass(frozen=True)
class Waived:
    """The findings of one rule that a smoke run must violate, and why it must; or that the user waived, and why."""

    rule: str
    title: str
    why: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class FullRun:
    """How to make the submission that a smoke tree only previews."""

    command: str
    expected_s: float


@dataclass(frozen=True)
class Partial:
    """A submission under way: results that are right, what is wrong, and what is missing still, a line each."""

    right: tuple[str, ...]
    wrong: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """The outcome of one check.

    `verdict` is `fail` where a finding is as severe as `fail_on` (an error, where that is None), else `pass`, or
    `preview` where the tree says of itself that its runs were short. A partial check fails by what is wrong, not by
    what is missing still. `summary` counts results (valid, invalid, preview), findings, rules, files.
    """

    round: str
    findings: tuple[Finding, ...]
    results: tuple[ResultVerdict, ...]
    waived: tuple[Waived, ...] = ()
    skipped: tuple[Skip, ...] = ()
    crashed: tuple[str, ...] = ()
    smoke: bool = False
    full_runs: tuple[FullRun, ...] = ()
    summary: dict[str, int] = field(default_factory=dict)
    profile: str = "full"
    partial: Partial | None = None
    fail_on: Severity | None = Severity.ERROR
    root: str = ""

    def located(self, path: str) -> str:
        """A path of the tree as it reads from the working directory, where annotations of files look for it.

        `root` is the folder that holds the divisions, so spelled; empty where that is the working directory itself.
        """
        return f"{self.root}/{path}" if self.root else path

    @property
    def verdict(self) -> str:
        if self.partial is not None:
            failed = bool(self.partial.wrong)
        else:
            order = list(Severity)
            counted = order[: order.index(self.fail_on or Severity.ERROR) + 1]
            failed = any(finding.severity in counted for finding in self.findings)
        if failed:
            return "fail"
        return "preview" if self.smoke else "pass"

    @property
    def exit_code(self) -> int:
        """0 nothing wrong, 1 it fails, 70 a rule of ours crashed, so the verdict cannot be trusted."""
        if self.crashed:
            return 70
        return 1 if self.verdict == "fail" and self.fail_on is not None else 0
