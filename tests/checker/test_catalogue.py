"""`submitter rules`, in each of its ways, through the command line's own function; and docs/rules.md."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from submitter import cli
from submitter.checker.catalogue import FAMILIES, markdown, origin_in
from submitter.checker.registry import all_rules
from submitter.rulebook import Rulebook, load_rulebook, round_names

REPOSITORY = Path(__file__).parents[2]
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
        told = lines[rule.id].split(maxsplit=3)
        assert told == [rule.id, rule.severity.value, origin_in(rule, load_rulebook(name)), rule.title]
    headings = [line for line in shown.splitlines()[1:] if line and not line.startswith(" ")]
    assert headings == [f"{prefix}: {title}" for prefix, title in FAMILIES.items()]


def test_the_list_is_the_newest_round_s_unless_another_is_asked_for(show: Show) -> None:
    assert show() == show("--round", round_names()[-1])
    assert show() != show("--round", round_names()[0])


def test_all_about_one_rule(show: Show) -> None:
    rule = next(rule for rule in all_rules() if rule.id == "PRF004")
    shown = show("PRF004")
    assert shown.startswith(f"PRF004: {rule.title}\nerror, official in round {round_names()[-1]}\n")
    flat = " ".join(shown.split())
    for part in (rule.why, f"source: {rule.source}", f"fix: {rule.hint}", ", ".join(rule.requires)):
        assert part in flat
    assert max(map(len, shown.splitlines())) <= 100


def test_the_rounds_are_listed_only_where_they_differ(show: Show) -> None:
    told_of = {rule_id for name in round_names() for rule_id in _told_of(load_rulebook(name))}
    for rule in all_rules():
        assert ("by round:" in show(rule.id)) <= (rule.id in told_of)


def _told_of(book: Rulebook) -> set[str]:
    tables = msgspec.structs.asdict(book.checker).values()
    return {rule_id for table in tables if isinstance(table, dict) for rule_id in table}


@pytest.mark.parametrize("rule_id", [rule.id for rule in all_rules()])
def test_every_rule_can_be_shown(show: Show, rule_id: str) -> None:
    shown = show(rule_id)
    books = [load_rulebook(name) for name in round_names()]
    rule = next(rule for rule in all_rules() if rule.id == rule_id)
    flat = " ".join(shown.split())
    differs = len({origin_in(rule, book) for book in books}) > 1
    assert not differs or "by round:" in shown
    for book in books:
        for why in (book.checker.absent.get(rule_id), book.checker.not_enforced.get(rule_id)):
            # Where no round is otherwise there is nothing to list; the heading says what holds.
            assert why is None or not differs or " ".join(why.split()) in flat
        if differs:
            assert f"{book.name} {origin_in(rule, book)}" in flat


def test_the_round_s_origin_stands_on_top(show: Show) -> None:
    rule, book = next(
        (rule, book)
        for rule in all_rules()
        for book in map(load_rulebook, round_names())
        if rule.id in book.checker.absent
    )
    assert show(rule.id, "--round", book.name).splitlines()[1].endswith(f"absent in round {book.name}")


def test_what_changed_between_two_rounds(show: Show) -> None:
    shown = show("--diff", "v5.1", "v6.1")
    assert shown.startswith("From round v5.1 to round v6.1\n")
    benchmarks, values, rules = re.split(r"\n(?:Benchmarks|Values|Rules)\n", shown)[1:]
    assert re.search(r"removed .*\bretinanet\b", benchmarks)
    assert re.search(r"added .*\bdlrm-v3\b", benchmarks)
    old, new = load_rulebook("v5.1"), load_rulebook("v6.1")
    assert f"    qsl_rng_seed: {old.seeds.qsl_rng_seed} -> {new.seeds.qsl_rng_seed}\n" in values
    assert "  benchmarks.deepseek-r1\n" in values
    assert "    scenarios.datacenter.required: Server, Offline -> Offline\n" in values
    assert "    token_latency.Interactive.tpot_ns: none -> 15000000\n" in values
    assert "retinanet" not in values
    assert "checker" not in values
    changed = {line.split()[0] for line in rules.splitlines() if line.strip()}
    assert changed == {rule.id for rule in all_rules() if origin_in(rule, old) != origin_in(rule, new)}


def test_back_again_it_is_the_same_the_other_way_round(show: Show) -> None:
    there, back = show("--diff", "v5.1", "v6.1"), show("--diff", "v6.1", "v5.1")
    ways = [set(re.findall(r"^    (\S+): (.+) -> (.+)$", text, re.M)) for text in (there, back)]
    assert ways[0]
    assert {(path, new, old) for path, old, new in ways[0]} == ways[1]


def test_a_round_is_no_different_from_itself(show: Show) -> None:
    shown = show("--diff", "v6.0", "v6.0")
    assert shown.count("no difference") == 3


@pytest.mark.parametrize(
    ("arguments", "complaint", "hint"),
    [
        (["PRF0O4"], "unknown rule 'PRF0O4'", "did you mean 'PRF0"),
        (["prf004"], "unknown rule 'prf004'", "did you mean 'PRF004'?"),
        (["--round", "v6.l"], "unknown round 'v6.l'", "did you mean 'v6."),
        (["--diff", "v5.1", "6.1"], "unknown round '6.1'", "did you mean 'v6.1'?"),
        (["--diff", "v5.1"], "Option '--diff' requires 2 arguments", "--help"),
        (["PRF004", "--diff", "v5.1", "v6.1"], "--diff cannot be combined", "leave them out"),
        (["--round", "v6.1", "--diff", "v5.1", "v6.1"], "--diff cannot be combined", "leave them out"),
    ],
)
def test_what_is_misspelt_gets_the_nearest_known(show: Show, arguments: list[str], complaint: str, hint: str) -> None:
    told = show(*arguments, exit_code=2)
    assert complaint in told
    assert hint in told


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
