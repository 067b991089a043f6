"""The settings file of `submitter check`: where it is looked for, what it may have, and what wins over it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from submission_tree import write_tree

from submitter.cli.settings import CheckSettings, read_settings

REPOSITORY = Path(__file__).resolve().parents[2]
SELECTORS = 'a list of rules or beginnings of their ids, such as ["PRF", "ACC002"]'
WAIVED = """
[check]
round = "v6.1"
[check.waive]
MEA002 = "it follows tomorrow"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that holds a tree with one error, MEA002, and nothing else."""
    folder = tmp_path / "project"
    tree = write_tree(folder / "tree")
    (tree.root / "closed/Acme/results/2xH200/llama2-70b-99.9/Offline/user.conf").unlink()
    monkeypatch.chdir(folder)
    return folder


def report(submitter: Any, *arguments: str) -> tuple[int, dict[str, Any], str]:
    done = submitter("check", "tree", "--format", "json", *arguments)
    return done.code, json.loads(done.out), done.err


def errors(document: dict[str, Any]) -> set[str]:
    return {finding["rule"] for finding in document["findings"] if finding["severity"] == "error"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("submitter.toml", WAIVED),
        ("pyproject.toml", '[project]\nname = "x"\n' + WAIVED.replace("[check", "[tool.submitter.check")),
    ],
)
def test_the_working_folders_file_applies_and_is_named(submitter: Any, project: Path, name: str, text: str) -> None:
    assert report(submitter)[0] == 1
    (project / name).write_text(text)
    code, document, told = report(submitter)
    assert code == 0
    assert {entry["rule"]: entry["why"] for entry in document["waived"]} == {"MEA002": "it follows tomorrow"}
    assert told == f"{name} sets round, waive (--no-config leaves it out)\n"
    code, document, told = report(submitter, "--no-config")
    assert (code, document["waived"]) == (1, [])
    assert name not in told


def test_a_checked_tree_never_configures_its_own_check(submitter: Any, project: Path) -> None:
    for folder in ("tree", "tree/closed", "tree/closed/Acme"):
        for name in ("submitter.toml", "pyproject.toml"):
            (project / folder / name).write_text(WAIVED + WAIVED.replace("[check", "[tool.submitter.check"))
    code, document, told = report(submitter)
    assert (code, document["waived"]) == (1, [])
    assert ".toml" not in told


def test_it_is_found_above_within_a_git_repository_only(
    submitter: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.parent / "submitter.toml").write_text(WAIVED)
    assert report(submitter)[0] == 1
    (project / ".git").mkdir()
    assert report(submitter)[0] == 1, "above the repository"
    (project / ".git").rename(project.parent / ".git")
    code, _, told = report(submitter)
    assert (code, told.split()[0]) == (0, "../submitter.toml")
    (project / "submitter.toml").write_text('[check]\nround = "v6.1"\n')
    assert report(submitter)[0] == 1, "the nearest one alone applies"
    (project / "submitter.toml").unlink()
    (project / "pyproject.toml").write_text("[tool.ruff]\n")
    assert report(submitter)[0] == 0, "one without our table is passed over"
    monkeypatch.chdir(project / "tree")
    assert submitter("check", ".").err.startswith("../../submitter.toml sets")


def test_a_file_can_be_named(submitter: Any, project: Path) -> None:
    (project / "submitter.toml").write_text('[check]\nfail-on = "never"\n')
    other = project / "strict.toml"
    other.write_text('[check]\nfail-on = "note"\nselect = ["MEA"]\n')
    code, document, told = report(submitter, "--config", str(other))
    assert code == 1
    assert told.startswith(f"{other} sets select, fail-on (")
    assert errors(document) == {"MEA002"}


def test_the_command_line_wins(submitter: Any, project: Path) -> None:
    (project / "submitter.toml").write_text(
        '[check]\nround = "v6.0"\nprofile = "official"\nselect = ["PRF"]\nignore = ["MEA"]\nfail-on = "never"\n'
        '[check.waive]\nMEA002 = "file"\n'
    )
    code, document, _ = report(submitter)
    assert (code, document["round"], document["profile"]) == (0, "v6.0", "official")
    rules = document["summary"]["rules"]
    code, document, _ = report(
        submitter,
        *("--round", "v6.1", "--profile", "full", "--select", "MEA", "--ignore", "PRF", "--fail-on", "note"),
        *("--waive", "MEA001=line"),
    )
    assert (code, document["round"], document["profile"]) == (1, "v6.1", "full")
    assert errors(document) == {"MEA002"}
    assert 0 < document["summary"]["rules"] < rules
    assert document["waived"] == [], "the file's waivers are replaced, not added to"


def test_everything_that_is_wrong_is_reported_at_once(submitter: Any, project: Path) -> None:
    (project / "submitter.toml").write_text(
        '[check]\nround = "v6.2"\nprofile = 3\nselect = ["PRF", "QQQQ"]\nignore = "PRF"\nfail-on = "eror"\n'
        'fail_on = "note"\nselct = []\n[check.waive]\nMEA02 = "x"\nMEA004 = " "\nMEA002 = true\n[chekc]\n'
    )
    done = submitter("check", "tree")
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    where = "submitter: submitter.toml [check]: "
    assert lines[:2] == [
        "submitter: submitter.toml: 'chekc' is not a table of a settings file",
        "  the settings are in the table [check]; --no-config leaves the file out",
    ]
    lines = lines[2:]
    assert all(line.startswith((where, "  ")) for line in lines)
    told = {line.removeprefix(where): hint.strip() for line, hint in zip(lines[::2], lines[1::2], strict=True)}
    assert told == {
        "unknown round 'v6.2'": "did you mean 'v6.1'?",
        "'profile' must be full or official": "see docs/ci.md",
        "there is no rule 'QQQQ'": "`submitter rules` lists all",
        f"'ignore' must be {SELECTORS}": "see docs/ci.md",
        "unknown severity 'eror'": "did you mean 'error'?",
        "unknown key 'fail_on'": "did you mean 'fail-on'?",
        "unknown key 'selct'": "did you mean 'select'?",
        "unknown rule 'MEA02'": "did you mean 'MEA002'?",
        "the waiver of MEA004 has no reason": 'write MEA004 = "the reason"',
        "the waiver of MEA002 has no reason": 'write MEA002 = "the reason"',
    }


@pytest.mark.parametrize(
    ("text", "told", "hint"),
    [
        ("round = [", "submitter.toml is not a TOML file", "--no-config"),
        ('round = "v6.1"\n', "'round' is not a table of a settings file", "the table [check]"),
        ("[chekc]\n", "'chekc' is not a table of a settings file", "the table [check]"),
        ("a = " + "[" * 2000, "submitter.toml is not a TOML file: it is nested too deeply", "--no-config"),
        ("check = 3\n", "submitter.toml [check]: it is not a table", "docs/ci.md"),
    ],
)
def test_a_file_that_is_none_is_not_passed_over(submitter: Any, project: Path, text: str, told: str, hint: str) -> None:
    (project / "submitter.toml").write_text(text)
    done = submitter("check", "tree")
    assert done.code == 2
    first, second = done.err.splitlines()
    assert told in first
    assert hint in second


@pytest.mark.parametrize("text", ["[tool.submitter]\nchekc = 1\n", "[tool]\nsubmitter = 3\n"])
def test_our_table_of_pyproject_is_not_passed_over(submitter: Any, project: Path, text: str) -> None:
    (project / "pyproject.toml").write_text(text)
    done = submitter("check", "tree")
    assert done.code == 2
    assert "the table [tool.submitter.check]" in done.err


def test_a_named_file_must_have_settings(submitter: Any, project: Path) -> None:
    done = submitter("check", "tree", "--config", "none.toml")
    assert (done.code, "there is no settings file none.toml" in done.err) == (2, True)
    (project / "empty.toml").write_text("")
    done = submitter("check", "tree", "--config", "empty.toml")
    assert (done.code, "empty.toml has no settings for the check" in done.err) == (2, True)
    done = submitter("check", "tree", "--config", "empty.toml", "--no-config")
    assert (done.code, "contradict" in done.err) == (2, True)


def test_the_documented_file_is_valid(tmp_path: Path) -> None:
    documented = (REPOSITORY / "docs/ci.md").read_text("utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", documented, re.S)
    file = tmp_path / "submitter.toml"
    file.write_text(text)
    settings = read_settings(file)
    assert settings.names == [str(field.alias) for field in CheckSettings.model_fields.values()], "every key is shown"
    assert settings.waive == {"MEA004": "rerun at a lower rate, see issue 12"}


def test_looking_for_settings_loads_nothing_heavy(project: Path) -> None:
    """pydantic, which validates them, is loaded already: typer parses options with it."""
    code = (
        "import sys\n"
        "sys.argv = ['submitter', 'check', 'tree', '--select', 'XYZ', *sys.argv[1:]]\n"
        "from submitter.cli import app\n"
        "try: app(standalone_mode=False)\n"
        "except Exception as error: assert 'XYZ' in str(error)\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=project)
    loaded = set(done.stdout.split())
    assert "submitter.cli.settings" in loaded
    assert not loaded & {"rich", "yaml", "numpy", "jsonschema", "psutil"}
