"""An archive has the same bytes each time, and is whole or does not exist."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import time
from pathlib import Path

import pytest

from submitter.archive.writing import Member, write_archive
from submitter.errors import InputError, RunError

LONG = "a/" * 130 + "file.txt"


def member_of(path: Path, name: str) -> Member:
    content = path.read_bytes()
    return Member(name=name, content=path, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def two(folder: Path) -> list[Member]:
    folder.mkdir(parents=True)
    (folder / "log.txt").write_text("one\ntwo\n")
    return [Member.of_bytes("MANIFEST.json", b"{}\n"), member_of(folder / "log.txt", "closed/Acme/log.txt")]


def test_two_archives_of_the_same_files_are_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_archive(tmp_path / "first.tar.gz", two(tmp_path / "a"))
    members = two(tmp_path / "elsewhere" / "b")
    os.utime(tmp_path / "elsewhere" / "b" / "log.txt", (1, 1))
    (tmp_path / "elsewhere" / "b" / "log.txt").chmod(0o600)
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0)
    before = os.umask(0o077)
    try:
        second = write_archive(tmp_path / "elsewhere" / "second.tar.gz", members)
    finally:
        os.umask(before)
    assert (tmp_path / "first.tar.gz").read_bytes() == (tmp_path / "elsewhere" / "second.tar.gz").read_bytes()
    assert first == second == hashlib.sha256((tmp_path / "first.tar.gz").read_bytes()).hexdigest()


def test_a_member_has_no_owner_and_a_fixed_time_and_may_be_executed(tmp_path: Path) -> None:
    program = Member(
        name="run.sh", content=b"#!\n", size_bytes=3, sha256=hashlib.sha256(b"#!\n").hexdigest(), is_executable=True
    )
    write_archive(tmp_path / "x.tar.gz", [*two(tmp_path / "a"), program])
    with tarfile.open(tmp_path / "x.tar.gz") as tar:
        found = [(m.name, m.mode, m.uid, m.gid, m.uname, m.gname, m.mtime, m.type) for m in tar]
    fixed = (0, 0, "", "", 315_532_800, tarfile.REGTYPE)
    assert found == [
        ("MANIFEST.json", 0o644, *fixed),
        ("closed/Acme/log.txt", 0o644, *fixed),
        ("run.sh", 0o755, *fixed),
    ]
    header = (tmp_path / "x.tar.gz").read_bytes()[:10]
    assert header[3] == 0  # no name, no comment
    assert header[4:8] == b"\0\0\0\0"  # no time


def test_paths_that_ustar_cannot_hold(tmp_path: Path) -> None:
    members = [Member.of_bytes(name, b"x") for name in (LONG, "Größe.txt", "results_17:50:24.json")]
    write_archive(tmp_path / "x.tar.gz", members)
    with tarfile.open(tmp_path / "x.tar.gz") as tar:
        assert tar.getnames() == [LONG, "Größe.txt", "results_17:50:24.json"]
    with gzip.open(tmp_path / "x.tar.gz") as file:
        assert file.read(512)[156:157] == b"x"  # a pax header comes first


@pytest.mark.parametrize("change", ["one\nTWO\n", "one\n"], ids=["other bytes", "shorter"])
def test_a_file_that_changed_is_not_archived(tmp_path: Path, change: str) -> None:
    members = two(tmp_path / "a")
    (tmp_path / "a" / "log.txt").write_text(change)
    with pytest.raises(InputError, match=r"closed/Acme/log\.txt changed while it was packed"):
        write_archive(tmp_path / "x.tar.gz", members)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


def test_an_older_archive_stays_if_the_new_one_cannot_be_written(tmp_path: Path) -> None:
    write_archive(tmp_path / "x.tar.gz", two(tmp_path / "a"))
    old = (tmp_path / "x.tar.gz").read_bytes()
    (tmp_path / "a" / "log.txt").unlink()
    gone = Member(name="log.txt", content=tmp_path / "a" / "log.txt", size_bytes=8, sha256="")
    with pytest.raises(InputError, match=r"a/log\.txt: it does not exist"):
        write_archive(tmp_path / "x.tar.gz", [gone])
    assert (tmp_path / "x.tar.gz").read_bytes() == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "x.tar.gz"]


def test_a_full_disk_is_one_line_with_the_path(tmp_path: Path) -> None:
    """/dev/full is a disk that is full: the archive's temporary name leads there."""
    members = two(tmp_path / "a")
    (tmp_path / f".x.tar.gz.{os.getpid()}.tmp").symlink_to("/dev/full")
    with pytest.raises(RunError) as error:
        write_archive(tmp_path / "x.tar.gz", members)
    assert error.value.message == f"the disk is full at {tmp_path / 'x.tar.gz'}"
    assert "free some space" in error.value.hint
    assert not (tmp_path / "x.tar.gz").exists()


def test_progress_counts_the_bytes_of_the_files(tmp_path: Path) -> None:
    seen: list[int] = []
    write_archive(tmp_path / "x.tar.gz", two(tmp_path / "a"), seen.append)
    assert seen == [3, 8]
