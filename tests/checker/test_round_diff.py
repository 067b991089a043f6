"""What changed between two rounds, read from their books."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from submission_tree import BOOK

from submitter.checker.catalogue import origin_in
from submitter.checker.registry import all_rules
from submitter.checker.round_diff import difference
from submitter.rulebook import Rulebook, load_rulebook, round_names


def sections(old: Rulebook, new: Rulebook) -> tuple[str, str, str]:
    """The text of the benchmarks, of the values and of the rules."""
    shown = difference(old, new)
    assert shown.startswith(f"From round {old.name} to round {new.name}\n")
    benchmarks, values, rules = re.split(r"\n\n(?:Benchmarks|Values|Rules)\n", shown + "\n")[1:]
    return benchmarks, values, rules.removesuffix("\n")


def replaced(table: str, **changed: Any) -> Rulebook:
    """The newest book with other values in one of its tables."""
    return msgspec.structs.replace(BOOK, **{table: msgspec.structs.replace(getattr(BOOK, table), **changed)})


def test_benchmarks_values_and_rules_of_two_published_rounds() -> None:
    old, new = load_rulebook("v5.1"), load_rulebook("v6.1")
    benchmarks, values, rules = sections(old, new)
    assert re.search(r"^  removed .*\bretinanet\b", benchmarks, re.M)
    assert re.search(r"^  added .*\bdlrm-v3\b", benchmarks, re.M)
    assert f"    qsl_rng_seed: {old.seeds.qsl_rng_seed} -> {new.seeds.qsl_rng_seed}\n" in values
    assert "  benchmarks.deepseek-r1\n" in values
    assert "    scenarios.datacenter.required: Server, Offline -> Offline\n" in values
    assert "    token_latency.Interactive.tpot_ns: none -> 15000000\n" in values
    assert "retinanet" not in values
    assert "models" not in re.findall(r"^  (\w+)$", values, re.M)  # those of benchmarks that only one round has
    assert "checker" not in values
    changed = {line.split()[0] for line in rules.splitlines()}
    assert changed == {rule.id for rule in all_rules() if origin_in(rule, old) != origin_in(rule, new)}


def test_back_again_it_is_the_same_the_other_way_round() -> None:
    old, new = load_rulebook("v5.1"), load_rulebook("v6.1")
    ways = [
        set(re.findall(r"^    (\S+): (.+) -> (.+)$", values, re.M))
        for _, values, _ in (sections(old, new), sections(new, old))
    ]
    assert ways[0]
    assert {(path, new, old) for path, old, new in ways[0]} == ways[1]


@pytest.mark.parametrize("name", round_names())
def test_a_round_is_no_different_from_itself(name: str) -> None:
    assert sections(load_rulebook(name), load_rulebook(name)) == ("  no difference",) * 3


def test_another_order_of_a_list_is_not_a_change() -> None:
    statuses = tuple(reversed(BOOK.system.statuses))
    assert statuses != BOOK.system.statuses
    assert sections(BOOK, replaced("system", statuses=statuses))[1] == "  no difference"


def test_of_a_long_list_only_what_changed_is_shown() -> None:
    fields = BOOK.system.required_fields
    _, values, _ = sections(BOOK, replaced("system", required_fields=(*fields[1:], "new_field")))
    assert values == f"  system\n    required_fields: -{fields[0]}, +new_field"


def test_what_is_off_or_not_set_has_a_word() -> None:
    assert BOOK.power.nameplate is True
    _, values, _ = sections(BOOK, replaced("power", nameplate=False))
    assert values == "  power\n    nameplate: yes -> no"
    _, values, _ = sections(msgspec.structs.replace(BOOK, endpoints=None), BOOK)
    assert "    metric.Offline: none -> " in values


def test_a_rule_that_the_new_round_no_longer_enforces_is_shown_with_its_title() -> None:
    lenient = replaced("checker", not_enforced={**BOOK.checker.not_enforced, "PRF004": "why"})
    (rule,) = (rule for rule in all_rules() if rule.id == "PRF004")
    assert sections(BOOK, lenient)[2] == f"  PRF004  official -> policy: {rule.title}"
