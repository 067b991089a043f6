"""The rules: one decorated function each, found by importing the files of `rules/`."""

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

RuleBody = Callable[..., Iterator[Problem | str]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Rule:
    """One rule.

    `body` yields what is wrong with an object of the class `scope`.
    `step` is where the official checker applies it in its pass over a result: `files` before it judges the performance
    run, `performance` while it does, empty for all that comes later or lies outside.
    `smoke` says why a short run must violate it; where it is empty, a smoke run gets no waiver. A rule that
    `spares_results` is about a folder as a whole: the submission fails, and the results in it keep their own verdict.
    An `absence` rule tells of what is not there yet, which a check of a partial submission does not count as wrong.
    """

    id: str
    title: str
    why: str
    body: RuleBody
    origin: Origin
    severity: Severity
    requires: tuple[str, ...]
    source: str
    hint: str
    smoke: str
    step: str = ""
    spares_results: bool = False
    absence: bool = False

    @cached_property
    def _annotations(self) -> dict[str, Any]:
        return typing.get_type_hints(self.body)

    @property
    def takes_waived(self) -> bool:
        """Whether its function has a third parameter `waived`, for the ids of the waived rules."""
        return "waived" in self._annotations

    @cached_property
    def scope(self) -> type:
        """The class of tree objects it judges: the annotation of its function's first parameter."""
        scope = next(kind for name, kind in self._annotations.items() if name != "return")
        assert isinstance(scope, type)
        return scope


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
    """Register a function as a rule: its docstring's first line is the title, the rest says why.

    `source` names the official check's file and function, or the section of the written rules.
    `requires` names rules that must hold for the same object, or above or below it, before this one is asked.
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
    """What a rule finds wrong with an object of its scope: the one way in which rules are applied.

    `waived` has the ids of the rules that need not hold, for a rule that depends on what other rules find.
    Unavailable where the object lacks what the rule needs.
    """
    problems = rule.body(node, book, waived) if rule.takes_waived else rule.body(node, book)
    for problem in problems:
        if isinstance(problem, str):
            problem = Problem(problem)
        yield problem if problem.severity else replace(problem, severity=rule.severity)


def selected(select: Iterable[str], ignore: Iterable[str], book: Rulebook, profile: str = FULL) -> tuple[Rule, ...]:
    """The rules of a round whose id or family prefix is selected (all if nothing is) and not ignored.

    A rule that the round's official checker does not enforce counts as one of the written rules only, and the profile
    `official` leaves out all that are not the official checker's. InputError for a selector that matches no rule, or
    an unknown profile. What a selected rule requires is not pulled in.
    """
    plugins.require(profile, PROFILES, "profile")
    rules = all_rules()
    select, ignore = tuple(select), tuple(ignore)
    for selector in (*select, *ignore):
        if not selector or not any(r.id.startswith(selector) for r in rules):
            known = sorted({r.id for r in rules} | {r.id[:3] for r in rules})
            raise InputError(f"no rule is called '{selector}'", plugins.did_you_mean(selector, known))
    return tuple(
        r
        for r in map(lambda rule: in_round(rule, book), rules)
        if r is not None
        and (not select or r.id.startswith(select))
        and not (ignore and r.id.startswith(ignore))
        and (profile == FULL or r.origin is Origin.OFFICIAL)
    )


def in_round(rule: Rule, book: Rulebook) -> Rule | None:
    """The rule as the round has it; None where the round has no such demand.

    What its official checker lets pass is a demand of the written rules only.
    """
    told = book.checker
    if rule.id in told.absent:
        return None
    spares = rule.spares_results or rule.id in told.spares_results
    lenient = rule.origin is Origin.OFFICIAL and rule.id in told.not_enforced
    if lenient or spares != rule.spares_results:
        return replace(rule, origin=Origin.POLICY if lenient else rule.origin, spares_results=spares)
    return rule
