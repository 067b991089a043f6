"""docs/clauses.md: the rules that it names exist, and no rule of the written rules is without a clause."""

from __future__ import annotations

import re
from pathlib import Path

from submitter.checker.finding import Origin
from submitter.checker.registry import all_rules, in_round
from submitter.rulebook import load_rulebook, round_names

TEXT = (Path(__file__).parents[2] / "docs" / "clauses.md").read_text("utf-8")
_ID = re.compile(r"\b[A-Z]{3}\d{3}\b")
_ROW = re.compile(r"^\| (?!section|-)(.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def test_every_rule_named_exists() -> None:
    assert set(_ID.findall(TEXT)) - {rule.id for rule in all_rules()} == set()


def test_every_rule_of_the_written_rules_is_named() -> None:
    books = [load_rulebook(name) for name in round_names()]
    of_policy = {
        rule.id
        for rule in all_rules()
        for book in books
        if (found := in_round(rule, book)) and found.origin is Origin.POLICY
    }
    assert of_policy - set(_ID.findall(TEXT)) == set()


def test_every_clause_has_a_rule_or_a_reason() -> None:
    rows = _ROW.findall(TEXT)
    assert len(rows) > 60
    for section, clause, held in rows:
        assert clause, section
        assert _ID.search(held) or held.startswith(("no program can", "not yet:")), (section, held)
