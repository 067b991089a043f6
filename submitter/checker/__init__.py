"""The checker: `check(tree, book)` asks every rule of every object of a submission and reports what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from submitter.checker.files import Files, Unavailable
from submitter.checker.finding import (
    Finding,
    FullRun,
    Origin,
    Problem,
    Report,
    ResultVerdict,
    Severity,
    Skip,
    Waived,
    printable,
)
from submitter.checker.manifest import manifest_of
from submitter.checker.metric import result_metric
from submitter.checker.registry import Rule, selected
from submitter.checker.runs import Node
from submitter.checker.tree import SubmitterDir, Tree
from submitter.errors import InputError
from submitter.layout import layout_of
from submitter.model import Division
from submitter.rulebook import Rulebook

__all__ = ["Finding", "Report", "Severity", "check"]

CRASHED = "INT001"
NOT_JUDGED = "INT002"


def check(path: Path, book: Rulebook, *, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> Report:
    """Judge the submission at `path` by the rules of `book`.

    `path` is the folder that holds `closed/`, `open/` or `network/`, a folder that holds it, or any folder
    below; only results below `path` are judged. `select` and `ignore` are rule ids or prefixes of them.
    InputError where there is nothing to check, or a selector names no rule.
    """
    rules = selected(select, ignore)
    root, below = _find_root(path)
    tree = Tree(Files(root), book, layout_of(book.name), below)
    if not tree.results:
        raise InputError(
            f"{path} holds no result to check",
            "a submission has <division>/<submitter>/results/<system>/<benchmark>/<scenario>/",
        )
    session = _Session(tree, rules)
    session.run()
    return session.report()


def _find_root(path: Path) -> tuple[Path, PurePosixPath]:
    """The folder that holds the divisions, and `path` relative to it (`.` where they are the same or below)."""
    if not path.is_dir():
        raise InputError(f"{path} is no folder" if path.exists() else f"{path} does not exist", "name a submission")
    divisions = {division.value for division in Division}

    def holds_divisions(folder: Path) -> bool:
        return any((folder / division).is_dir() for division in divisions)

    if holds_divisions(path):
        return path, PurePosixPath()
    try:
        inside = sorted(folder for folder in path.iterdir() if folder.is_dir() and holds_divisions(folder))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if len(inside) == 1:
        return inside[0], PurePosixPath()
    if inside:
        names = ", ".join(folder.name for folder in inside)
        raise InputError(f"{path} holds several submissions: {names}", "name one of them")
    absolute = path.absolute()
    for folder in (absolute, *absolute.parents):
        if folder.name in divisions:
            return folder.parent, PurePosixPath(absolute.relative_to(folder.parent).as_posix())
    raise InputError(f"{path} holds no submission", "the folder of a submission holds closed/, open/ or network/")


@dataclass
class _Session:
    """One pass of the rules over a tree, and what it found."""

    tree: Tree
    rules: tuple[Rule, ...]
    findings: list[Finding] = field(default_factory=list)
    waived: dict[str, list[Finding]] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    crashed: dict[str, None] = field(default_factory=dict)
    # Of each rule: the objects it failed at, and those with everything that holds them.
    failed_at: dict[str, set[Node]] = field(default_factory=dict)
    failed_under: dict[str, set[Node]] = field(default_factory=dict)
    absences: list[tuple[Rule, Node, Unavailable]] = field(default_factory=list)
    smoke: set[SubmitterDir] = field(default_factory=set)
    places: dict[str, Node] = field(default_factory=dict)

    def run(self) -> None:
        submitters = [node for node in self.tree.nodes if isinstance(node, SubmitterDir)]
        self.smoke = {node for node in submitters if (manifest := manifest_of(node)) and manifest.smoke}
        self.places = {str(node.path): node for node in self.tree.nodes}
        by_scope: dict[type, list[Node]] = {}
        for node in self.tree.nodes:
            for base in type(node).__mro__:
                by_scope.setdefault(base, []).append(node)
        for rule in self.rules:
            for node in by_scope.get(rule.scope, ()):
                self._ask(rule, node)
        self._report_absences()

    def _ask(self, rule: Rule, node: Node) -> None:
        for required in rule.requires:
            failed = self.failed_at.get(required, ())
            if node in self.failed_under.get(required, ()) or any(above in failed for above in node.lineage):
                self.skips.append(Skip(rule.id, str(node.path), required))
                self._mark(rule, node)
                return
        failed_here = False
        try:
            for problem in rule.body(node, self.tree.book):
                failed_here |= self._add(rule, node, problem)
        except Unavailable as absence:
            self.skips.append(Skip(rule.id, str(node.path), str(absence)))
            self.absences.append((rule, node, absence))
            failed_here = True
        except Exception as error:  # a rule's own defect must cost neither the other rules nor the other results
            self.crashed[rule.id] = None
            failed_here = True
            self._crash(rule, node, error)
        if failed_here:
            self._mark(rule, node)

    def _mark(self, rule: Rule, node: Node) -> None:
        self.failed_at.setdefault(rule.id, set()).add(node)
        self.failed_under.setdefault(rule.id, set()).update(node.lineage)

    def _add(self, rule: Rule, node: Node, problem: Problem | str) -> bool:
        """Record what a rule yielded; whether it is an error."""
        if isinstance(problem, str):
            problem = Problem(problem)
        finding = Finding(
            rule.id,
            problem.severity or rule.severity,
            rule.origin,
            printable(problem.path or str(node.path)),
            problem.line,
            printable(problem.message),
            printable(problem.found),
            printable(problem.required),
            printable(problem.hint or rule.hint),
            rule.source,
            str(self._place(node, problem.path).path),
        )
        if rule.smoke and any(above in self.smoke for above in node.lineage):
            self.waived.setdefault(rule.id, []).append(finding)
            return False
        self.findings.append(finding)
        return finding.severity is Severity.ERROR

    def _place(self, node: Node, path: str) -> Node:
        """The innermost object that a finding about `path` concerns: `node`, or something that it holds."""
        for folder in PurePosixPath(path).parents if path else ():
            place = self.places.get(str(folder))
            if place is not None and node in place.lineage:
                return place
        return node

    def _crash(self, rule: Rule, node: Node, error: Exception) -> None:
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else "?"
        self.findings.append(
            Finding(
                CRASHED,
                Severity.ERROR,
                Origin.INTEGRITY,
                printable(str(node.path)),
                None,
                printable(f"rule {rule.id} crashed: {type(error).__name__}: {error} ({place})"),
                "",
                "",
                "a defect of this checker, not of the submission: please report it with the file",
                "submitter",
                str(node.path),
            )
        )

    def _report_absences(self) -> None:
        """A rule that could not be asked must never let a result pass: unless an error says why, say so."""
        errors = [finding for finding in self.findings if finding.severity is Severity.ERROR]
        told_paths = {finding.path for finding in errors}
        told_scopes = {finding.scope for finding in errors}
        said: set[tuple[str, str]] = set()
        for rule, node, absence in self.absences:
            told = absence.path in told_paths or any(str(above.path) in told_scopes for above in node.lineage)
            if told or (absence.path, absence.reason) in said or rule.severity is not Severity.ERROR:
                continue
            said.add((absence.path, absence.reason))
            waiver = Rule(
                NOT_JUDGED,
                "",
                "",
                rule.body,
                Origin.INTEGRITY,
                Severity.ERROR,
                (),
                rule.source,
                rule.hint,
                rule.smoke,
                "",
            )
            self._add(waiver, node, Problem(f"{absence.reason}, so {rule.id} could not be judged", path=absence.path))

    def report(self) -> Report:
        invalid_scopes = {f.scope for f in self.findings if f.severity is Severity.ERROR}
        verdicts = []
        for result in self.tree.results:
            smoke = result.submitter in self.smoke
            nodes = [*result.lineage, result.performance, result.accuracy, *result.compliance.values()]
            bad = any(str(node.path) in invalid_scopes for node in nodes)
            metric, inferred = result_metric(result, self.tree.book)
            verdict = "invalid" if bad else "preview" if smoke else "valid"
            verdicts.append(ResultVerdict(result.key, verdict, metric, inferred))
        rules = {rule.id: rule for rule in self.rules}
        waived = tuple(
            Waived(rule_id, rules[rule_id].title, rules[rule_id].smoke, tuple(found))
            for rule_id, found in sorted(self.waived.items())
            if rule_id in rules
        )
        order = {severity: rank for rank, severity in enumerate(Severity)}
        findings = sorted(self.findings, key=lambda f: (f.scope, order[f.severity], f.rule, f.path, f.line or 0))
        counted = [finding.severity for finding in findings]
        summary = {
            "results": len(verdicts),
            "valid": sum(v.verdict == "valid" for v in verdicts),
            "invalid": sum(v.verdict == "invalid" for v in verdicts),
            "preview": sum(v.verdict == "preview" for v in verdicts),
            "errors": counted.count(Severity.ERROR),
            "warnings": counted.count(Severity.WARNING),
            "notes": counted.count(Severity.NOTE),
            "waived": sum(len(w.findings) for w in waived),
            "rules": len(self.rules),
            "files": self.tree.files.read_count,
        }
        return Report(
            self.tree.book.name,
            tuple(findings),
            tuple(verdicts),
            waived,
            tuple(self.skips),
            tuple(self.crashed),
            bool(self.smoke),
            self._full_runs(),
            summary,
        )

    def _full_runs(self) -> tuple[FullRun, ...]:
        runs = (manifest.full_run for node in self.smoke if (manifest := manifest_of(node)))
        return tuple(FullRun(printable(run.command), run.expected_s) for run in runs if run)
