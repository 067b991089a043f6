"""`submitter.scratch`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from submitter.scratch import scratch_folder, temporary_beside

HOLDS = """
import sys
from submitter.scratch import scratch_folder
with scratch_folder("submitter-draft-") as folder:
    (folder / "file").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_what_a_killed_process_leaves_is_removed_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        theirs = Path(process.stdout.readline().strip())
        with scratch_folder("submitter-draft-") as ours:
            assert (theirs / "file").is_file()
        assert not ours.exists()
        process.kill()
    assert theirs.is_dir()
    with scratch_folder("submitter-audit-"):
        assert theirs.is_dir()  # it has another prefix
    with scratch_folder("submitter-draft-") as ours:
        assert list(tmp_path.iterdir()) == [ours]
    assert list(tmp_path.iterdir()) == []


def test_it_goes_with_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), scratch_folder("submitter-draft-"):
        raise ValueError("x")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_it_is_removed_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remove, signals = shutil.rmtree, [KeyboardInterrupt()]

    def interrupted(folder: Path, ignore_errors: bool) -> None:
        if signals:
            raise signals.pop()
        remove(folder, ignore_errors=ignore_errors)

    with pytest.raises(KeyboardInterrupt), scratch_folder("submitter-draft-"):
        monkeypatch.setattr(shutil, "rmtree", interrupted)
    assert list(tmp_path.iterdir()) == []


def test_links_and_files_are_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "submitter-draft-link").symlink_to(target)
    (tmp_path / "submitter-draft-file").touch()
    with scratch_folder("submitter-draft-"):
        assert target.is_dir()
    assert len(list(tmp_path.iterdir())) == 3


def test_the_file_of_a_killed_process_is_removed_when_the_same_is_written_again(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        theirs, other = (tmp_path / f".{name}.{process.pid}.tmp" for name in ("record.json", "accuracy.txt"))
        theirs.touch()
        other.touch()
        ours = temporary_beside(tmp_path / "record.json")
        assert theirs.exists()
        process.kill()
    assert temporary_beside(tmp_path / "record.json") == ours
    assert list(tmp_path.iterdir()) == [other]
