"""The marks of unfinished parts: where they are found, and what they ask for."""

from __future__ import annotations

import pytest

from submitter import documents
from submitter.errors import InputError

OPEN = "a part that a person must write"


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("TODO(person): why", ["why"]),
        ("- Cards: TODO(person): number and bandwidth of the cards", ["number and bandwidth of the cards"]),
        (
            "The model comes from TODO(person): where it comes from. It is kept in `models/`.",
            ["where it comes from"],
        ),
        ("We used TODO(person): the tool; then we measured.", ["the tool"]),
        ("It takes (TODO(person): how long) on this host.", ["how long"]),
        ("TODO(person): the type (air or liquid), and why", ["the type (air or liquid), and why"]),
        ("| card | TODO(person): its bandwidth | 8 |", ["its bandwidth"]),
        ('  "cooling": "TODO(person): air, or liquid", "hw_notes": "none",', ["air, or liquid"]),
        ('{"a": "TODO(person): one", "b": "TODO(person): two"}', ["one", "two"]),
        ("TODO(person): one TODO(person): two", ["one", "two"]),
        ("from TODO(person) the date", ["the date"]),
        ("todo(person): in lower case", ["in lower case"]),
        ("Todo (person): with a space", ["with a space"]),
        ("<!-- TODO(person): a comment --> and text", ["a comment"]),
        ("TODO(person)", [OPEN]),
        ("TODO(person): ", [OPEN]),
        ("version 2.5 is TODO(person): a version such as 2.5", ["a version such as 2.5"]),
        ("TODO: not a person's", []),
        ("the mark is not TODOs of a (person)", []),
    ],
)
def test_a_mark_asks_for_its_own_part_of_the_line(line: str, asked: list[str]) -> None:
    assert [what for _, what in documents.unfilled(line)] == asked


def test_every_mark_of_a_file_is_a_problem_with_its_line() -> None:
    text = "# Title\n\n| TODO(person): one | todo(person): two |\ntext\nTODO(person): three\n"
    found = [problem.message for problem in documents.problems(text, "a.md")]
    assert found == [
        "a.md:3: a person must write this part: one",
        "a.md:3: a person must write this part: two",
        "a.md:5: a person must write this part: three",
    ]
    assert {problem.hint for problem in documents.problems(text, "a.md")} == {documents.HINT}


def test_one_error_names_the_lines_of_all_marks() -> None:
    documents.require_filled("finished\n", "a.md")
    with pytest.raises(InputError, match=r"^a\.md:2: a person must write this part: one$"):
        documents.require_filled("\nTODO(person): one\n", "a.md")
    with pytest.raises(InputError, match=r"a\.md:1: .*: one \(and 1 more, in line 3\)$"):
        documents.require_filled("TODO(person): one\n\nTODO(person): two\n", "a.md")
    with pytest.raises(InputError, match=r"\(and 3 more, in lines 2, 4\)$"):
        documents.require_filled("TODO(person)\nTODO(person) TODO(person)\n\nTODO(person)", "a.md")


def test_what_a_template_asks_for_is_found_again() -> None:
    for what in ("the name in the results table", "available, preview or rdi", "air, liquid, or another kind"):
        assert [found for _, found in documents.unfilled(f"text {documents.todo(what)}\n")] == [what]
