"""Archives from strangers: what is good arrives whole, what is not leaves nothing, and nothing is written elsewhere."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import random
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_archives import (
    CASES,
    PAGE,
    Hostile,
    link,
    member,
    page_with,
    refusal,
    sealed,
    special,
    table,
    tar_bytes,
    zip_bytes,
)

from submitter.archive import extraction
from submitter.archive.extraction import Extracted, extract, is_archive
from submitter.archive.limits import Limits
from submitter.errors import InputError, RunError, SubmitterError

GOOD = tar_bytes(
    member("./", b"", type=tarfile.DIRTYPE),
    member("closed/Acme/run.sh", b"#!/bin/sh\n", mode=0o4755),
    member("closed/Acme/" + "long/" * 40 + "é.json", b"{}"),
    link("closed/Acme/code", "long/long"),
    member("closed/Acme/log", bytes(range(256)) * 700),
    member("closed/Acme/empty", b"", type=tarfile.DIRTYPE),
)
GOOD_FILES = {
    "closed/Acme/run.sh": b"#!/bin/sh\n",
    "closed/Acme/" + "long/" * 40 + "é.json": b"{}",
    "closed/Acme/log": bytes(range(256)) * 700,
}


def everything(folder: Path) -> dict[str, bytes | str | None]:
    """Every path below a folder: a file's content, a link's target, None for a folder."""
    found: dict[str, bytes | str | None] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        found[name] = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return found


@pytest.mark.parametrize(
    "packed",
    [
        bytes,
        gzip.compress,
        bz2.compress,
        lzma.compress,
        lambda content: gzip.compress(content[:999]) + gzip.compress(content[999:]),
    ],
    ids=["tar", "gzip", "bzip2", "xz", "two gzip streams"],
)
def test_a_good_archive_arrives_whole(tmp_path: Path, packed: Callable[[bytes], bytes]) -> None:
    (tmp_path / "good").write_bytes(packed(GOOD))
    assert is_archive(tmp_path / "good")
    extracted = extract(tmp_path / "good", tmp_path / "target")
    size = sum(map(len, GOOD_FILES.values()))
    assert extracted == Extracted(files=3, folders=43, links=1, size_bytes=size)
    found = everything(tmp_path / "target")
    assert {name: content for name, content in found.items() if isinstance(content, bytes)} == GOOD_FILES
    assert found["closed/Acme/code"] == "long/long"
    assert found["closed/Acme/empty"] is None
    assert sorted(os.listdir(tmp_path)) == ["good", "target"]


def test_a_good_zip_and_an_encrypted_archive_arrive_whole(tmp_path: Path) -> None:
    content = zip_bytes(*GOOD_FILES.items(), ("closed/empty/", b""), (special("code", stat.S_IFLNK | 0o777), b"closed"))
    (tmp_path / "good").write_bytes(content)
    assert extract(tmp_path / "good", tmp_path / "target").files == 3
    assert everything(tmp_path / "target")["code"] == "closed"
    sealed(content)(tmp_path / "good.age")
    assert is_archive(tmp_path / "good.age")
    extract(tmp_path / "good.age", tmp_path / "again", identity=tmp_path / "key.txt")
    assert everything(tmp_path / "again") == everything(tmp_path / "target")


def test_of_the_permissions_only_execution_is_kept(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(GOOD)
    before = os.umask(0o027)
    try:
        extract(tmp_path / "good", tmp_path / "target")
    finally:
        os.umask(before)
    modes = {name: stat.S_IMODE((tmp_path / "target" / name).lstat().st_mode) for name in (".", *GOOD_FILES)}
    assert modes.pop(".") == 0o750
    assert modes.pop("closed/Acme/run.sh") == 0o750
    assert set(modes.values()) == {0o640}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_hostile_archive_is_refused_in_one_line_and_leaves_nothing(tmp_path: Path, case: Hostile) -> None:
    inside = tmp_path / "a" / "b"  # room for what would climb out
    inside.mkdir(parents=True)
    refused = refusal(case, inside)
    assert isinstance(refused, InputError)
    assert case.says in refused.message
    assert refused.message.isprintable()
    assert refused.hint
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert left <= {"a", "a/b", "a/b/archive", "a/b/key.txt"}


def test_the_table_of_the_page_is_what_is_said() -> None:
    assert len(CASES) >= 30
    assert PAGE.read_text("utf-8") == page_with(table()), "PYTHONPATH=tests/helpers:. python -m hostile_archives"


def test_what_is_large_and_trusted_passes_with_higher_limits(tmp_path: Path) -> None:
    zeros = 101_000_000
    with lzma.open(tmp_path / "zeros", "wb", preset=0) as packed:
        packed.write(tar_bytes(member("a", b"", size=zeros))[:512] + bytes(-(-zeros // 512) * 512 + 1024))
    with pytest.raises(InputError, match="more than 300 times its size") as refused:
        extract(tmp_path / "zeros", tmp_path / "target")
    assert "--max-gb" in refused.value.hint
    extract(tmp_path / "zeros", tmp_path / "target", Limits(ratio=None))
    assert (tmp_path / "target" / "a").stat().st_size == zeros


def test_a_content_that_is_longer_than_its_header_says_is_bounded_too(tmp_path: Path) -> None:
    """Not the header alone counts: what is read is counted as well, such as zeros after the end."""
    with gzip.open(tmp_path / "long", "wb", compresslevel=1) as packed:
        packed.write(tar_bytes(member("a")) + bytes(101_000_000))
    with pytest.raises(InputError, match="a member's headers are larger"):
        extract(tmp_path / "long", tmp_path / "target")


@pytest.mark.parametrize(
    ("archive", "target", "says"),
    [
        ("missing", "target", "missing does not exist"),
        ("folder", "target", "folder is not a file"),
        ("good", "folder", "folder exists already"),
        ("good", "dangling", "dangling exists already"),
        ("good", "nowhere/target", "there is no folder"),
        ("good.txt", "target", "it is not an archive"),
    ],
)
def test_wrong_paths_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: str, target: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good").write_bytes(GOOD)
    Path("good.txt").write_text("text")
    Path("folder").mkdir()
    Path("dangling").symlink_to("elsewhere")
    with pytest.raises(InputError, match=says):
        extract(Path(archive), Path(target))
    assert sorted(os.listdir()) == ["dangling", "folder", "good", "good.txt"]
    assert not is_archive(Path("folder"))
    assert not is_archive(Path("good.txt"))
    assert not is_archive(Path("missing"))


def test_a_key_for_what_is_not_encrypted_is_refused(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(GOOD)
    with pytest.raises(InputError, match="good is not encrypted with age"):
        extract(tmp_path / "good", tmp_path / "target", identity=tmp_path / "key")


@pytest.mark.slow
@pytest.mark.skipif("SUBMITTER_ROUNDS" not in os.environ, reason="needs published rounds")
@pytest.mark.parametrize("name", ["v4.1", "v5.1", "v6.0", "v5.0-others"])
def test_a_published_round_passes_with_the_usual_limits(tmp_path: Path, name: str) -> None:
    archive = Path(os.environ["SUBMITTER_ROUNDS"]) / f"{name}.tar.xz"
    extracted = extract(archive, tmp_path / "round")
    subprocess.run(["tar", "-xf", archive, "--one-top-level=tar"], cwd=tmp_path, check=True)
    subprocess.run(["diff", "-r", "--no-dereference", "tar", "round"], cwd=tmp_path, check=True)
    assert extracted.files > 5_000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True).returncode:
        pytest.skip("this container may not mount")
    try:
        (tmp_path / "good").write_bytes(GOOD)
        with pytest.raises(RunError) as refused:
            extract(tmp_path / "good", small / "target")
        assert refused.value.message == f"the disk is full at {small / 'target'}"
        assert not os.listdir(small)
    finally:
        subprocess.run(["umount", small], check=True)


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good").write_bytes(GOOD)

    def interrupted(*_: object) -> None:
        assert list(tmp_path.glob(".target.*.partial/tree/closed/Acme/log"))
        raise KeyboardInterrupt

    monkeypatch.setattr(extraction._Writer, "make_links", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extract(tmp_path / "good", tmp_path / "target")
    assert os.listdir(tmp_path) == ["good"]


def test_an_archive_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good").write_bytes(GOOD)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error", str(tmp_path / "good"))

    monkeypatch.setattr(extraction, "format_of", broken)
    with pytest.raises(InputError, match="good: the device reports an input/output error"):
        extract(tmp_path / "good", tmp_path / "target")


def damaged(content: bytes, chance: random.Random) -> bytes:
    """A copy with a few bytes changed, a part moved, repeated or missing, or the end cut off."""
    copy = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(copy))
        size = min(chance.choice((1, 4, 100, 512, 5000)), len(copy) - at)
        match chance.randrange(5):
            case 0:
                copy[at] = chance.randrange(256)
            case 1:
                copy[at : at + size] = chance.randbytes(size)
            case 2:
                copy[at:at] = copy[at : at + size]
            case 3:
                del copy[at : at + size]
            case 4:
                copy[at] ^= 1 << chance.randrange(8)
        if not copy:
            break
    return bytes(copy)


def with_true_checksums(content: bytes) -> bytes:
    """A tar whose headers have the right checksum, so that what a damaged header says is looked at."""
    copy = bytearray(content)
    for at in range(0, len(copy) - 511, 512):
        if copy[at + 257 : at + 262] == b"ustar":
            copy[at + 148 : at + 156] = b" " * 8
            copy[at + 148 : at + 156] = b"%06o\0 " % sum(copy[at : at + 512])
    return bytes(copy)


def test_damaged_archives_do_no_harm(tmp_path: Path) -> None:
    """Unpacked or refused, never anything else, and nothing beside the archive and its folder."""
    chance = random.Random(8128)
    small = tar_bytes(*(member(f"closed/{name}/x", name.encode() * 50) for name in "abc"), link("l", "closed"))
    zipped = zip_bytes(*((f"closed/{name}", name.encode() * 50) for name in "abc"))
    packed = {"gzip": gzip.compress(small), "bzip2": bz2.compress(small), "xz": lzma.compress(small), "zip": zipped}
    outcomes = {"refused": 0, "unpacked": 0}
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    archive, target = inside / "archive", inside / "target"
    for number in range(int(os.environ.get("SUBMITTER_FUZZ", "300"))):
        kind = ("tar", "header", *packed)[number % 6]
        if kind in packed:
            content = damaged(packed[kind], chance)
        else:
            content = damaged(small, chance)
            content = with_true_checksums(content) if kind == "header" else content
        archive.write_bytes(content)
        try:
            extract(archive, target, Limits(total_bytes=10_000_000, members=1000))
        except SubmitterError as refused:
            message = refused.message
            outcomes["refused"] += 1
        else:
            message = ""
            outcomes["unpacked"] += 1
            for path in target.rglob("*"):
                assert os.path.realpath(path).startswith(os.path.realpath(target))
                assert path.is_file() or path.is_dir()
            subprocess.run(["rm", "-rf", target], check=True)
        assert message.isprintable()
        assert os.listdir(tmp_path) == ["a"]
        assert os.listdir(tmp_path / "a") == ["b"]
        assert os.listdir(inside) == ["archive"]
    assert min(outcomes.values()) > 0, outcomes
