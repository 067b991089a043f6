"""`submitter.record`."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from submitter import record
from submitter.record import sha256_once


def test_a_file_is_hashed_once_also_under_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "performance.partial"
    folder.mkdir()
    (folder / "log").write_bytes(b"log")
    expected = hashlib.sha256(b"log").hexdigest()
    assert sha256_once(folder / "log") == expected
    moved = folder.rename(tmp_path / "performance")
    with monkeypatch.context() as patched:
        patched.delattr(record, "sha256_of")
        assert sha256_once(moved / "log") == expected


def test_a_file_that_was_edited_is_hashed_again(tmp_path: Path) -> None:
    """Also if its size and its time of change are as they were."""
    path = tmp_path / "log"
    path.write_bytes(b"VALID")
    before = path.stat()
    assert sha256_once(path) == hashlib.sha256(b"VALID").hexdigest()
    path.write_bytes(b"WRONG")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert sha256_once(path) == hashlib.sha256(b"WRONG").hexdigest()
