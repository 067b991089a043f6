"""The outcome of a check: findings, skipped rules, verdicts on results, and the report that holds them."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum

from submitter.model import Metric, ResultKey


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Origin(StrEnum):
    """Who requires it: the official checker; the written rules, where it does not enforce them; or this project."""

    OFFICIAL = "official"
    POLICY = "policy"
    INTEGRITY = "integrity"


@dataclass(frozen=True)
class Problem:
    """What a rule yields for each thing that is wrong."""

    message: str
    """What is wrong, in lower case."""
    _: KW_ONLY
    found: str = ""
    required: str = ""
    path: str = ""
    """The file, relative to the tree's root; if empty, the folder of the judged object."""
    line: int | None = None
    hint: str = ""
    """How to fix it, where the rule's own hint does not fit."""
    severity: Severity | None = None
    """Where it differs from the rule's own severity."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong, as the report shows it: texts from the tree are made printable."""

    rule: str
    """The id of the rule."""
    severity: Severity
    origin: Origin
    path: str
    """The file or folder, relative to the tree's root."""
    line: int | None
    message: str
    found: str
    required: str
    hint: str
    """How to fix it."""
    source: str
    """Where the requirement is written: the official check's file and function, or the section of the rules."""
    scope: str = ""
    """The innermost folder of the tree's objects that the finding is about: it concerns every result in it."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A rule that was not applied to an object, because something that it needs failed or is absent."""

    rule: str
    path: str
    because: str
    """The id of the failed rule that it requires, or what is absent or unreadable."""


@dataclass(frozen=True, kw_only=True)
class ResultVerdict:
    """The verdict on one result, and its figures."""

    key: ResultKey
    verdict: str
    """`valid`, `invalid`, or `preview` if the tree's manifest says that its runs were short."""
    metric: Metric | None
    """None if the logs have no figure."""
    inferred: bool = False
    """Whether the figure was computed from another scenario's run."""
    power: Metric | None = None
    """The power figure; None if power was not measured."""
    row: dict[str, str] = field(default_factory=dict)
    """The other cells of its row in the official summary, by column; empty unless the result is valid."""

    @property
    def path(self) -> str:
        return str(self.key)


@dataclass(frozen=True, kw_only=True)
class Waived:
    """The findings of one rule that was waived: by the user, or because a smoke run must violate it."""

    rule: str
    title: str
    why: str
    """The reason for the waiver."""
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class FullRun:
    """How to make the submission that a smoke tree only previews."""

    command: str
    expected_s: float


@dataclass(frozen=True, kw_only=True)
class Partial:
    """The state of an unfinished submission."""

    right: tuple[str, ...]
    """Paths of the results without errors."""
    wrong: tuple[str, ...]
    """A line for each error."""
    missing: tuple[str, ...]
    """A line for each error about a part that is missing so far."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """The outcome of one check: the verdicts on results, the findings, and what was waived or skipped."""

    round: str
    findings: tuple[Finding, ...]
    results: tuple[ResultVerdict, ...]
    waived: tuple[Waived, ...] = ()
    skipped: tuple[Skip, ...] = ()
    crashed: tuple[str, ...] = ()
    """Ids of the rules that failed because of a defect of this checker."""
    smoke: bool = False
    """Whether the tree's manifest says that its runs were short."""
    full_runs: tuple[FullRun, ...] = ()
    summary: dict[str, int] = field(default_factory=dict)
    """Counts of results (also valid, invalid and preview ones), findings by severity, waived findings, rules, files."""
    profile: str = "full"
    partial: Partial | None = None
    """None unless the check was a partial one."""
    fail_on: Severity | None = Severity.ERROR
    """The lowest severity that makes the report fail; with None the exit code is never 1."""
    root: str = ""
    """The folder that holds the divisions, relative to the working directory; empty if it is that, or outside of it."""

    def located(self, path: str) -> str:
        """A path of the tree relative to the working directory, where annotations of files expect it."""
        return f"{self.root}/{path}" if self.root else path

    @property
    def verdict(self) -> str:
        """`fail` if a finding is at least as severe as `fail_on` (with None: an error), else `pass` or `preview`.

        It is `preview` for a smoke run. A partial check fails because of what is wrong, not of what is missing.
        """
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
        """0 if the report does not fail, 1 if it fails, 70 if a rule crashed, so that the verdict is not reliable."""
        if self.crashed:
            return 70
        return 1 if self.verdict == "fail" and self.fail_on is not None else 0
