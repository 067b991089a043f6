"""`submitter quantize` as a person meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
from tiny_checkpoints import write, write_quark


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "submitter.cli", "quantize", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_it_makes_a_checkpoint_and_says_what_it_is(tmp_path: Path) -> None:
    done = command(write(tmp_path / "bf16"), tmp_path / "fp8")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"{tmp_path / 'fp8'}: complete, every scale is there"
    assert "  weights      FP8 (e4m3), one scale per block of 128x128" in lines
    assert lines[-1].endswith("MB now")
    assert "calibration.md" in done.stderr
    assert json.loads((tmp_path / "fp8" / "config.json").read_text())["quantization_config"]["quant_method"] == "fp8"


def test_it_looks_at_what_quark_made(tmp_path: Path) -> None:
    done = command(write_quark(tmp_path / "quark"))
    assert done.returncode == 0, done.stderr
    assert "  method       quark" in done.stdout
    assert "  KV cache     fp8_e4m3, scales per tensor" in done.stdout


def test_wrong_input_is_one_line_and_a_remedy(tmp_path: Path) -> None:
    bf16 = write(tmp_path / "bf16")
    for arguments, words in (
        ((bf16, tmp_path / "x", "--scheme", "fp9"), "unknown scheme 'fp9'"),
        ((bf16, tmp_path / "x", "--scheme", "fp8-static"), "needs calibration samples"),
        ((bf16,), "is not quantised"),
        ((tmp_path / "nowhere", tmp_path / "x"), "there is no checkpoint folder"),
    ):
        done = command(*arguments)
        assert done.returncode == 2
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 2
    assert not (tmp_path / "x").exists()
