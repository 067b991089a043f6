"""Help: the same for `-h`, readable at 80 columns, in words, and with examples that work."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from submission_tree import write_tree

from submitter import cli, plugins
from submitter.checker.finding import Severity
from submitter.checker.registry import PROFILES

PROGRAM: Any = typer.main.get_command(cli.app)
# Those whose examples need no campaign, no model, no data set and no checkout.
CHEAP = re.compile(r"submitter (check|explain|rules (?!--import)|score submission --round|describe-system$)")


def commands(command: Any = PROGRAM, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command of the program as the words that call it, the program itself first."""
    yield words
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*words, name))


ALL = list(commands())


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def examples(help: str) -> list[str]:
    return help.split("\n  Examples:\n")[1].replace("\n    ", "\n").strip().splitlines()


def parsed(line: str) -> Any:
    """The context of a command line that was parsed, not run."""
    program, *words = shlex.split(line)
    assert program == "submitter"
    command, context = PROGRAM, None
    while hasattr(command, "commands"):
        assert words[0] in command.commands, line
        context = command.make_context(words[0], words, parent=context)
        command, words = command.commands[words[0]], words[1:]
    return command.make_context("submitter", words, parent=context)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_is_short_and_long_and_fits(submitter: Any, words: tuple[str, ...]) -> None:
    done = submitter(*words, "--help")
    assert done == submitter(*words, "-h")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: {' '.join(['submitter', *words])} [OPTIONS]")
    assert max(map(len, done.out.splitlines())) <= 80
    assert not re.search(r"<\w+(\[\w+\])?>|\{\w+\}|\w\.\.\.$", done.out, re.M), "a type, or a sentence that was cut"


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_help_ends_with_examples_that_parse(submitter: Any, words: tuple[str, ...]) -> None:
    found = examples(submitter(*words, "-h").out)
    assert 1 <= len(found) <= 3
    for line in found:
        assert line.startswith(" ".join(["submitter", *words]))
        assert not parsed(line).args


def test_the_examples_run(submitter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder with a submission, a valid one or the embedded benchmark's: what the examples name is there."""
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path / "submission")
    lines = [line for words in ALL for line in examples(submitter(*words, "-h").out) if CHEAP.match(line)]
    assert len(lines) > 8
    for line in dict.fromkeys(lines):
        words = shlex.split(line.replace("PATH", "submission"))[1:]
        if words[0] == "explain":
            words[1] = "submission/closed/Acme/results/2xH200/llama2-70b-99.9/Server"
        done = submitter(*words)
        assert done.code == 0, line + done.err
        assert done.out or "=" in line
    assert (tmp_path / "report.sarif").is_file()


def test_files_that_examples_name_are_those_that_init_writes(
    submitter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert submitter("init", "--no-input", "--benchmark", "tiny-llama").code == 0
    named = {
        word
        for words in ALL
        for line in cli.examples(" ".join(words)).splitlines()
        for word in line.split()
        if word.startswith(("examples/", "systems/", "campaign"))
    }
    assert len(named) >= 2
    assert all((tmp_path / name).is_file() for name in named)


def test_the_help_names_every_value(submitter: Any) -> None:
    shown = " ".join(submitter("check", "-h").out.split())
    for names in (plugins.names("submitter.checker.reporters"), PROFILES, [*Severity, "never"]):
        assert all(re.search(rf"\b{name}\b", shown) for name in names), names
    assert "full|official" in shown
    assert "The scenario to run: Offline, Server or Interactive." in " ".join(submitter("run", "-h").out.split())


def test_defaults_are_shown(submitter: Any) -> None:
    assert "[default: performance]" in submitter("run", "-h").out
    assert "[default: fp8-block]" in submitter("quantize", "-h").out


def test_nothing_given_shows_the_help_and_is_wrong_input(submitter: Any) -> None:
    for words in ((), ("dataset",)):
        done = submitter(*words)
        assert (done.code, done.out) == (2, "")
        assert done.err == submitter(*words, "--help").out


def test_the_version(submitter: Any) -> None:
    assert submitter("-V").out == submitter("--version").out == f"submitter {cli.VERSION}\n"
