"""An object of the tree: what it has read is remembered, and so is why something could not be read."""

from __future__ import annotations

from typing import Any

import pytest
from submission_tree import BOOK, Tree

from submitter.submission import Unavailable, open_submission
from submitter.submission.node import Node


def test_what_was_read_is_remembered_and_so_is_why_it_could_not(tree: Tree) -> None:
    opened = open_submission(tree.root, BOOK)
    node = Node(opened.context, opened.submission.path)
    asked: list[str] = []

    def read(answer: object) -> Any:
        asked.append("read")
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    assert node.load("a", lambda: read(None)) is None
    assert node.load("a", lambda: read(5)) is None
    for _ in range(2):
        with pytest.raises(Unavailable, match="why"):
            node.load("b", lambda: read(Unavailable("x", "why")))
    assert node.load("c", lambda: read(7)) == 7
    assert len(asked) == 3


def test_an_error_of_ours_is_not_remembered(tree: Tree) -> None:
    node = open_submission(tree.root, BOOK).submission
    with pytest.raises(ZeroDivisionError):
        node.load("a", lambda: 1 / 0)
    assert node.load("a", lambda: 5) == 5


def test_a_node_knows_all_that_holds_it(tree: Tree) -> None:
    run = next(open_submission(tree.root, BOOK).results).performance
    assert [type(node).__name__ for node in run.lineage] == [
        "PerformanceRun",
        "Result",
        "BenchmarkDir",
        "System",
        "SubmitterDir",
        "DivisionDir",
        "Submission",
    ]
    assert all(node.context is run.context for node in run.lineage)
    assert Node(run.context, run.path).readers() == Node(run.context, run.path).own_readers() == []
