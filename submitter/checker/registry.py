"""The registry of rules: one decorated function each, found by importing the files in `rules/`."""

from __future__ import annotations

import graphlib
import typing
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

from submitter import plugins
from submitter.checker.finding import Origin, Problem, Severity
from submitter.errors import InputError
from submitter.rulebook import Rulebook
from submitter.submission.node import Node

_PACKAGE = "submitter.checker.rules"

FULL, OFFICIAL = "full", "official"
PROFILES = (FULL, OFFICIAL)
_LISTED = "`submitter rules` lists all"

RuleBody = Callable[..., Iterator[Problem]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Rule:
    """One rule, as its decorator and its docstring describe it."""

    id: str
    title: str
    """What must be true, in one sentence without the full stop."""
    why: str
    """The reason for the rule, and what a reader should know about it."""
    body: RuleBody
    """Yields what is wrong with an object of the class `scope`."""
    origin: Origin
    severity: Severity
    requires: tuple[str, ...]
    """Ids of rules: where one of them failed, this rule is skipped."""
    source: str
    """Where the requirement is written: the official check's file and function, or the section of the rules."""
    hint: str
    """How to fix it."""
    smoke: str
    """Why a short run must violate the rule; if empty, the rule applies to smoke runs, too."""
    step: str = ""
    """When the official checker applies it to a result: `files` before it judges the performance run, `performance`
    while it does; empty if later, or not to a result."""
    spares_results: bool = False
    """Whether it is about a folder as a whole: the submission fails, but the results in it keep their verdict."""
    absence: bool = False
    """Whether it reports a missing part, which a partial check does not count as wrong."""

    def severity_of(self, problem: Problem) -> Severity:
        """The problem's own severity, or else the rule's."""
        return problem.severity or self.severity

    @property
    def takes_waived(self) -> bool:
        """Whether its function has a third parameter `waived`: the ids of the waived rules."""
        return "waived" in _annotations(self.body)

    @cached_property
    def scope(self) -> type:
        """The class of tree objects that it judges: the annotation of its function's first parameter."""
        scope = next(kind for name, kind in _annotations(self.body).items() if name != "return")
        assert isinstance(scope, type)
        return scope


@cache
def _annotations(body: RuleBody) -> dict[str, Any]:
    return typing.get_type_hints(body)


_RULES: dict[str, Rule] = {}


def rule(
    id: str,
    *,
    source: str,
    origin: str = "official",
    severity: str = "error",
    requires: Iterable[str] = (),
    hint: str = "",
    smoke: str = "",
    step: str = "",
    spares_results: bool = False,
    absence: bool = False,
) -> Callable[[RuleBody], RuleBody]:
    """Register a function as a rule. The first line of its docstring is the title, the rest is the reason.

    The parameters are the fields of `Rule`. A rule in `requires` must have passed for the object itself, for those that
    contain it and for those in it.
    """

    def register(body: RuleBody) -> RuleBody:
        if id in _RULES:
            raise ValueError(f"rule {id} is registered twice")
        title, _, why = (body.__doc__ or "").strip().partition("\n")
        _RULES[id] = Rule(
            id=id,
            title=title.rstrip("."),
            why=" ".join(why.split()),
            body=body,
            origin=Origin(origin),
            severity=Severity(severity),
            requires=tuple(requires),
            source=source,
            hint=hint,
            smoke=smoke,
            step=step,
            spares_results=spares_results,
            absence=absence,
        )
        return body

    return register


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, each after those it requires."""
    for name in plugins.names(_PACKAGE):
        plugins.load(_PACKAGE, name, "rule family")
    order = graphlib.TopologicalSorter({rule_id: _RULES[rule_id].requires for rule_id in sorted(_RULES)}).static_order()
    return tuple(_RULES[rule_id] for rule_id in order)


def violations(rule: Rule, node: Node, book: Rulebook, waived: Collection[str] = ()) -> Iterator[Problem]:
    """What a rule finds wrong with an object of its scope. Rules are applied only through this function.

    `waived` has the ids of the waived rules, for a rule that depends on other rules' findings. Unavailable if the
    object lacks something that the rule needs.
    """
    return rule.body(node, book, waived) if rule.takes_waived else rule.body(node, book)


def selected(select: Iterable[str], ignore: Iterable[str], book: Rulebook, profile: str = FULL) -> tuple[Rule, ...]:
    """The rules of a round whose id begins with one of `select` (all if it is empty) and with none of `ignore`.

    The profile `official` leaves out the rules that the round's official checker does not enforce. The rules that a
    selected rule requires are not added. InputError for a selector that matches no rule, or an unknown profile.
    """
    plugins.require(profile, PROFILES, "profile")
    rules = all_rules()
    select, ignore = tuple(select), tuple(ignore)
    for selector in (*select, *ignore):
        require_selector(selector)
    return tuple(
        r
        for r in map(lambda rule: in_round(rule, book), rules)
        if r is not None
        and (not select or r.id.startswith(select))
        and not (ignore and r.id.startswith(ignore))
        and (profile == FULL or r.origin is Origin.OFFICIAL)
    )


def require_selector(selector: str) -> None:
    """InputError unless a rule's id begins with `selector`."""
    ids = [rule.id for rule in all_rules()]
    if not selector or not any(rule_id.startswith(selector) for rule_id in ids):
        known = sorted({*ids, *(rule_id[:3] for rule_id in ids)})
        raise InputError(f"there is no rule '{selector}'", plugins.did_you_mean(selector, known, _LISTED))


def require_rule(rule_id: str) -> Rule:
    """The rule of this id. InputError with the nearest known id if there is none."""
    rules = {rule.id: rule for rule in all_rules()}
    if rule_id not in rules:
        raise InputError(f"unknown rule '{rule_id}'", plugins.did_you_mean(rule_id, sorted(rules), _LISTED))
    return rules[rule_id]


def in_round(rule: Rule, book: Rulebook) -> Rule | None:
    """The rule as it applies to a round; None if the round does not have it.

    A rule that the round's official checker does not enforce is of origin `policy`.
    """
    checker = book.checker
    if rule.id in checker.absent:
        return None
    spares = rule.spares_results or rule.id in checker.spares_results
    lenient = rule.origin is Origin.OFFICIAL and rule.id in checker.not_enforced
    if lenient or spares != rule.spares_results:
        return replace(rule, origin=Origin.POLICY if lenient else rule.origin, spares_results=spares)
    return rule
