"""What a record says of the run's software and machine."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

from submitter import system
from submitter.harness import loadgen
from submitter.harness.checkpoint import tokenizer_sha256
from submitter.record import Provenance, RunRecord

SHA256 = re.compile(r"[0-9a-f]{64}")


def test_the_tokenizer_s_hash_is_of_its_files_and_of_no_other(tmp_path: Path) -> None:
    assert tokenizer_sha256(tmp_path) == ""
    for name, text in (("tokenizer.json", "{}"), ("tokenizer_config.json", "{}"), ("config.json", "{}")):
        (tmp_path / name).write_text(text)
    before = tokenizer_sha256(tmp_path)
    assert SHA256.fullmatch(before)
    (tmp_path / "config.json").write_text('{"a": 1}')
    assert tokenizer_sha256(tmp_path) == before
    (tmp_path / "tokenizer_config.json").write_text('{"a": 1}')
    assert tokenizer_sha256(tmp_path) != before


def test_a_build_of_loadgen_has_a_hash() -> None:
    try:
        metadata.version(loadgen.DISTRIBUTION)
    except metadata.PackageNotFoundError:
        pytest.skip("LoadGen is not installed")
    assert SHA256.fullmatch(loadgen.build_sha256())


def _tool(rows: str) -> object:
    return lambda name, *_: rows if name == "nvidia-smi" else ""


def test_a_host_is_told_from_another_and_does_not_tell_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "NVIDIA H200, 570.124.06, GPU-0aa\nNVIDIA H200, 570.124.06, GPU-0bb\n"
    said = []
    for text in (rows, "\n".join(reversed(rows.splitlines())), rows.replace("GPU-0bb", "GPU-0cc")):
        monkeypatch.setattr(system, "_tool", _tool(text))
        system.identity.cache_clear()
        said.append(system.identity())
    system.identity.cache_clear()
    assert said[0] == said[1]
    assert (said[0]["accelerators"], said[0]["driver"]) == ("2x NVIDIA H200", "570.124.06")
    assert said[0]["machine"] != said[2]["machine"]
    assert SHA256.fullmatch(said[0]["machine"])
    assert "GPU-0aa" not in str(said)


def test_a_record_of_version_1_is_read() -> None:
    fields = {name for name, field in RunRecord.model_fields.items() if not field.is_required()}
    assert {"version", "provenance"} <= fields
    assert Provenance() == Provenance(tokenizer_sha256="", campaign_sha256="", loadgen_sha256="", host={})
