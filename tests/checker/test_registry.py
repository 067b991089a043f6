"""The registry: how a function becomes a rule, in which order rules come, and which of them a check applies."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import msgspec
import pytest
from submission_tree import BOOK, Tree

from submitter.checker import registry
from submitter.checker.finding import Origin, Problem, Severity
from submitter.checker.registry import FULL, OFFICIAL, Rule, all_rules, in_round, rule, selected, violations
from submitter.errors import InputError
from submitter.rulebook import Rulebook
from submitter.submission import open_submission
from submitter.submission.files import Unavailable
from submitter.submission.tree import Submission, System


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> dict[str, Rule]:
    """An empty registry in place of the rules there are."""
    all_rules()  # which registers them, once, and not in the empty one
    empty: dict[str, Rule] = {}
    monkeypatch.setattr(registry, "_RULES", empty)
    return empty


def ordered() -> list[str]:
    """The order of the rules that are registered now."""
    return [one.id for one in all_rules.__wrapped__()]


def nothing(submission: Submission, book: Rulebook) -> Iterator[Problem]:
    """Nothing is wrong.

    Whatever it is,
    and wherever.
    """
    yield from ()


def test_a_function_becomes_a_rule_by_its_docstring_and_its_annotations(rules: dict[str, Rule]) -> None:
    assert rule("AAA001", source="somewhere", severity="warning", requires=["AAA002"], hint="do it")(nothing) is nothing
    made = rules["AAA001"]
    assert (made.title, made.why) == ("Nothing is wrong", "Whatever it is, and wherever.")
    assert (made.origin, made.severity, made.requires) == (Origin.OFFICIAL, Severity.WARNING, ("AAA002",))
    assert made.scope is Submission
    assert not made.takes_waived


def test_an_id_is_given_once(rules: dict[str, Rule]) -> None:
    rule("AAA001", source="s")(nothing)
    with pytest.raises(ValueError, match="rule AAA001 is registered twice"):
        rule("AAA001", source="s")(nothing)
    assert list(rules) == ["AAA001"]


@pytest.mark.usefixtures("rules")
def test_a_rule_comes_after_those_it_requires() -> None:
    for rule_id, requires in (("AAA001", ["AAA003"]), ("AAA002", []), ("AAA003", ["AAA004"]), ("AAA004", ["AAA002"])):
        rule(rule_id, source="s", requires=requires)(nothing)
    assert ordered() == ["AAA002", "AAA004", "AAA003", "AAA001"]


@pytest.mark.usefixtures("rules")
def test_a_circle_of_requirements_is_refused() -> None:
    for rule_id, requires in (("AAA001", "AAA002"), ("AAA002", "AAA003"), ("AAA003", "AAA001")):
        rule(rule_id, source="s", requires=[requires])(nothing)
    with pytest.raises(ValueError, match="cycle"):
        ordered()


def test_the_rules_there_are_come_in_order_and_require_what_there_is() -> None:
    place = {one.id: number for number, one in enumerate(all_rules())}
    assert len(place) == len(all_rules())
    for one in all_rules():
        for required in one.requires:
            assert place[required] < place[one.id], (required, one.id)


def test_every_rule_says_what_it_is_about_and_who_demands_it() -> None:
    for one in all_rules():
        assert re.fullmatch(r"[A-Z]{3}\d{3}", one.id)
        assert one.title, one.id
        assert one.source, one.id


# Violations


def made(body: registry.RuleBody, severity: str = "warning") -> Rule:
    rule("AAA001", source="s", severity=severity)(body)
    return registry._RULES["AAA001"]


@pytest.mark.usefixtures("rules")
def test_a_problem_has_the_rules_severity_unless_it_has_its_own(tree: Tree) -> None:
    def body(submission: Submission, book: Rulebook) -> Iterator[Problem]:
        """A title."""
        yield Problem(f"a problem of round {book.name}", found="1")
        yield Problem("a grave problem", severity=Severity.ERROR)

    submission, one = open_submission(tree.root, BOOK).submission, made(body)
    assert [(one.severity_of(problem), problem.message) for problem in violations(one, submission, BOOK)] == [
        (Severity.WARNING, "a problem of round v6.1"),
        (Severity.ERROR, "a grave problem"),
    ]


@pytest.mark.usefixtures("rules")
def test_only_a_rule_that_asks_for_them_is_given_the_waived_ids(tree: Tree) -> None:
    def body(submission: Submission, book: Rulebook, waived: Collection[str]) -> Iterator[Problem]:
        """A title."""
        yield Problem(" ".join(sorted(waived)))

    submission = open_submission(tree.root, BOOK).submission
    asking = made(body)
    assert asking.takes_waived
    assert [problem.message for problem in violations(asking, submission, BOOK, {"PRF002", "PRF001"})] == [
        "PRF001 PRF002"
    ]


def test_what_the_object_lacks_is_unavailable(tree: Tree) -> None:
    tree.system_json().unlink()
    (system,) = open_submission(tree.root, BOOK).submitters[0].systems
    status = next(one for one in all_rules() if one.id == "SYS002")
    assert status.scope is System
    with pytest.raises(Unavailable, match="is missing"):
        list(violations(status, system, BOOK))


# Selection


def ids(*select: str, ignore: tuple[str, ...] = (), book: Rulebook = BOOK, profile: str = FULL) -> set[str]:
    return {one.id for one in selected(select, ignore, book, profile)}


def test_rules_are_selected_and_ignored_by_id_and_by_prefix() -> None:
    everything = ids()
    assert ids("PRF") == {rule_id for rule_id in everything if rule_id.startswith("PRF")}
    assert ids("PRF010", "SYS00") == {"PRF010"} | {rule_id for rule_id in everything if rule_id.startswith("SYS00")}
    assert ids("PRF", ignore=("PRF0",)) == set()
    assert ids(ignore=("PRF010",)) == everything - {"PRF010"}


@pytest.mark.parametrize(
    ("select", "ignore", "hint"), [(["PRF010O"], [], "PRF010"), ([], ["SYZ"], "SYS"), ([""], [], "")]
)
def test_a_selector_of_no_rule_is_refused_with_the_nearest(select: list[str], ignore: list[str], hint: str) -> None:
    with pytest.raises(InputError, match="no rule") as error:
        selected(select, ignore, BOOK)
    assert hint in error.value.hint


def test_an_unknown_profile_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown profile 'offical'") as error:
        selected((), (), BOOK, "offical")
    assert "official" in error.value.hint


def test_the_official_profile_has_what_the_rounds_checker_enforces() -> None:
    official = ids(profile=OFFICIAL)
    assert official < ids()
    assert "PRF010" in ids() - official
    everything = {one.id: one for one in all_rules()}
    assert {everything[rule_id].origin for rule_id in official} == {Origin.OFFICIAL}


def test_a_round_makes_of_a_rule_what_its_book_says() -> None:
    invalid = next(one for one in all_rules() if one.id == "PRF010")
    checker = msgspec.structs.replace(BOOK.checker, absent={}, not_enforced={}, spares_results={})

    def in_book(**changed: object) -> Rule | None:
        return in_round(invalid, msgspec.structs.replace(BOOK, checker=msgspec.structs.replace(checker, **changed)))

    assert in_book() is invalid
    assert in_book(absent={"PRF010": "why"}) is None
    lenient = in_book(not_enforced={"PRF010": "why"})
    assert lenient is not None
    assert (lenient.origin, lenient.spares_results) == (Origin.POLICY, False)
    sparing = in_book(spares_results={"PRF010": "why"})
    assert sparing is not None
    assert (sparing.origin, sparing.spares_results) == (Origin.OFFICIAL, True)
