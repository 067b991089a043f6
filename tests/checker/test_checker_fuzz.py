"""Broken trees of every kind give findings: never an exception, never an internal error."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from submission_tree import BOOK, Tree, write_tree
from test_rules_provenance import write_manifest

from submitter.checker import check
from submitter.checker.reporters import json as json_report
from submitter.checker.reporters import text as text_report
from submitter.errors import InputError

MUTATIONS = 300

NASTY: list[Any] = [
    *[None, True, -1, 0, 1e308, float("nan"), float("inf"), 10**400, 2**63],
    *["", " ", "x" * 5000, "\ud800", "\x1b[31m", "../../etc/passwd", "VALID", "nan", "1e999"],
    *[[], {}, [[]], {"a": {}}, ["a"] * 50],
]


def _delete(path: Path, dice: random.Random) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _empty(path: Path, dice: random.Random) -> None:
    if path.is_file():
        path.write_bytes(b"")


def _truncate(path: Path, dice: random.Random) -> None:
    if path.is_file():
        data = path.read_bytes()
        path.write_bytes(data[: dice.randrange(len(data) + 1)])


def _garbage(path: Path, dice: random.Random) -> None:
    if path.is_file():
        path.write_bytes(dice.randbytes(dice.randrange(1, 4000)))


def _flip(path: Path, dice: random.Random) -> None:
    if path.is_file():
        data = bytearray(path.read_bytes() or b" ")
        for _ in range(dice.randrange(1, 20)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        path.write_bytes(data)


def _nest(path: Path, dice: random.Random) -> None:
    if path.is_file():
        depth = dice.choice([50, 900, 100_000])
        nested = "[" * depth + "]" * depth
        prefix = (
            ':::MLLOG {"key": "effective_scenario", "value": ' if path.name.endswith("detail.txt") else '{"status": '
        )
        path.write_text(prefix + nested + "}")


def _swap_for_folder(path: Path, dice: random.Random) -> None:
    _delete(path, dice)
    path.mkdir()


def _link(path: Path, dice: random.Random) -> None:
    _delete(path, dice)
    path.symlink_to(dice.choice(["/etc/passwd", "nowhere", ".", "..", "/"]))


def _fifo(path: Path, dice: random.Random) -> None:
    _delete(path, dice)
    os.mkfifo(path)


def _rename(path: Path, dice: random.Random) -> None:
    name = dice.choice(
        [path.name.upper(), path.name + " ", "\udcff" + path.name, "TEST99", "Offline", "run_1", "x" * 200]
    )
    if not path.with_name(name).exists():
        path.rename(path.with_name(name))


def _wrong_value(path: Path, dice: random.Random) -> None:
    value = dice.choice(NASTY)
    if path.name.endswith("detail.txt"):
        lines = path.read_text().splitlines()
        number = dice.randrange(len(lines))
        entry = json.loads(lines[number].removeprefix(":::MLLOG"))
        entry[dice.choice(["value", "value", "value", "key", "metadata"])] = value
        lines[number] = ":::MLLOG " + json.dumps(entry)
        path.write_text("\n".join(lines))
    elif path.suffix == ".json":
        content = json.loads(path.read_text())
        if isinstance(content, dict) and content:
            _put(content, value, dice)
            path.write_text(json.dumps(content))
    elif path.name == "accuracy.txt":
        path.write_text(path.read_text().replace("44.4495", str(value).encode("utf-8", "replace").decode()))


def _put(content: Any, value: Any, dice: random.Random) -> None:
    """Replace something at a random depth."""
    keys = list(content) if isinstance(content, dict) else list(range(len(content)))
    key = dice.choice(keys)
    if isinstance(content[key], (dict, list)) and content[key] and dice.random() < 0.7:
        _put(content[key], value, dice)
    else:
        content[key] = value


KINDS: list[Callable[[Path, random.Random], None]] = [
    *[_delete, _empty, _truncate, _garbage, _flip, _nest, _swap_for_folder, _link, _fifo, _rename],
    *[_wrong_value] * 4,
]


def _mutated(pristine: Path, root: Path, dice: random.Random) -> None:
    """A copy of `pristine` at `root` with one to three mutations."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(pristine, root)
    for _ in range(dice.choice([1, 1, 2, 3])):
        everything = sorted(path for path in root.rglob("*") if not path.is_symlink())
        try:
            dice.choice(KINDS)(dice.choice(everything), dice)
        except (OSError, ValueError, KeyError, TypeError, RecursionError, IndexError):
            continue  # an earlier mutation left nothing for this one


@pytest.mark.parametrize("division", ["closed", "open"])
def test_mutated_trees_give_findings(tmp_path: Path, division: str) -> None:
    pristine = tmp_path / "pristine"
    tree: Tree = write_tree(pristine, division)
    write_manifest(tree, smoke=division == "open")
    failed = 0
    for seed in range(MUTATIONS // 2):
        root = tmp_path / "mutated"
        _mutated(pristine, root, random.Random(seed))
        try:
            report = check(root, BOOK)
        except InputError:
            continue
        assert not report.crashed, (seed, [f.message for f in report.findings if f.rule.startswith("INT001")])
        assert report.exit_code in (0, 1)
        failed += report.exit_code
        text_report.render(report, colour=True).encode("utf-8")
        json.loads(json_report.render(report, colour=False))
    assert failed > MUTATIONS // 4


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
