"""Broken trees of every kind give findings: never an exception, never an internal error.

`fixtures/published.tar.xz` holds small results of three published rounds (mlcommons/inference_results_v4.1, v5.1 and
v6.0, Apache-2.0; of the code only names), `submission_tree` writes one of v6.1. `make fuzz` asks for more mutations.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from manifest_tree import write_manifest
from mutations import Unfit, mutations, write
from submission_tree import Tree, write_tree

from submitter import plugins
from submitter.checker import check
from submitter.errors import InputError
from submitter.rulebook import load_rulebook

MUTATIONS = int(os.environ.get("SUBMITTER_FUZZ", "2100"))
COMMANDS = 14
PUBLISHED = Path(__file__).resolve().parents[1] / "fixtures/published.tar.xz"
REPORTERS = plugins.names("submitter.checker.reporters")

NASTY: list[Any] = [
    *[None, True, -1, 0, 1e308, float("nan"), float("inf"), 10**400, 2**63],
    *["", " ", "x" * 5000, "\ud800", "\x1b[31m", "../../etc/passwd", "VALID", "nan", "1e999"],
    *[[], {}, [[]], {"a": {}}, ["a"] * 50],
]


def _anything(root: Path, dice: random.Random) -> Path:
    return dice.choice(sorted(path for path in root.rglob("*") if not path.is_symlink()))


def _file(root: Path, dice: random.Random) -> Path:
    path = _anything(root, dice)
    if not path.is_file():
        raise Unfit
    return path


def _flip(root: Path, dice: random.Random) -> str:
    path = _file(root, dice)
    data = bytearray(path.read_bytes() or b" ")
    for _ in range(dice.randrange(1, 20)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    write(path, bytes(data))
    return f"flipped bytes of {path}"


def _nest(root: Path, dice: random.Random) -> str:
    path = _file(root, dice)
    depth = dice.choice([50, 900, 100_000])
    key = "effective_scenario" if path.name.endswith("detail.txt") else "status"
    start = f':::MLLOG {{"key": "{key}", "value": ' if path.name.endswith("detail.txt") else f'{{"{key}": '
    write(path, start + "[" * depth + "]" * depth + "}")
    return f"nested {path} {depth} deep"


def _link(root: Path, dice: random.Random) -> str:
    path = _anything(root, dice)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.symlink_to(dice.choice(["/etc/passwd", "nowhere", ".", "..", "/"]))
    return f"link for {path}"


def _fifo(root: Path, dice: random.Random) -> str:
    path = _file(root, dice)
    path.unlink()
    os.mkfifo(path)
    return f"pipe for {path}"


def _odd_name(root: Path, dice: random.Random) -> str:
    path = _anything(root, dice)
    name = dice.choice([path.name + " ", "\udcff" + path.name, "\n", "x" * 200, "TEST99", "Offline", "run_1"])
    if path.with_name(name).exists():
        raise Unfit
    path.rename(path.with_name(name))
    return f"renamed {path} to {name!r}"


def _nasty_value(root: Path, dice: random.Random) -> str:
    """A value that no one writes, somewhere in a log or in JSON."""
    path = _file(root, dice)
    value = dice.choice(NASTY)
    if path.name.endswith("detail.txt"):
        lines = path.read_text().splitlines()
        number = dice.randrange(len(lines))
        entry = json.loads(lines[number].removeprefix(":::MLLOG"))
        entry[dice.choice(["value", "value", "value", "key", "metadata"])] = value
        lines[number] = ":::MLLOG " + json.dumps(entry)
        write(path, "\n".join(lines))
    elif path.suffix == ".json":
        content = json.loads(path.read_text())
        _put(content, value, dice)
        write(path, json.dumps(content))
    else:
        words = path.read_text().split(" ")
        words[dice.randrange(len(words))] = str(value)
        write(path, " ".join(words))
    return f"{str(value)[:20]!r} in {path}"


def _put(content: Any, value: Any, dice: random.Random) -> None:
    """Replace something at a random depth."""
    keys = list(content) if isinstance(content, dict) else list(range(len(content)))
    key = dice.choice(keys)
    if isinstance(content[key], (dict, list)) and content[key] and dice.random() < 0.7:
        _put(content[key], value, dice)
    else:
        content[key] = value


HOSTILE: list[Callable[[Path, random.Random], str]] = [
    *[_flip, _flip, _nest, _link, _fifo, _odd_name],
    *[_nasty_value] * 6,
]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, str]]:
    """Whole trees, each with the round that judges it."""
    root = tmp_path_factory.mktemp("published")
    with tarfile.open(PUBLISHED) as tar:
        tar.extractall(root, filter="data")
    trees = [(path, path.name.partition("-")[0]) for path in sorted(root.iterdir())]
    for division in ("closed", "open"):
        tree: Tree = write_tree(root / f"v6.1-{division}", division)
        write_manifest(tree, smoke=division == "open")
        trees.append((tree.root, "v6.1"))
    return trees


def _mutated(pristine: Path, root: Path, round_name: str, dice: random.Random) -> list[str]:
    """A copy of `pristine` at `root`, its files linked, with one to three mutations; says which."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(pristine, root, copy_function=os.link)
    submitter = next(path for path in root.glob("*/*") if path.is_dir())
    kinds = mutations(sorted(load_rulebook(round_name).benchmarks))
    done: list[str] = []
    wanted = dice.choice([1, 1, 2, 3])
    for _ in range(20):
        if len(done) == wanted:
            break
        if dice.random() < 0.4:
            mutate = dice.choice(HOSTILE)
        else:
            mutate = dice.choices([kind for _, kind in kinds.values()], [weight for weight, _ in kinds.values()])[0]
        try:
            done.append(mutate(submitter, dice))
        except (Unfit, OSError, ValueError, KeyError, TypeError, RecursionError, IndexError):
            continue  # an earlier mutation left nothing for this one
    return done


