"""A finished run takes its folder, whatever state a killed process left: `submitter.campaign.settled`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("numpy")

from submitter.campaign.settled import finished_folder, settle


def write_run(folder: Path, text: str, *, is_finished: bool = True) -> None:
    folder.mkdir()
    (folder / "log.txt").write_text(text)
    if is_finished:
        (folder / "record.json").write_text("{}")


def remaining(parent: Path) -> dict[str, str]:
    return {folder.name: (folder / "log.txt").read_text() for folder in parent.iterdir()}


@pytest.mark.parametrize("steps", range(5))
def test_an_earlier_run_lives_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """The process ends before its step of this number; the next one finishes the work."""
    folder = tmp_path / "performance"
    write_run(folder, "old")
    write_run(tmp_path / "performance.partial", "new")
    write_run(tmp_path / "performance.replaced", "older")  # left by a process that was killed before it removed it
    taken = 0

    def limited(method):
        def step(*arguments, **options):
            nonlocal taken
            taken += 1
            if taken > steps:
                raise KeyboardInterrupt
            return method(*arguments, **options)

        return step

    with monkeypatch.context() as patched:
        patched.setattr("submitter.campaign.settled.shutil.rmtree", limited(shutil.rmtree))
        patched.setattr(Path, "rename", limited(Path.rename))
        if steps < 4:
            with pytest.raises(KeyboardInterrupt):
                settle(folder)
        else:
            settle(folder)
    assert taken == min(steps + 1, 4)
    found = finished_folder(folder)
    assert found is not None
    assert (found / "log.txt").read_text() == "new"
    assert steps == 4 or "old" in remaining(tmp_path).values()
    settle(folder)
    assert remaining(tmp_path) == {"performance": "new"}


def test_a_run_without_a_record_replaces_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "performance"
    write_run(folder, "old")
    write_run(tmp_path / "performance.partial", "half", is_finished=False)
    assert finished_folder(folder) == folder
    settle(folder)
    assert remaining(tmp_path) == {"performance": "old", "performance.partial": "half"}


def test_an_earlier_run_comes_back_if_the_new_one_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "performance"
    write_run(tmp_path / "performance.replaced", "old")
    assert finished_folder(folder) == tmp_path / "performance.replaced"
    settle(folder)
    assert remaining(tmp_path) == {"performance": "old"}


def test_nothing_finished_is_nothing_to_do(tmp_path: Path) -> None:
    assert finished_folder(tmp_path / "performance") is None
    settle(tmp_path / "performance")
    assert not list(tmp_path.iterdir())
