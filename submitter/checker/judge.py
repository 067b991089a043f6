"""One pass of the rules over a part of a tree: applies each rule, records its findings, and gives the verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from submitter.checker.finding import Finding, FullRun, Origin, Problem, ResultVerdict, Severity, Skip
from submitter.checker.official_summary import summary_row
from submitter.checker.registry import FULL, OFFICIAL, Rule, all_rules, violations
from submitter.quoting import printable
from submitter.submission.files import Unavailable
from submitter.submission.manifest import manifest_of
from submitter.submission.metric import power_metric, result_metric
from submitter.submission.node import Node
from submitter.submission.opened import OpenSubmission
from submitter.submission.tree import BenchmarkDir, Result, SubmitterDir

CRASHED = "INT001"
NOT_JUDGED = "INT002"
# A rule's findings at one object: many times what published rounds have, and few enough to be kept and printed.
_MOST_FINDINGS = 1000


@dataclass(frozen=True, kw_only=True)
class Inherited:
    """What the outcome of judging a folder means for the objects in it."""

    failed: dict[str, set[str]]
    """By rule id, the paths of the objects at which the rule failed."""
    invalid: set[str]
    """The paths of the objects with an error: every result in them is invalid."""
    smoke: bool
    """Whether the tree's manifest says that its runs were short."""


@dataclass
class Judged:
    """The outcome of the rules for a part of the tree."""

    passed_on: Inherited
    """What it means for the parts below this one."""
    findings: list[Finding] = field(default_factory=list)
    waived: dict[str, list[Finding]] = field(default_factory=dict)
    """By rule id."""
    verdicts: list[ResultVerdict] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    crashed: dict[str, None] = field(default_factory=dict)
    """The ids of the rules that crashed, in order."""
    full_runs: list[FullRun] = field(default_factory=list)
    opened: set[str] = field(default_factory=set)
    """The paths of the files that were read."""
    unlisted: dict[str, str] = field(default_factory=dict)
    """The folders that cannot be read, by path, each with the reason."""


