"""The log of a campaign has what each command on it said, without secrets, and never stops a command."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from full_disk import filled, small_disk
from output_folder import Made, make_output

pytest.importorskip("numpy")

from submitter import campaign
from submitter.cli import campaign_log
from submitter.errors import RunError

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \d+( .*)?")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    monkeypatch.chdir(tmp_path)
    return make_output(tmp_path)


def lines(made: Made) -> list[str]:
    """The log without times and process ids."""
    text = (made.output / "submitter.log").read_text()
    assert all(LINE.fullmatch(line) for line in text.splitlines())
    return [line.partition(f" {os.getpid()}")[2][1:] for line in text.splitlines()]


def test_a_command_its_error_its_hint_and_its_end(submitter: Any, made: Made) -> None:
    done = submitter("score", "campaign.toml")
    assert done.code == 2
    first, *said, last = lines(made)
    assert re.fullmatch(r"submitter \d\S+ on \S+ in \S+: submitter score campaign.toml", first)
    assert said == done.err.splitlines()
    assert re.fullmatch(r"ended with exit code 2 after \d+\.\d s", last)
    submitter("-q", "clean", "campaign.toml")
    added = lines(made)[len(said) + 2 :]
    assert added[1] == "nothing to clean in out"  # which --quiet did not show
    assert added[2].startswith("ended with exit code 0 ")


def test_results_are_in_it_as_plain_text(submitter: Any, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    made.run().with_name("TEST07.partial").mkdir()
    done = submitter("clean", "campaign.toml")
    assert "\x1b[" in done.out
    assert "TEST07" in "\n".join(lines(made))  # a longer path is broken into two lines
    assert "nothing was removed: --yes would remove 4.10 kB" in lines(made)
    assert "\x1b" not in (made.output / "submitter.log").read_text()


def test_an_internal_error_leaves_its_traceback(submitter: Any, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(campaign, "score_campaign", fails)
    done = submitter("score", "campaign.toml")
    assert done.code == 70
    assert done.err.splitlines() == [
        "submitter: internal error: ZeroDivisionError: of ours",
        f"  report the traceback in {made.output}/submitter.log",
    ]
    assert "Traceback (most recent call last):" in lines(made)
    assert "ZeroDivisionError: of ours" in lines(made)
    assert lines(made)[-1].startswith("ended with exit code 70 ")


def test_a_failed_run_names_the_log(submitter: Any, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RunError("it failed", "try again")

    monkeypatch.setattr(campaign, "score_campaign", fails)
    done = submitter("score", "campaign.toml")
    assert done.code == 4
    assert done.err.splitlines()[-1] == f"  everything that this command said is in {made.output}/submitter.log"


def test_what_is_no_campaign_or_has_no_output_gets_no_log(submitter: Any, made: Made) -> None:
    submitter("score", "out/submission")
    submitter("score", "missing.toml")
    submitter("plan", "campaign.toml")
    submitter("runs", "campaign.toml")
    assert not (made.output / "submitter.log").exists()
    shutil.rmtree(made.output)
    assert submitter("score", "campaign.toml").code == 2
    assert not made.output.exists()


@pytest.mark.parametrize(
    "word", ["--api-key=sEcReT", "HF_TOKEN=sEcReT", "https://me:sEcReT@host/x", "http://host/?token=sEcReT"]
)
def test_secrets_are_masked(submitter: Any, made: Made, word: str) -> None:
    campaign_log._begin(made.file)
    with campaign_log.logged():
        assert campaign_log._current is not None
        campaign_log._current.write(campaign_log._without_secrets(["x", "run", word, "--password", "sEcReT", "end"]))
    text = (made.output / "submitter.log").read_text()
    assert "sEcReT" not in text
    assert "--password *** end" in text


def test_its_size_is_bounded(submitter: Any, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign_log, "_MAX_BYTES", 2000)
    for _ in range(40):
        submitter("clean", "campaign.toml")
    found = sorted(path.name for path in made.output.glob("submitter.log*"))
    assert found == ["submitter.log", "submitter.log.1", "submitter.log.2", "submitter.log.3"]
    assert all((made.output / name).stat().st_size <= 2000 for name in found)
    assert lines(made)[-1].startswith("ended with exit code 0")


def test_a_pipe_or_a_folder_of_its_name_is_left_alone(submitter: Any, made: Made) -> None:
    usual = submitter("score", "campaign.toml")
    log = made.output / "submitter.log"
    for make in (os.mkfifo, os.mkdir):
        log.unlink()
        make(log)
        assert submitter("score", "campaign.toml") == usual
        if log.is_dir():
            log.rmdir()
            log.touch()


def test_a_full_disk_changes_nothing(submitter: Any, made: Made, tmp_path: Path) -> None:
    made.file.write_text(made.file.read_text().replace('"out"', f'"{tmp_path}/disk/out"'))
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        (disk / "out").mkdir()
        usual = submitter("score", "campaign.toml")
        (disk / "out" / "submitter.log").unlink()
        with filled(disk):
            assert submitter("score", "campaign.toml") == usual
        assert not (disk / "out" / "submitter.log").read_bytes()


def test_stdout_is_restored(submitter: Any, made: Made) -> None:
    import sys

    before = sys.stdout
    submitter("clean", "campaign.toml")
    assert sys.stdout is before
    assert campaign_log.log_path() is None
