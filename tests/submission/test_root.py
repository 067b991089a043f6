"""Where a submission begins, whichever folder of it or around it someone names."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from submitter.errors import InputError
from submitter.submission.root import find_root, relative_to_working_directory


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "mine"
    (root / "closed" / "Acme" / "results").mkdir(parents=True)
    return root


def test_the_root_itself_and_the_folder_around_it(root: Path) -> None:
    assert find_root(root) == (root, PurePosixPath("."))
    assert find_root(root.parent) == (root, PurePosixPath("."))


@pytest.mark.parametrize("below", ["closed", "closed/Acme", "closed/Acme/results"])
def test_any_folder_in_it(root: Path, below: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_root(root / below) == (root, PurePosixPath(below))
    monkeypatch.chdir(root / below)
    assert find_root(Path(".")) == (root, PurePosixPath(below))


@pytest.mark.parametrize("division", ["closed", "open", "network"])
def test_each_division_makes_a_root(tmp_path: Path, division: str) -> None:
    (tmp_path / division).mkdir()
    assert find_root(tmp_path) == (tmp_path, PurePosixPath("."))


def test_a_file_named_like_a_division_makes_none(tmp_path: Path) -> None:
    (tmp_path / "closed").write_text("x")
    with pytest.raises(InputError, match="holds no submission"):
        find_root(tmp_path)


def test_of_two_side_by_side_one_must_be_named(root: Path) -> None:
    (root.parent / "other" / "open").mkdir(parents=True)
    with pytest.raises(InputError, match="holds several submissions: mine, other"):
        find_root(root.parent)
    assert find_root(root)[0] == root


def test_the_innermost_division_counts(tmp_path: Path) -> None:
    inner = tmp_path / "open" / "deep" / "closed" / "Acme"
    inner.mkdir(parents=True)
    assert find_root(inner) == (tmp_path / "open" / "deep", PurePosixPath("closed/Acme"))


@pytest.mark.parametrize(
    ("name", "reported"), [("nothing", "does not exist"), ("a file", "folder"), ("empty", "holds no submission")]
)
def test_what_is_not_a_submission_gets_one_clear_line(tmp_path: Path, name: str, reported: str) -> None:
    (tmp_path / "a file").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=reported) as error:
        find_root(tmp_path / name)
    assert str(tmp_path / name) in error.value.message
    assert error.value.hint


def test_a_path_as_it_reads_relative_to_working_directory(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent)
    assert relative_to_working_directory(root) == "mine"
    assert relative_to_working_directory(root / "closed") == "mine/closed"
    assert relative_to_working_directory(root.parent) == ""
    monkeypatch.chdir(root)
    assert relative_to_working_directory(root.parent) == ""
