"""Every command with every kind of path that cannot be what it needs: exit code 2, and a line that says why.

In this process, so that it is quick; an alarm ends a command that waits for a pipe.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from echo_campaign import Campaign

from submitter.cli import main

_LIMIT_S = 20


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.symlink_to(path.with_name("other"))
    path.with_name("other").symlink_to(path)


# Each makes something at a path, or returns another path.
HOSTILE: dict[str, Callable[[Path], Path | None]] = {
    "nothing": lambda path: None,
    "an empty file": lambda path: path.touch(),
    "blanks": lambda path: path.write_text(" \n\n") and None,
    "an empty folder": lambda path: path.mkdir(),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 20) and None,
    "zeros": lambda path: path.write_bytes(bytes(4096)) and None,
    "a pipe": _fifo,
    "a circle of links": _loop,
    "a link to nothing": lambda path: path.symlink_to(path.with_name("nowhere")),
    "a byte order mark": lambda path: path.write_bytes(b"\xef\xbb\xbfhello") and None,
    "UTF-16": lambda path: path.write_text('round = "v6.1"\n', "utf-16") and None,
    "a JSON list": lambda path: path.write_text("[1, 2]") and None,
    "JSON of another kind": lambda path: path.write_text('{"round": "v6.1"}') and None,
    "TOML of another kind": lambda path: path.write_text('colour = "red"\n') and None,
    "nested too deeply": lambda path: path.write_text("a = " + "[" * 50_000) and None,
    "a file as a folder": lambda path: (path.touch(), path / "inside")[1],
    "a name that is too long": lambda path: path.with_name("n" * 300),
    "a path that is too long": lambda path: path.joinpath(*["d" * 200] * 30),
    "a name that is not text": lambda path: path.with_name(os.fsdecode(b"\xff\xfe")),
    "a name with a line break": lambda path: path.with_name("a\nsubmitter: all is well"),
    "a device": lambda path: Path("/dev/null"),
}
COMMANDS = {
    "plan": ("plan", "PATH"),
    "run-all": ("run-all", "PATH"),
    "run": ("run", "PATH", "--scenario", "Offline"),
    "tune": ("tune", "PATH", "--scenario", "Server"),
    "score": ("score", "PATH"),
    "assemble": ("assemble", "PATH"),
    "templates": ("templates", "PATH"),
    "check": ("check", "PATH"),
    "explain": ("explain", "PATH"),
    "describe-system": ("describe-system", "PATH"),
    "quantize": ("quantize", "PATH"),
    "quantize to a target": ("quantize", "PATH", "TARGET"),
    "dataset verify": ("dataset", "verify", "PATH"),
    "dataset stats": ("dataset", "stats", "PATH"),
    "dataset convert": ("dataset", "convert", "PATH", "TARGET.safetensors"),
}


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs the command line in this process."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"it did not end in {_LIMIT_S} s")

    def call(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["submitter", *arguments])
        signal.alarm(_LIMIT_S)
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            signal.alarm(0)
        printed = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, printed.out, printed.err)

    before = {kind: signal.getsignal(kind) for kind in (signal.SIGALRM, signal.SIGTERM)}
    signal.signal(signal.SIGALRM, ring)
    yield call
    for kind, handler in before.items():
        signal.signal(kind, handler)


def refused_in_words(done: Done) -> None:
    """Exit code 2, and only lines of ours: a problem each, with a hint below it at most."""
    assert done.code == 2, done.out + done.err
    problems = [line for line in done.err.splitlines() if line.startswith("submitter: ")]
    others = [line for line in done.err.splitlines() if not line.startswith(("submitter: ", "  "))]
    assert problems
    assert not others
    assert len(done.err.splitlines()) <= 2 * len(problems)
    in_words(done.err)


def in_words(text: str) -> None:
    for words in (
        r"\[Errno",
        r"\berrno\b",
        r"\(-\d+\)",
        "Traceback",
        "internal error",
        r"\w+Error\b",
        "NoneType",
        "did not end in",
        r"Input should be",
        r"\^\[",
    ):
        assert not re.search(words, text), text


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_hostile_path_is_refused_in_words(command: str, kind: str, tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = HOSTILE[kind](folder / "thing") or folder / "thing"
    names = {
        "PATH": str(path),
        "TARGET": str(tmp_path / "target"),
        "TARGET.safetensors": str(tmp_path / "t.safetensors"),
    }
    refused_in_words(run(*(names.get(word, word) for word in COMMANDS[command])))
    assert list(tmp_path.iterdir()) == [folder]


# Each in the place of something that a campaign names.
KEYS = {
    "system.description": "system.json",
    "model": "model",
    "dataset": "data",
    "measurements": "measurements",
    "engine.toml": "measurements/Offline/engine.toml",
    "user.conf": "measurements/Offline/user.conf",
    "config.json": "model/config.json",
    "weights": "model/model.safetensors",
}


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if not kind.startswith(("a name", "a path", "a device"))])
@pytest.mark.parametrize("key", KEYS)
def test_a_campaign_with_a_hostile_file_is_refused_in_words(key: str, kind: str, campaign: Campaign, run: Run) -> None:
    place = campaign.folder / KEYS[key]
    place.rename(campaign.folder / "away")
    HOSTILE[kind](place)
    done = run("plan", str(campaign.file))
    in_words(done.out + done.err)
    if key == "system.description":  # a document, which blocks no run
        assert re.search(rf"^preflight due +{place.parent}", done.err, re.MULTILINE), done.err
    # A model without any facts is not wrong in the open division.
    elif (key, kind) != ("config.json", "JSON of another kind"):
        assert done.code == 2, done.out + done.err


@pytest.mark.parametrize("kind", ["an empty file", "a pipe", "a circle of links", "a file as a folder"])
@pytest.mark.parametrize("command", ["run-all", "assemble", "plan"])
def test_an_output_that_cannot_be_a_folder(command: str, kind: str, campaign: Campaign, run: Run) -> None:
    output = campaign.folder / "result"
    path = HOSTILE[kind](output) or output
    campaign.edit(campaign.file, 'output = "out"', f"output = {json.dumps(str(path))}")
    done = run(command, str(campaign.file))
    assert done.code == 2, done.out + done.err
    in_words(done.out + done.err)
    assert str(output) in done.err


@pytest.mark.parametrize("text", ["", "a\\u0000b"])
@pytest.mark.parametrize("key", ["output", "model", "dataset", "measurements", "description"])
def test_a_path_that_is_no_path(key: str, text: str, campaign: Campaign, run: Run) -> None:
    content = campaign.file.read_text()
    campaign.file.write_text(re.sub(rf'^{key} = ".*"$', lambda _: f'{key} = "{text}"', content, flags=re.MULTILINE))
    done = run("plan", str(campaign.file))
    refused_in_words(done)
    assert key in done.err
    assert "a path must not" in done.err


@pytest.mark.parametrize(
    "kind", ["an empty folder", "a circle of links", "a file as a folder", "a name that is too long"]
)
def test_an_output_file_that_cannot_be_written(kind: str, tmp_path: Path, run: Run, tree: object) -> None:
    path = HOSTILE[kind](tmp_path / "report") or tmp_path / "report"
    done = run("check", str(tmp_path / "submission"), "--output", str(path))
    if kind != "a circle of links":  # it is replaced
        assert done.code == 2
    in_words(done.err)
    description = Path(__file__).resolve().parents[2] / "systems/cpu-demo.json"
    done = run("describe-system", str(description), "--output", str(path))
    in_words(done.err)
    if kind != "a circle of links":
        refused_in_words(done)