def test_mutated_trees_give_findings(
    tmp_path: Path, pristine: list[tuple[Path, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    codes: Counter[int] = Counter()
    root = tmp_path / "mutated"
    for seed in range(MUTATIONS):
        dice = random.Random(seed)
        whole, round_name = pristine[seed % len(pristine)]
        done = _mutated(whole, root, round_name, dice)
        profile = dice.choice(["full", "full", "official"])
        try:
            report = check(root, load_rulebook(round_name), profile=profile, jobs=1)
        except InputError:
            codes[2] += 1
            continue
        crashes = [finding.message for finding in report.findings if finding.rule == "INT001"]
        assert not report.crashed, (seed, whole.name, done, crashes)
        codes[report.exit_code] += 1
        reporter = plugins.load("submitter.checker.reporters", REPORTERS[seed % len(REPORTERS)], "format")
        reporter.render(report, colour=False).encode("utf-8")
    with capsys.disabled():
        print(f"\n{sum(codes.values())} mutated trees, exit codes {dict(sorted(codes.items()))}, none else")
    assert set(codes) <= {0, 1, 2}
    assert codes[1] > MUTATIONS // 3


@pytest.mark.parametrize("seed", range(COMMANDS))
def test_the_command_ends_well(tmp_path: Path, pristine: list[tuple[Path, str]], seed: int) -> None:
    whole, round_name = pristine[seed % len(pristine)]
    done = _mutated(whole, tmp_path / "mutated", round_name, random.Random(f"command {seed}"))
    form = REPORTERS[seed % len(REPORTERS)]
    command = [sys.executable, "-m", "submitter.cli", "check", str(tmp_path / "mutated"), "--format", form]
    ended = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert ended.returncode in (0, 1, 2), (done, ended.stderr)
    assert b"Traceback" not in ended.stderr, done


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("performance/run_1/mlperf_log_detail.txt", b":::MLLOG {}\n" + b"\n" * 20_000_000),
        ("performance/run_1/mlperf_log_detail.txt", b":::MLLOG " + b"{" * 1_000_000),
        ("accuracy/accuracy.txt", b"'rouge1': 1\n" * 170_000),
        ("accuracy/accuracy.txt", b"'rouge1': " * 200_000),
        ("user.conf", b"a.a." * 500_000),
        ("measurements.json", b'{"retraining": ' + b"[" * 1_000_000 + b"]" * 999_999),
        ("TEST06/accuracy/mlperf_log_accuracy.json", b"[\n" + b'{ "seq_id" : 0, "qsl_idx" : ' * 500_000),
    ],
)
def test_a_hostile_file_costs_seconds(tree: Tree, name: str, content: bytes) -> None:
    (tree.result() / name).write_bytes(content)
    started_s = time.monotonic()
    report = tree.check()
    assert not report.crashed
    assert time.monotonic() - started_s < 30


def test_a_sparse_giant_is_not_read(tree: Tree) -> None:
    with tree.performance_log().open("wb") as file:
        file.truncate(1 << 40)
    (finding,) = tree.found("STR002")
    assert "too large" in finding.message
