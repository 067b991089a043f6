"""Campaigns are found by their files and by their output folders, within bounds, and nothing damaged stops it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from output_folder import Made, make_output

pytest.importorskip("numpy")

from submitter.campaign import found_campaigns
from submitter.campaign.found_campaigns import find_campaigns
from submitter.campaign.listing import CampaignStage, ListedCampaign
from submitter.errors import InputError


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Tests only read it."""
    folder = tmp_path_factory.mktemp("whole") / "campaign"  # no other test's campaign is in the folder above
    folder.mkdir()
    return make_output(folder)


@pytest.fixture
def made(whole: Made, tmp_path: Path) -> Made:
    shutil.copytree(whole.folder, tmp_path / "made")
    return Made(tmp_path / "made")


def only(*paths: Path) -> ListedCampaign:
    [listed] = find_campaigns(paths).campaigns
    return listed


def test_file_output_folder_and_a_folder_above_give_the_same(made: Made) -> None:
    listed = only(made.file)
    assert (listed.file, listed.output) == (made.file, made.output)
    assert only(made.output) == listed
    assert only(made.folder) == listed
    assert only(made.folder.parent) == listed
    assert only(made.file, made.folder) == listed


def test_a_planned_campaign_is_found_by_its_file_alone(made: Made) -> None:
    shutil.rmtree(made.output)
    listed = only(made.folder)
    assert (listed.stage, listed.round, listed.smoke) == (CampaignStage.PLANNED, "v6.1", False)
    assert (listed.finished_count, len(listed.runs)) == (0, 6)


def test_without_its_file_an_output_folder_says_what_it_is(made: Made) -> None:
    made.file.unlink()
    listed = only(made.folder)
    assert (listed.file, listed.output) == (None, made.output)
    assert (listed.round, listed.division, listed.submitter, listed.system) == ("v6.1", "closed", "Acme", "2xH200")
    assert (listed.stage, listed.finished_count) == (CampaignStage.ASSEMBLED, 6)


@pytest.mark.parametrize(
    ("old", "new"),
    [('round = "v6.1"', 'round = "v9.9"'), ("[system]", "[system"), ("[[benchmarks]]", "[[benchmarks]]\nx=1")],
)
def test_a_wrong_file_still_leads_to_its_output(made: Made, old: str, new: str) -> None:
    made.file.write_text(made.file.read_text().replace(old, new))
    for path in (made.file, made.folder, made.output):
        listed = only(path)
        assert (listed.file, listed.output, listed.finished_count) == (made.file, made.output, 6)
        assert str(made.file) in listed.problem


def test_what_is_no_campaign_is_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("[tool]\nname = 'x'\n")
    with pytest.raises(InputError, match=r"other\.toml is not a campaign file"):
        find_campaigns([tmp_path / "other.toml"])
    with pytest.raises(InputError, match="there is no file or folder"):
        find_campaigns([tmp_path / "missing"])
    assert find_campaigns([tmp_path]).campaigns == []


def test_links_hidden_folders_and_pipes_are_passed_over(made: Made, tmp_path: Path) -> None:
    looked = tmp_path / "looked"
    looked.mkdir()
    (looked / "link").symlink_to(made.folder)
    (looked / "up").symlink_to(looked)
    shutil.copytree(made.folder, looked / ".hidden")
    os.mkfifo(looked / "pipe.toml")
    (looked / "large.toml").write_bytes(b"[[benchmarks]]\n" + b"#" * (1 << 20))
    assert find_campaigns([looked]).campaigns == []


def test_the_search_is_bounded(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "a/b/c/d/e/f/g"
    shutil.copytree(made.folder, deep)
    assert find_campaigns([tmp_path / "a"]).campaigns == []
    monkeypatch.setattr(found_campaigns, "_MOST_FOLDERS", 2)
    assert not find_campaigns([tmp_path / "a"]).is_complete
    monkeypatch.undo()
    for number in range(3):
        (made.folder / f"other{number}.toml").write_text(made.file.read_text().replace('"out"', f'"out{number}"'))
    monkeypatch.setattr(found_campaigns, "_MOST_CAMPAIGNS", 2)
    found = find_campaigns([made.folder])
    assert (len(found.campaigns), found.is_complete) == (2, False)


def test_many_campaigns_take_milliseconds_each(whole: Made, tmp_path: Path) -> None:
    for number in range(25):
        shutil.copytree(whole.folder, tmp_path / f"{number}", copy_function=os.link)
    began_s = time.process_time()
    found = find_campaigns([tmp_path])
    assert time.process_time() - began_s < 1  # 0.1 s on an idle machine
    assert [listed.finished_count for listed in found.campaigns] == [6] * 25
