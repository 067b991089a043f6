"""`submitter rules`, in each of its ways, through the command line's own function; and docs/rules.md."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import msgspec
import pytest

from submitter import cli
from submitter.checker.catalogue import FAMILIES, markdown, origin_in
from submitter.checker.registry import Rule, all_rules
from submitter.checker.round_diff import difference
from submitter.rulebook import Rulebook, load_rulebook, round_names

REPOSITORY = Path(__file__).parents[2]
SCHEMA = json.loads((REPOSITORY / "schemas/rules.schema.json").read_text("utf-8"))
Show = Callable[..., str]


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Show:
    """Run `submitter rules` with these arguments; its output, or its complaint where that is expected."""

    def run(*arguments: str, exit_code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["submitter", "rules", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert (ended.value.code or 0) == exit_code
        captured = capsys.readouterr()
        return captured.err if exit_code else captured.out

    return run


@pytest.mark.parametrize("name", round_names())
def test_the_list_has_every_rule_with_its_origin_in_the_round(show: Show, name: str) -> None:
    shown = show("--round", name)
    assert shown.startswith(f"The rules of round {name}\n")
    lines = {line.split()[0]: line for line in shown.splitlines() if re.match(r"  [A-Z]{3}\d{3} ", line)}
    assert lines.keys() == {rule.id for rule in all_rules()}
    for rule in all_rules():
        reported = lines[rule.id].split(maxsplit=3)
        assert reported == [rule.id, rule.severity.value, origin_in(rule, load_rulebook(name)), rule.title]
    headings = [line for line in shown.splitlines()[1:] if line and not line.startswith(" ")]
    assert headings == [f"{prefix}: {title}" for prefix, title in FAMILIES.items()]


def test_the_list_is_the_newest_rounds_unless_another_is_given(show: Show) -> None:
    assert show() == show("--round", round_names()[-1])
    assert show() != show("--round", round_names()[0])


@pytest.mark.parametrize("name", round_names())
def test_the_rules_as_json(show: Show, name: str) -> None:
    book = load_rulebook(name)
    document = json.loads(show("--round", name, "--format", "json"))
    jsonschema.validate(document, SCHEMA)
    assert document["round"] == name
    listed = {rule["id"]: rule for rule in document["rules"]}
    assert list(listed) == sorted(rule.id for rule in all_rules())
    for rule in all_rules():
        entry = listed[rule.id]
        assert (entry["title"], entry["severity"]) == (rule.title, rule.severity)
        assert (entry["source"], entry["hint"], entry["why"]) == (rule.source, rule.hint, rule.why)
        assert (entry["scope"], entry["requires"]) == (rule.scope.__name__, list(rule.requires))
        assert entry["origin"] == origin_in(rule, book)
        lenient = (book.checker.absent, book.checker.not_enforced)
        assert all(bool(table.get(rule.id)) <= bool(entry["exceptions"]) for table in lenient)


def test_one_rule_as_json(show: Show) -> None:
    (rule,) = json.loads(show("PRF004", "--format", "json"))["rules"]
    assert rule in json.loads(show("--format", "json"))["rules"]
    assert rule["id"] == "PRF004"


def test_the_schema_of_the_rules_is_strict(show: Show) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(show("PRF004", "--format", "json"))
    for key, value in (("origin", "ours"), ("severity", "fatal"), ("requires", ["x"]), ("source", ""), ("more", 1)):
        spoiled = {**document, "rules": [{**document["rules"][0], key: value}]}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(spoiled, SCHEMA)


def test_all_about_one_rule(show: Show) -> None:
    rule = next(rule for rule in all_rules() if rule.id == "PRF004")
    shown = show("PRF004")
    assert shown.startswith(f"PRF004: {rule.title}\nerror, official in round {round_names()[-1]}\n")
    flat = " ".join(shown.split())
    for part in (rule.why, f"source: {rule.source}", f"fix: {rule.hint}", ", ".join(rule.requires)):
        assert part in flat
    assert max(map(len, shown.splitlines())) <= 100


def _entries_of(rule_id: str, book: Rulebook) -> dict[str, object]:
    """What the round's book says of a rule and its official checker, by table."""
    tables = msgspec.structs.asdict(book.checker)
    return {name: table[rule_id] for name, table in tables.items() if isinstance(table, dict) and rule_id in table}


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.id)
def test_every_rule_can_be_shown_with_its_rounds_where_they_differ(show: Show, rule: Rule) -> None:
    shown = show(rule.id)
    flat = " ".join(shown.split())
    by_round = {
        name: (origin_in(rule, book), _entries_of(rule.id, book))
        for name, book in ((name, load_rulebook(name)) for name in round_names())
    }
    assert shown.startswith(f"{rule.id}: {rule.title}\n")
    # Where no round is otherwise there is nothing to list; the heading says what holds.
    differ = any(reported != by_round[round_names()[0]] for reported in by_round.values())
    assert ("by round:" in shown) is differ
    for name, (origin, entries) in by_round.items():
        assert (f" {name} {origin}" in flat) is differ
        for entry in entries.values():
            words = entry if isinstance(entry, str) else ", ".join(entry)
            assert (" ".join(words.split()) in flat) is differ


def test_the_round_s_origin_stands_on_top(show: Show) -> None:
    rule, book = next(
        (rule, book)
        for rule in all_rules()
        for book in map(load_rulebook, round_names())
        if rule.id in book.checker.absent
    )
    assert show(rule.id, "--round", book.name).splitlines()[1].endswith(f"absent in round {book.name}")


def test_two_rounds_are_compared(show: Show) -> None:
    assert show("--diff", "v5.1", "v6.1") == difference(load_rulebook("v5.1"), load_rulebook("v6.1")) + "\n"


@pytest.mark.parametrize(
    ("arguments", "complaint", "hint"),
    [
        (["PRF0O4"], "unknown rule 'PRF0O4'", "did you mean 'PRF0"),
        (["prf004"], "unknown rule 'prf004'", "did you mean 'PRF004'?"),
        (["--round", "v6.l"], "unknown round 'v6.l'", "did you mean 'v6."),
        (["--diff", "v5.1", "6.1"], "unknown round '6.1'", "did you mean 'v6.1'?"),
        (["--diff", "v5.1"], "--diff requires 2 arguments", "usage: --diff OLD NEW"),
        (["PRF004", "--diff", "v5.1", "v6.1"], "--diff cannot be combined", "leave them out"),
        (["--format", "jsn"], "unknown format 'jsn'", "did you mean 'json'?"),
        (["--format", "json", "--diff", "v5.1", "v6.1"], "--diff cannot be combined", "leave them out"),
        (["--round", "v6.1", "--diff", "v5.1", "v6.1"], "--diff cannot be combined", "leave them out"),
    ],
)
def test_what_is_misspelt_gets_the_nearest_known(show: Show, arguments: list[str], complaint: str, hint: str) -> None:
    reported = show(*arguments, exit_code=2)
    assert complaint in reported
    assert hint in reported


def test_the_list_of_rules_in_the_docs_is_fresh() -> None:
    assert (REPOSITORY / "docs" / "rules.md").read_text() == markdown(), (
        "run: python -m submitter.checker.catalogue > docs/rules.md"
    )


def test_the_docs_list_is_what_the_module_prints() -> None:
    command = [sys.executable, "-m", "submitter.checker.catalogue"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == markdown()


def test_every_rule_has_its_place_in_the_docs_list() -> None:
    listed = markdown()
    for rule in all_rules():
        assert rule.source
        assert rule.id[:3] in FAMILIES
        assert rule.id[3:].isdigit()
        assert f"### {rule.id}: {rule.title}" in listed