class Judge:
    """Applies `rules` to `nodes`.

    `places` are the objects that a finding can be about: the nodes, and whatever else is in the tree below them.
    `inherited` comes from the folders above. `waive` maps the ids of waived rules to the reason.
    """

    def __init__(
        self,
        opened: OpenSubmission,
        nodes: list[Node],
        *,
        rules: Iterable[Rule],
        waive: Mapping[str, str],
        profile: str,
        inherited: Inherited,
        places: list[Node],
    ) -> None:
        self.book = opened.book
        self.files = opened.files
        self.nodes = nodes
        self.rules = tuple(rules)
        self.profile = profile
        self.lenient = opened.book.checker.not_enforced_for
        # By rule id: the paths of the objects at which it failed, and these objects with all that contain them.
        self.failed_at: dict[str, set[str]] = {id: set(paths) for id, paths in inherited.failed.items()}
        self.failed_under: dict[str, set[Node]] = {}
        self.absences: list[tuple[Rule, Node, Unavailable]] = []
        self.invalid: set[str] = set(inherited.invalid)
        self.places = {str(node.path): node for node in places}
        manifests = [manifest_of(node) for node in nodes if isinstance(node, SubmitterDir)]
        # The official checker has no notion of a smoke run.
        smoke = [manifest for manifest in manifests if manifest and manifest.smoke and profile == FULL]
        self.smoke = inherited.smoke or bool(smoke)
        # Findings of rules that a smoke run must violate, or that the user waived, are listed and make nothing invalid.
        self.waived = {*waive, *(rule.id for rule in all_rules() if rule.smoke and self.smoke)}
        self.judged = Judged(Inherited(failed=self.failed_at, invalid=self.invalid, smoke=self.smoke))
        self.judged.full_runs = [
            FullRun(printable(run.command), run.expected_s) for manifest in smoke if (run := manifest.full_run)
        ]

    def run(self) -> Judged:
        """Apply every rule to every node of its scope."""
        by_scope: dict[type, list[Node]] = {}
        for node in self.nodes:
            for base in type(node).__mro__:
                by_scope.setdefault(base, []).append(node)
        for rule in self.rules:
            for node in by_scope.get(rule.scope, ()):
                self._apply(rule, node)
        self._report_absences()
        judged = self.judged
        judged.verdicts = [self._verdict(node) for node in self.nodes if isinstance(node, Result)]
        judged.opened = self.files.opened
        judged.unlisted = dict(self.files.unlisted)
        return judged

    def _apply(self, rule: Rule, node: Node) -> None:
        if rule.id in self.lenient and _official_name(node) in self.lenient[rule.id]:
            if self.profile == OFFICIAL:
                return
            rule = replace(rule, origin=Origin.POLICY)
        for required in rule.requires:
            failed = self.failed_at.get(required)
            if failed is None:
                continue
            if node in self.failed_under.get(required, ()) or any(str(other.path) in failed for other in node.lineage):
                self.judged.skips.append(Skip(rule.id, str(node.path), required))
                self._mark(rule, node)
                return
        failed_here = False
        left_out: dict[Severity, int] = {}
        try:
            for number, problem in enumerate(violations(rule, node, self.book, self.waived)):
                if number < _MOST_FINDINGS:
                    failed_here |= self._add(rule, node, problem)
                else:
                    left_out[rule.severity_of(problem)] = left_out.get(rule.severity_of(problem), 0) + 1
                    failed_here |= self._judge(rule, rule.severity_of(problem), self._scope(node, problem))
        except Unavailable as absence:
            self.judged.skips.append(Skip(rule.id, str(node.path), str(absence)))
            # The traceback refers to this judge, and no garbage collector would find the circle (workers.py).
            self.absences.append((rule, node, absence.with_traceback(None)))
            failed_here = True
        except Exception as error:  # a defect of one rule must not stop the other rules
            self.judged.crashed[rule.id] = None
            failed_here = True
            self._crash(rule, node, error)
        for severity, count in left_out.items():
            message = f"{count} more of {rule.id} are not listed"
            self._record(rule, node, Problem(message, severity=severity), str(node.path))
        if failed_here:
            self._mark(rule, node)

    def _mark(self, rule: Rule, node: Node) -> None:
        self.failed_at.setdefault(rule.id, set()).add(str(node.path))
        self.failed_under.setdefault(rule.id, set()).update(node.lineage)

    def _add(self, rule: Rule, node: Node, problem: Problem) -> bool:
        """Record what a rule found. True if it is an error that is not waived."""
        scope = self._scope(node, problem)
        self._record(rule, node, problem, scope)
        return self._judge(rule, rule.severity_of(problem), scope)

    def _judge(self, rule: Rule, severity: Severity, scope: str) -> bool:
        """Make the results in `scope` invalid, if the rule says so. True if it is an error that is not waived."""
        is_error = severity is Severity.ERROR and rule.id not in self.waived
        if is_error and not rule.spares_results:
            self.invalid.add(scope)
        return is_error

    def _record(self, rule: Rule, node: Node, problem: Problem, scope: str) -> None:
        finding = Finding(
            rule=rule.id,
            severity=rule.severity_of(problem),
            origin=rule.origin,
            path=printable(problem.path or str(node.path)),
            line=problem.line,
            message=printable(problem.message),
            found=printable(problem.found),
            required=printable(problem.required),
            hint=printable(problem.hint or rule.hint),
            source=rule.source,
            scope=scope,
        )
        if rule.id in self.waived:
            self.judged.waived.setdefault(rule.id, []).append(finding)
        else:
            self.judged.findings.append(finding)

    def _scope(self, node: Node, problem: Problem) -> str:
        """The path of the innermost object that a problem concerns: `node` or an object in it."""
        for folder in PurePosixPath(problem.path).parents if problem.path else ():
            place = self.places.get(str(folder))
            if place is not None and node in place.lineage:
                return str(place.path)
        return str(node.path)

    def _crash(self, rule: Rule, node: Node, error: Exception) -> None:
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else "?"
        self.invalid.add(str(node.path))
        self.judged.findings.append(
            Finding(
                rule=CRASHED,
                severity=Severity.ERROR,
                origin=Origin.INTEGRITY,
                path=printable(str(node.path)),
                line=None,
                message=printable(f"rule {rule.id} crashed: {type(error).__name__}: {error} ({place})"),
                found="",
                required="",
                hint="this is a defect of the checker, not of the submission: report it together with the file",
                source="submitter",
                scope=str(node.path),
            )
        )

    def _report_absences(self) -> None:
        """Report rules that could not be applied and that no error explains: such a result must never pass."""
        errors = [finding for finding in self.judged.findings if finding.severity is Severity.ERROR]
        paths_with_errors = {finding.path for finding in errors if finding.scope in self.invalid}
        reported: set[tuple[str, str]] = set()
        for rule, node, absence in self.absences:
            if rule.severity is not Severity.ERROR or (absence.path, absence.reason) in reported:
                continue
            if absence.path in paths_with_errors or any(str(other.path) in self.invalid for other in node.lineage):
                continue
            reported.add((absence.path, absence.reason))
            message = f"{absence.reason}, so {rule.id} could not be applied"
            self._add(replace(rule, id=NOT_JUDGED), node, Problem(message, path=absence.path))

    def _verdict(self, result: Result) -> ResultVerdict:
        is_invalid = any(str(node.path) in self.invalid for node in (*result.lineage, *result.parts))
        metric, inferred = result_metric(result, self.book)
        verdict = "invalid" if is_invalid else "preview" if self.smoke else "valid"
        row = summary_row(result, self.book) if verdict == "valid" else {}
        return ResultVerdict(
            key=result.key, verdict=verdict, metric=metric, inferred=inferred, power=power_metric(result), row=row
        )


def _official_name(node: Node) -> str | None:
    """The official name of the benchmark that a node belongs to; None if it belongs to none of the round's."""
    try:
        return next((other.official_name for other in node.lineage if isinstance(other, BenchmarkDir)), None)
    except Unavailable:
        return None
