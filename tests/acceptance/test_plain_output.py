"""An output that cannot show a character: every command ends as it does elsewhere, and reports can be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from submission_tree import Tree

REPOSITORY = Path(__file__).resolve().parents[2]


def command(encoding: str, *arguments: str) -> tuple[int, str]:
    """The exit code, and what was written to stdout and stderr, in this encoding."""
    env = {**os.environ, "PYTHONIOENCODING": encoding, "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}
    words = [sys.executable, "-m", "submitter.cli", *arguments]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, timeout=60, check=False, env=env)
    text = (done.stdout + done.stderr).decode(encoding)
    assert "Traceback" not in text
    assert "internal error" not in text
    return done.returncode, text


@pytest.fixture
def odd_tree(tree: Tree) -> Path:
    """A submission with names in another alphabet and one that is not text, which is no error of the command."""
    (tree.submitter / "documentation/Größe-尺寸.md").write_text("text\n")
    (tree.submitter / "documentation" / os.fsdecode(b"\xff.md")).write_text("TODO(person): größer\n")
    return tree.root


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("format_name", ["text", "json", "sarif", "junit", "github", "csv", "markdown"])
def test_a_check_in_every_format(encoding: str, format_name: str, odd_tree: Path) -> None:
    code, text = command(encoding, "check", str(odd_tree), "--format", format_name)
    assert code == 1
    assert "DOC001" in text or format_name == "csv"  # which has results only
    if format_name == "text":
        assert ("✗" in text or "✓" in text) == (encoding == "utf-8")
        assert ("  + Offline" in text) == (encoding != "utf-8")
    if format_name in ("json", "sarif"):
        assert json.loads(text[text.index("{") : text.rindex("}") + 1])


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_the_other_commands(encoding: str, odd_tree: Path, tmp_path: Path) -> None:
    result = next(odd_tree.glob("closed/*/results/*/*/Server"))
    assert command(encoding, "explain", str(result))[0] in (0, 1)
    assert command(encoding, "score", str(odd_tree))[0] == 0
    for arguments in ((), ("PRF004",), ("--diff", "v6.0", "v6.1")):
        assert command(encoding, "rules", *arguments)[0] == 0
    assert command(encoding, "describe-system", "systems/cpu-demo.json")[0] == 0
    missing = str(tmp_path / "Größe-尺寸")
    for words in (
        ("plan", missing),
        ("run-all", missing),
        ("run", missing, "--scenario", "Offline"),
        ("tune", missing, "--scenario", "Server"),
        ("assemble", missing),
        ("templates", missing),
        ("quantize", missing),
        ("dataset", "verify", missing),
        ("dataset", "stats", missing),
        ("dataset", "convert", missing, str(tmp_path / "é.safetensors")),
    ):
        code, text = command(encoding, *words)
        assert code == 2
        assert "Gr\\u" in text or "Größe-\\u5c3a\\u5bf8" in text


def test_a_plan_of_a_campaign(campaign: object) -> None:
    assert command("ascii", "plan", str(campaign.file))[0] == 0  # type: ignore[attr-defined]
