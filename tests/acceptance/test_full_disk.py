"""Full disks, read-only folders and kills while a campaign is scored and assembled: nothing is lost or half written."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from echo_campaign import Campaign
from full_disk import filled, read_only, small_disk

from submitter import campaign as c
from submitter.errors import SubmitterError

Finished = tuple[Any, subprocess.CompletedProcess[str]]
Contents = dict[str, bytes]

ACCURACY = "runs/echo-system/echo-model/Server/accuracy"
FAULTS: dict[str, tuple[Callable[[Path], AbstractContextManager[None]], int, str, str]] = {
    "full disk": (filled, 4, "the disk is full", "free some space"),
    "read-only folder": (read_only, 2, "read-only", "use a folder of another file system"),
}


@pytest.fixture
def campaign(finished: Finished, tmp_path: Path) -> Iterator[Campaign]:
    """A finished campaign whose output folder is a small disk."""
    campaign = Campaign(tmp_path)
    for path in finished[0].folder.iterdir():
        if path.name != "out":
            (shutil.copytree if path.is_dir() else shutil.copy2)(path, tmp_path / path.name)
    with small_disk(campaign.output, 8 << 20):
        shutil.copytree(finished[0].output, campaign.output, dirs_exist_ok=True)
        yield campaign


def contents(folder: Path) -> Contents:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("filler", "journal.jsonl")
    }


def unscore(campaign: Campaign) -> None:
    """Make the earlier scores ones that are to be computed again."""
    for scored in campaign.output.rglob("scored.json"):
        scored.write_text(scored.read_text().replace('"submitter": "', '"submitter": "0.0.'))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_score_that_cannot_be_written_leaves_the_earlier_one(campaign: Campaign, fault: str) -> None:
    inject, exit_code, why, remedy = FAULTS[fault]
    unscore(campaign)
    before = contents(campaign.output)
    with inject(campaign.output):
        error = failure(lambda: c.score_campaign(campaign.file))
    assert (error.exit_code, why in error.message, remedy in error.hint) == (exit_code, True, True)
    assert f"{campaign.output / ACCURACY.replace('Server', 'Offline')}/accuracy.txt" in error.message
    assert contents(campaign.output) == before
    scores = c.score_campaign(campaign.file)
    assert [score.metrics[0].value for score in scores] == [90.625, 90.625]
    assert c.assemble(campaign.file) == campaign.tree


@pytest.mark.parametrize("fault", FAULTS)
def test_a_tree_that_cannot_be_written_leaves_the_earlier_one(campaign: Campaign, fault: str) -> None:
    inject, exit_code, why, remedy = FAULTS[fault]
    before = contents(campaign.output)
    with inject(campaign.output):
        error = failure(lambda: c.assemble(campaign.file))
    assert (error.exit_code, why in error.message, remedy in error.hint) == (exit_code, True, True)
    assert f"{campaign.output}/preview" in error.message or error.message.startswith(f"{campaign.output}: ")
    assert contents(campaign.output) == before
    c.assemble(campaign.file)
    assert contents(campaign.output) == before


@pytest.mark.parametrize("room_bytes", [64 << 10, 256 << 10, 512 << 10])
def test_a_disk_that_fills_up_while_a_tree_is_built_leaves_the_earlier_one(campaign: Campaign, room_bytes: int) -> None:
    before = contents(campaign.output)
    with filled(campaign.output, but_bytes=room_bytes):
        error = failure(lambda: c.assemble(campaign.file))
    assert (error.exit_code, "no partial tree was left" in error.hint) == (4, True)
    assert error.message.startswith(f"the tree {campaign.tree} could not be written: the disk is full at ")
    assert contents(campaign.output) == before


def failure(call: Callable[[], object]) -> SubmitterError:
    """The error of a call: a line that says what and where, and one that says what to do."""
    with pytest.raises(SubmitterError) as caught:
        call()
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value


# The kill comes before the nth event that concerns the path. Assembly first renames its manifest in the new tree, then
# the earlier tree, and then the new one; at last it removes the earlier one.
KILLED = """
import os, signal, sys
from submitter import campaign as c

seen = 0

def kill(event, arguments):
    global seen
    if event == sys.argv[2] and sys.argv[3] in str(arguments[0]):
        seen += 1
        if seen == int(sys.argv[4]):
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
c.assemble(sys.argv[1])
"""


@pytest.mark.parametrize(
    ("event", "path", "number"),
    [
        pytest.param("open", ".preview.building/open/Example/src", 5, id="while it copies", marks=pytest.mark.slow),
        pytest.param("os.rename", ".preview.building", 1, id="before the manifest", marks=pytest.mark.slow),
        pytest.param("os.rename", "preview", 2, id="before the earlier tree is renamed", marks=pytest.mark.slow),
        pytest.param("os.rename", ".preview.building", 2, id="between the renames"),
        pytest.param("shutil.rmtree", ".preview.replaced", 1, id="before it is removed", marks=pytest.mark.slow),
        pytest.param("os.remove", "", 3, id="while it is removed", marks=pytest.mark.slow),
    ],
)
def test_a_kill_at_any_step_of_the_assembly_leaves_a_whole_tree(
    finished: Finished, tmp_path: Path, event: str, path: str, number: int
) -> None:
    campaign = Campaign(tmp_path / "campaign")
    shutil.copytree(finished[0].folder, campaign.folder)
    before = contents(campaign.tree)
    command = [sys.executable, "-c", KILLED, str(campaign.file), event, path, str(number)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    c.assemble(campaign.file)
    assert contents(campaign.tree) == before
    assert not [path.name for path in campaign.output.iterdir() if path.name.startswith(".preview")]
