"""An archive is opened as the folder in it would be, and leaves nothing behind."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

import pytest
from submission_tree import Tree

from submitter.checker import check
from submitter.errors import InputError
from submitter.submission import opened_until_done


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def packed(folder: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, arcname=".")
    return archive


def test_an_archive_is_unpacked_for_as_long_as_it_is_read(tree: Tree, tmp_path: Path, temporary: Path) -> None:
    archive = packed(tree.root, tmp_path / "acme.tar.gz")
    with opened_until_done(archive) as opened:
        assert opened.path == archive
        assert opened.files.root.is_relative_to(temporary)
        assert [str(result.path) for result in opened.results] == [
            f"closed/Acme/results/2xH200/llama2-70b-99.9/{scenario}" for scenario in ("Offline", "Server")
        ]
    assert not list(temporary.iterdir())
    with opened_until_done(tree.root) as opened:
        assert opened.files.root == tree.root


def test_the_report_is_that_of_the_folder(
    tree: Tree, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the temporary folder is in it, and is not where the files are
    (tree.result() / "README.md").unlink()
    of_folder, of_archive = check(tree.root), check(packed(tree.root, tmp_path / "acme.tar.gz"))
    assert of_folder.findings == of_archive.findings != ()
    assert of_folder.results == of_archive.results
    assert of_folder.summary == of_archive.summary
    assert of_archive.located("closed/Acme") == "closed/Acme"


def test_a_refused_archive_or_one_without_a_submission_leaves_nothing(tmp_path: Path, temporary: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "x").touch()
    archive = packed(tmp_path / "empty", tmp_path / "no.tar.gz")
    with pytest.raises(InputError, match=r"/no\.tar\.gz holds no submission"), opened_until_done(archive):
        pass
    archive.write_bytes(archive.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"/no\.tar\.gz was not unpacked: it is damaged"), opened_until_done(archive):
        pass
    assert not list(temporary.iterdir())


def test_an_exception_in_between_leaves_nothing(tree: Tree, tmp_path: Path, temporary: Path) -> None:
    archive = packed(tree.root, tmp_path / "acme.tar.gz")
    opening = opened_until_done(archive)
    opening.__enter__()
    assert list(temporary.iterdir())
    assert not opening.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)  # it is raised again
    assert not list(temporary.iterdir())
