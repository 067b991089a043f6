"""A stranger's folder: whatever lies in it, reading it gives the content or `Unavailable`, and never leaves it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from submitter.submission.files import EntryKind, Files, Unavailable, Unreadable

LIMIT = 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with a thing of every kind, and a folder beside it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    root = tmp_path / "tree"
    (root / "folder").mkdir(parents=True)
    (root / "folder" / "b.txt").write_text("b")
    (root / "folder" / "a.json").write_text('{"a": 1}')
    (root / "empty").mkdir()
    os.mkfifo(root / "pipe")
    for name, target in {
        "to_file": "folder/b.txt",
        "to_folder": "folder",
        "to_root": ".",
        "out": "../outside",
        "out_file": "../outside/secret.txt",
        "absolute": "/etc/passwd",
        "nowhere": "nothing",
        "loop": "loop",
    }.items():
        (root / name).symlink_to(target)
    return root


@pytest.fixture
def files(root: Path) -> Files:
    return Files(root)


def path(text: str) -> PurePosixPath:
    return PurePosixPath(text)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (".", EntryKind.FOLDER),
        ("folder", EntryKind.FOLDER),
        ("folder/b.txt", EntryKind.FILE),
        ("pipe", EntryKind.SPECIAL),
        ("to_file", EntryKind.FILE),
        ("to_folder", EntryKind.FOLDER),
        ("to_folder/b.txt", EntryKind.FILE),
        ("to_root", EntryKind.OUTSIDE),
        ("out", EntryKind.OUTSIDE),
        ("out_file", EntryKind.OUTSIDE),
        ("absolute", EntryKind.OUTSIDE),
        ("nowhere", EntryKind.OUTSIDE),
        ("loop", EntryKind.OUTSIDE),
        ("missing", None),
        ("folder/b.txt/x", None),
        ("FOLDER", None),
        ("out/secret.txt", None),
        ("../outside", None),
        ("../outside/secret.txt", None),
        ("folder/../../outside/secret.txt", None),
    ],
)
def test_what_lies_at_a_path(files: Files, name: str, kind: EntryKind | None) -> None:
    assert files.kind(path(name)) is kind
    assert files.exists(path(name)) is (kind in (EntryKind.FILE, EntryKind.FOLDER))


def test_a_folder_is_listed_by_name_and_by_kind(files: Files) -> None:
    assert files.listing(path("folder")) == {"a.json": EntryKind.FILE, "b.txt": EntryKind.FILE}
    assert list(files.listing(path("folder"))) == ["a.json", "b.txt"]
    assert files.folders(path(".")) == ["empty", "folder", "to_folder"]
    assert files.names(path(".")) == ["to_file"]
    assert sorted(files.as_stored(path("folder"))) == ["a.json", "b.txt"]
    for none in ("empty", "missing", "out", "../outside", "folder/b.txt"):
        assert files.listing(path(none)) == {}, none
    assert files.as_stored(path("missing")) == []


def test_a_listing_is_remembered(files: Files, root: Path) -> None:
    assert not files.exists(path("new.txt"))
    (root / "new.txt").write_text("x")
    assert not files.exists(path("new.txt"))
    assert Files(root).exists(path("new.txt"))


READERS: dict[str, Callable[[Files, PurePosixPath], object]] = {
    "read": lambda files, name: files.read(name, LIMIT),
    "text": lambda files, name: files.text(name, LIMIT),
    "json": lambda files, name: files.json(name, LIMIT),
    "json_object": lambda files, name: files.json_object(name, LIMIT),
    "size": lambda files, name: files.size(name),
    "sha256": lambda files, name: files.sha256(name),
}


@pytest.mark.parametrize("read", READERS.values(), ids=list(READERS))
@pytest.mark.parametrize(
    ("name", "error", "reason"),
    [
        ("missing", Unavailable, "is missing"),
        ("out/secret.txt", Unavailable, "is missing"),
        ("../outside/secret.txt", Unavailable, "is missing"),
        ("folder", Unreadable, "is a folder"),
        ("pipe", Unreadable, "neither a file nor a folder"),
        ("out_file", Unreadable, "leaves the tree"),
        ("absolute", Unreadable, "leaves the tree"),
        ("loop", Unreadable, "leads nowhere"),
    ],
)
def test_what_is_not_a_file_of_the_tree_is_not_read(
    files: Files, read: Callable[[Files, PurePosixPath], object], name: str, error: type[Unavailable], reason: str
) -> None:
    with pytest.raises(Unavailable, match=reason) as caught:
        read(files, path(name))
    assert type(caught.value) is error
    assert caught.value.path == name
    assert files.opened == set()


def test_a_file_that_went_since_it_was_listed_is_unreadable(files: Files, root: Path) -> None:
    assert files.exists(path("folder/b.txt"))
    (root / "folder" / "b.txt").unlink()
    for read in READERS.values():
        with pytest.raises(Unreadable, match="it does not exist"):
            read(files, path("folder/b.txt"))


def test_a_file_within_the_limit_is_read_and_counted(files: Files, root: Path) -> None:
    (root / "full").write_bytes(b"x" * LIMIT)
    assert files.read(path("full"), LIMIT) == b"x" * LIMIT
    assert files.size(path("full")) == LIMIT
    assert files.sha256(path("full")) == hashlib.sha256(b"x" * LIMIT).hexdigest()
    assert files.read(path("to_file"), LIMIT) == b"b"
    assert files.opened == {"full", "to_file"}


def test_a_file_over_the_limit_is_not(files: Files, root: Path) -> None:
    (root / "over").write_bytes(b"x" * (LIMIT + 1))
    with pytest.raises(Unreadable, match=f"{LIMIT + 1} bytes, expected at most {LIMIT}"):
        files.read(path("over"), LIMIT)
    with (root / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(Unreadable, match="too large"):
        Files(root).text(path("sparse"), LIMIT)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff", r"is not UTF-8 text \(byte 0\)"),
        (b"{", "is not JSON"),
        (b"{} x", "is not JSON"),
        (b"[" * 900, "is not JSON|nested too deeply"),
        (b"9" * 5000, "is not JSON"),
    ],
)
def test_what_is_not_json_says_why(files: Files, root: Path, content: bytes, reason: str) -> None:
    (root / "some.json").write_bytes(content)
    with pytest.raises(Unreadable, match=reason):
        files.json(path("some.json"), 10 * LIMIT)


def test_json_nested_beyond_pythons_depth_is_unreadable(files: Files, root: Path) -> None:
    (root / "deep.json").write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(Unreadable, match="nested too deeply"):
        files.json(path("deep.json"), 1 << 20)


@pytest.mark.parametrize(("text", "kind"), [("[1]", "a list of 1"), ("null", "nothing"), ("5", "5"), ('"x"', "'x'")])
def test_other_json_is_not_an_object(files: Files, root: Path, text: str, kind: str) -> None:
    (root / "some.json").write_text(text)
    assert files.json(path("some.json"), LIMIT) != {}
    with pytest.raises(Unreadable, match=f"JSON object but {kind}"):
        files.json_object(path("some.json"), LIMIT)
    assert files.json_object(path("folder/a.json"), LIMIT) == {"a": 1}


def test_a_walk_enters_no_links_and_ends_at_its_limit(files: Files) -> None:
    found = files.walk(path("."), 100)
    names = {name.as_posix() for name, _ in found}
    assert {"folder/a.json", "folder/b.txt", "to_folder", "out"} <= names
    assert not any(name.startswith(("to_folder/", "out/")) for name in names)
    assert dict(found)[path("empty")] is EntryKind.FOLDER
    assert len(files.walk(path("."), 3)) == 3
    assert files.walk(path("missing"), 100) == []


def test_a_view_leaves_out_paths_and_replaces_contents(root: Path) -> None:
    content = b"other"
    view = Files(root, frozenset({"folder/b.txt", "empty"}), {"folder/a.json": content})
    for files in (view, view.afresh([])):
        assert "b.txt" not in files.names(path("folder"))
        assert "b.txt" not in files.as_stored(path("folder"))
        assert not files.exists(path("empty"))
        assert path("folder/b.txt") not in dict(files.walk(path("."), 100))
        assert files.read(path("folder/a.json"), LIMIT) == content
        assert files.size(path("folder/a.json")) == len(content)
        assert files.sha256(path("folder/a.json")) == hashlib.sha256(content).hexdigest()
    assert (root / "folder" / "b.txt").is_file()
    assert Files(root).exists(path("folder/b.txt"))
