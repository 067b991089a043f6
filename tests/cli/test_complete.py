"""Completion, as bash asks for it: the script is sourced in a real bash, which calls its function."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from submitter import plugins
from submitter.checker.registry import all_rules
from submitter.rulebook import round_names

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """With a `submitter` in PATH, as after an installation, and a home of its own."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "submitter"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m submitter.cli "$@"\n')
    script.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY), "HOME": str(folder)}


def completed(line: str, environment: dict[str, str]) -> list[str]:
    """What bash offers when Tab is pressed at the end of `line`."""
    words = line.split(" ")
    script = f"""
        source <(_SUBMITTER_COMPLETE=source_bash submitter)
        COMP_WORDS=({" ".join(shlex.quote(word) for word in words)})
        COMP_CWORD={len(words) - 1}
        _submitter_completion submitter
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    bash = shutil.which("bash")
    assert bash
    done = subprocess.run(
        [bash, "--norc", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("submitter che", ["check"]),
        ("submitter run", ["run-all", "run", "runs"]),
        ("submitter dataset ", ["verify", "convert", "stats"]),
        ("submitter check --fo", ["--format"]),
        ("submitter run x.toml --scenario S", ["Server", "SingleStream"]),
        ("submitter check --round ", round_names()),
        ("submitter check . --format ", plugins.names("submitter.checker.reporters")),
        ("submitter check . --profile ", ["full", "official"]),
        ("submitter check . --fail-on n", ["note", "never"]),
        ("submitter check . --select PR", ["PRF", "PRV"]),
        ("submitter check . --waive PRF00", [r.id for r in all_rules() if r.id.startswith("PRF00")]),
        ("submitter rules SYS", [r.id for r in all_rules() if r.id.startswith("SYS")]),
        ("submitter rules --diff v5", ["v5.0", "v5.1"]),
        ("submitter explain . --format ", ["text", "json"]),
        ("submitter doctor run", ["run", "run-all", "run-with-endpoint", "runs"]),
        ("submitter init --round v6", ["v6.0", "v6.1"]),
        ("submitter init --system-id 8xM", ["8xMI300X"]),
        ("submitter init --benchmark llama3", ["llama3.1-8b"]),
        ("submitter check ", []),  # bash then offers files
    ],
)
def test_bash_completes(environment: dict[str, str], line: str, expected: list[str]) -> None:
    offered = completed(line, environment)
    if "--select" in line:
        offered = [word for word in offered if len(word) == 3]
    assert sorted(offered) == sorted(expected)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script(environment: dict[str, str], shell: str) -> None:
    environment = {**environment, "_SUBMITTER_COMPLETE": f"source_{shell}"}
    done = subprocess.run(["submitter"], env=environment, capture_output=True, text=True, check=True)
    assert f"_SUBMITTER_COMPLETE=complete_{shell}" in done.stdout


def test_it_is_installed_for_the_shell_that_runs_it(environment: dict[str, str]) -> None:
    command = ["bash", "--norc", "-c", "submitter --install-completion; exit $?"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert "bash completion installed" in done.stdout
    home = Path(environment["HOME"])
    (script,) = (home / ".bash_completions").iterdir()
    assert str(script) in (home / ".bashrc").read_text()
