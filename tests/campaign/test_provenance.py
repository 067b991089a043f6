"""What a record says of the run's software and machine."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

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


def test_a_record_of_version_1_is_read() -> None:
    fields = {name for name, field in RunRecord.model_fields.items() if not field.is_required()}
    assert {"version", "provenance"} <= fields
    assert Provenance() == Provenance(tokenizer_sha256="", campaign_sha256="", loadgen_sha256="", host={})
