"""accuracy.txt as the official checkers read it: line by line, until all that counts was seen."""

from __future__ import annotations

import pytest

from submitter.rulebook_tables import Target
from submitter.submission.accuracy_text import Reading, hashes, last_value, lines_of, read_score, values

PATTERNS = {"a": r".*'a':\s([\d.]+)", "b": r".*'b':\s([\d.]+)"}
TARGETS = {"a": Target(reference=10, factor=0.9), "b": Target(reference=5, factor=1)}


@pytest.mark.parametrize(
    ("text", "found", "stated"),
    [
        ("{'a': 9.0, 'b': 5.0}\nhash=x\n'a': 1\n", ["9.0", "5.0"], "x"),
        ("hash=x\n{'a': 9.0, 'b': 4.9}\n'b': 6\n'a': 1\n", ["9.0", "4.9", "6"], "x"),
        ("'a': 9 'a': 3\n", ["3"], None),
        ("'a':  9\n'b': '5'\n", [], None),
        ("'a': 9.9.9\n", ["9.9.9"], None),
        ("hash=x\nhash=y\n'a': 9\n'b': 5\nhash=z\n", ["9", "5"], "y"),
        ("hash=x y\n", [], None),
        ("", [], None),
    ],
)
def test_a_score_is_read_until_every_target_is_reached(text: str, found: list[str], stated: str | None) -> None:
    score = read_score(text, TARGETS, PATTERNS)
    assert [reading.text for reading in score.readings] == found
    assert score.hash == stated


def test_a_reading_has_its_line_and_its_value_if_it_is_a_number() -> None:
    score = read_score("first\n'a': 9.5\n'b': 1.2.3\n", TARGETS, PATTERNS)
    assert score.readings == (Reading("a", "9.5", 9.5, 2), Reading("b", "1.2.3", None, 3))
    assert score.readings_of("b") == [Reading("b", "1.2.3", None, 3)]
    assert score.readings_of("c") == []


def test_an_optional_target_is_not_waited_for() -> None:
    targets = TARGETS | {"b": Target(reference=5, factor=1, optional=True)}
    assert [reading.metric for reading in read_score("hash=x\n'a': 9\n'b': 5\n", targets, PATTERNS).readings] == ["a"]
    assert read_score("'b': 5\n'a': 9\nhash=x\n", targets, PATTERNS).readings_of("b")


def test_lines_are_those_of_pythons_text_files() -> None:
    assert lines_of("a\r\nb\rc\nd\x0ce\x1cf\u2028g") == ["a", "b", "c", "d\x0ce\x1cf\u2028g"]


def test_a_hash_is_whatever_stands_behind_the_sign() -> None:
    assert hashes("x\nhash= ab \n hash=c\nhash=\n") == [("ab", 2), ("", 4)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'a': 1\n'a': 2\n", 2),
        ("'a': 1.1.1\n'a': 2\n", None),
        ("'a': 2\n'a': .\n", None),
        ("nothing", None),
        ("", None),
    ],
)
def test_the_last_value_if_all_are_numbers(text: str, value: float | None) -> None:
    assert last_value(text, PATTERNS["a"]) == value


def test_the_values_of_a_metric_that_the_round_does_not_know() -> None:
    assert values("{'gen_num': 12}\n'gen_num': '7'\n'gen_num': 1.2.3", "gen_num", {}) == [(12.0, 1), (7.0, 2)]
    assert values("'a.b': 1\n'aXb': 2\n", "a.b", {}) == [(1.0, 1)]
    assert values("'a': 3\n", "a", PATTERNS) == [(3.0, 1)]


@pytest.mark.parametrize("text", ["'a': " + "9" * 5000, "'a': " * 20_000, "\x00'a': 9", "'a': 9" + "\n" * 20_000])
def test_hostile_text_gives_a_score_or_none(text: str) -> None:
    score = read_score(text, TARGETS, PATTERNS)
    assert score.hash is None
    assert len(score.readings) <= 1
