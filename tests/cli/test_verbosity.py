"""--quiet leaves results, warnings and errors; --verbose adds details; both stand before a command or after it."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from submission_tree import Tree

from submitter.console import Level, copy_messages, show_from, show_line, show_table


@pytest.mark.parametrize("words", [("--quiet", "check"), ("-q", "check"), ("check", "--quiet"), ("check", "-q")])
def test_quiet_leaves_the_report(submitter: Any, tree: Tree, words: tuple[str, ...]) -> None:
    usual = submitter("check", str(tree.root))
    assert "the rules of round v6.1 apply" in usual.err
    assert submitter(*words, str(tree.root)) == (usual.code, usual.out, "")


def test_quiet_leaves_errors(submitter: Any) -> None:
    usual = submitter("check", "missing")
    assert submitter("-q", "check", "missing") == usual
    assert (usual.code, usual.out) == (2, "")
    assert usual.err.startswith("submitter: ")
    assert submitter("-q", "check").err.startswith("submitter check: PATH is missing")


@pytest.mark.parametrize("words", [("--verbose", "check"), ("check", "-v")])
def test_verbose_adds_to_the_messages_only(submitter: Any, tree: Tree, words: tuple[str, ...]) -> None:
    tree.performance_log().unlink()
    usual = submitter("check", str(tree.root))
    told = submitter(*words, str(tree.root))
    assert (told.code, told.out) == (usual.code, usual.out)
    assert told.err.startswith(usual.err)
    added = told.err.removeprefix(usual.err)
    assert " was not applied to closed/Acme/results/" in added
    assert " files: 0." in added.splitlines()[-1]


@pytest.mark.parametrize("words", [("-q", "rules", "-v"), ("rules", "-q", "-v"), ("-v", "-q", "rules")])
def test_both_are_wrong_input(submitter: Any, words: tuple[str, ...]) -> None:
    done = submitter(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err == "submitter: --quiet and --verbose contradict each other\n  give one of them\n"


def test_a_choice_lasts_for_one_command(submitter: Any, tree: Tree) -> None:
    submitter("-q", "check", str(tree.root))
    assert "the rules of round" in submitter("check", str(tree.root)).err


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        (Level.DETAIL, ["detail", "usual", "red", "yellow", "warning", "a", "-", "1"]),
        (Level.NORMAL, ["usual", "red", "yellow", "warning", "a", "-", "1"]),
        (Level.WARNING, ["red", "yellow", "warning"]),
    ],
)
def test_levels_of_messages(capsys: pytest.CaptureFixture[str], level: Level, shown: list[str]) -> None:
    """What is red or yellow is a warning; a result is no message; and every message is copied."""
    copied: list[str] = []
    copy_messages(copied.append)
    show_from(level)
    try:
        show_line("detail", sys.stderr, level=Level.DETAIL)
        show_line("usual", sys.stderr, "green")
        show_line("red", sys.stderr, "red")
        show_line("yellow", sys.stderr, "yellow")
        show_line("warning", sys.stderr, level=Level.WARNING)
        show_table(("a",), [("1",)], sys.stderr)
        show_table(("result",), [("2",)], sys.stdout)
        other = io.StringIO()
        show_line("elsewhere", other)
    finally:
        show_from(Level.NORMAL)
        copy_messages(None)
    written = capsys.readouterr()
    assert written.err.split() == shown
    assert written.out.split() == ["result", "------", "2"]
    assert other.getvalue() == "elsewhere\n"
    assert copied == ["detail", "usual", "red", "yellow", "warning", "a\n-\n1"]
