"""Wrong use: the command, what is wrong with it, the nearest right word, and that command's help."""

from __future__ import annotations

from typing import Any

import pytest


def test_options_for_submissions_are_refused_for_a_campaign(submitter: Any) -> None:
    done = submitter("score", "x.toml", "--round", "v6.1", "--tokenizer", "y")
    assert (done.code, done.out) == (2, "")
    assert "--round and --tokenizer cannot be used here: x.toml is not the folder of a submission" in done.err


@pytest.mark.parametrize(
    ("arguments", "command", "message", "hint"),
    [
        (["chekc"], "submitter", "no such command 'chekc'", "did you mean 'check'?"),
        (["xyz"], "submitter", "no such command 'xyz'", "known: doctor, init, run-all, templates, plan,"),
        (["dataset", "verfy"], "submitter dataset", "no such command 'verfy'", "did you mean 'verify'?"),
        (["a b.toml", "plan"], "submitter", "no such command 'a b.toml'", "first: submitter plan 'a b.toml'"),
        (["dataset", "x", "stats", "y"], "submitter dataset", "no such command 'x'", "submitter dataset stats x y"),
        (["--verson"], "submitter", "no such option --verson", "did you mean '--version'?"),
        (["check", ".", "--foramt", "x"], "submitter check", "no such option --foramt", "did you mean '--format'?"),
        (["run-all", "x", "--norerun"], "submitter run-all", "no such option --norerun", "did you mean '--no-rerun'?"),
        (["check", "-x", "."], "submitter check", "no such option -x", "known: --round,"),
        (["check"], "submitter check", "PATH is missing", "usage: submitter check [OPTIONS] PATH"),
        (["plan"], "submitter plan", "CAMPAIGN.toml is missing", "usage: submitter plan [OPTIONS] CAMPAIGN.toml"),
        (["dataset", "convert", "a"], "submitter dataset convert", "OUT is missing", "[OPTIONS] FILE OUT"),
        (["run", "x.toml"], "submitter run", "--scenario is missing", "the scenario to run: Offline, Server or"),
        (["tune", "x.toml"], "submitter tune", "--scenario is missing", "the scenario to tune: Server or Inter"),
        (["check", "a", "b"], "submitter check", "got unexpected extra argument(s) (b)", "usage: submitter check"),
        (["check", ".", "--format"], "submitter check", "--format requires an argument", "--format NAME[=FILE]"),
        (["check", "--partial=1", "."], "submitter check", "--partial does not take a value", ""),
        (["run-all", "x", "--no-rerun=1"], "submitter run-all", "--no-rerun does not take a value", ""),
        (["check", ".", "-o"], "submitter check", "-o requires an argument", "usage: -o FILE"),
        (["--version=1"], "submitter", "--version does not take a value", ""),
        (["check", ".", "--jobs", "x"], "submitter check", "--jobs should be a valid integer", ""),
        (["quantize", "a", "--samples", "0"], "submitter quantize", "--samples should be greater than or equal to", ""),
        (
            ["run", "x.toml", "--scenario", "ofline"],
            "submitter run",
            "--scenario: unknown value 'ofline'",
            "did you mean 'Offline'?",
        ),
        (
            ["tune", "x.toml", "--scenario", "it's"],
            "submitter tune",
            "--scenario: unknown value 'it's'",
            "known: Offline, Server,",
        ),
    ],
)
def test_wrong_use_names_its_command(
    submitter: Any, arguments: list[str], command: str, message: str, hint: str
) -> None:
    done = submitter(*arguments)
    assert (done.code, done.out) == (2, "")
    first, *middle, last = done.err.splitlines()
    assert first.startswith(f"{command}: {message}")
    assert last == f"  see {command} --help"
    assert len(middle) == bool(hint)
    assert hint in "".join(middle)
