"""`clean` removes what interrupted and failed runs left, and neither what it does not know nor what counts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from output_folder import Made, make_output

pytest.importorskip("numpy")

from submitter.campaign.cleaning import clean
from submitter.campaign.journal import read_journal
from submitter.campaign.lock import locked
from submitter.errors import InputError

GONE_PID = 2**22 + 7  # higher than Linux allows


@pytest.fixture
def made(tmp_path: Path) -> Made:
    (tmp_path / "made").mkdir()
    return make_output(tmp_path / "made")


def files(folder: Path) -> set[str]:
    """Everything in the output folder but the journal, which a cleaning adds to."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != "journal.jsonl"}


def write(path: Path, *names: str) -> Path:
    path.mkdir(parents=True)
    for name in names:
        (path / name).write_text("x" * 10_000)
    return path


LOGS = ("mlperf_log_detail.txt", "mlperf_log_accuracy.json", "user.conf", "network.csv", ".record.json.4194311.tmp")
LEFTOVERS: dict[str, Callable[[Made], Path]] = {
    "an unfinished run": lambda made: write(made.run().with_name("TEST07.partial"), *LOGS),
    "a replaced run": lambda made: write(made.run().with_name("performance.replaced"), "record.json", *LOGS),
    "a damaged run": lambda made: write(made.run().with_name("performance.damaged-12"), "record.json", *LOGS),
    "a failed run": lambda made: write(
        made.output / "failed" / "20260830T094010Z-Server-performance-2", "failure.json", "engine.log", *LOGS
    ),
    "tune's probe": lambda made: write(made.output / "tune/2xH200/x/.Server.probe.partial", "latencies.npy", *LOGS),
    "an old engine's log": lambda made: write(made.output / "engine" / "tune", "engine.log"),
    "half a tree": lambda made: write(made.output / ".submission.building" / "closed" / "Acme", "any.txt"),
    "a replaced tree": lambda made: write(made.output / ".submission.replaced" / "closed", "any.txt"),
    "half a tree of another round": lambda made: write(made.output / ".submission-v6.0.building" / "closed"),
}


@pytest.mark.parametrize("what", LEFTOVERS)
def test_a_leftover_goes_and_nothing_else(made: Made, what: str) -> None:
    before = files(made.output)
    left = LEFTOVERS[what](made)
    with_it = files(made.output)
    shown = clean(made.file)
    assert files(made.output) == with_it
    expected = left if what.partition(" ")[0] != "half" and what != "a replaced tree" else None
    [found] = shown.leftovers
    assert expected in (None, found.path)
    assert found.used_bytes >= 10_000 or "round" in what
    done = clean(made.file, remove=True)
    assert done.used_bytes == shown.used_bytes
    parents = {str(parent.relative_to(made.output)) for parent in left.parents if parent.is_relative_to(made.output)}
    assert files(made.output) - parents == before - parents
    [event] = [event for event in read_journal(made.output) if event["event"] == "cleaned"]
    assert event["removed"] == [str(found.path.relative_to(made.output))]
    assert clean(made.file).leftovers == ()


@pytest.mark.parametrize("what", list(LEFTOVERS)[:6])
def test_a_persons_file_stays(made: Made, what: str) -> None:
    left = LEFTOVERS[what](made)
    write(left / "folder", "mlperf_log_detail.txt")
    (left / "notes.txt").write_text("mine")
    [found] = clean(made.file, remove=True).leftovers
    assert set(found.unknown) == {left / "folder", left / "notes.txt"}
    assert {path.name for path in left.iterdir()} == {"folder", "notes.txt"}
    assert (left / "folder" / "mlperf_log_detail.txt").is_file()


@pytest.mark.parametrize("source", ["file", "output"])
def test_a_whole_campaign_has_nothing_to_clean(made: Made, source: str) -> None:
    for name in ("submitter.log", "notes.txt", "data.tmp", ".submission.mine", "failed.txt"):
        (made.output / name).write_text("x")
    write(made.output / "failed" / "kept by me", "engine.log")
    write(made.output / "engine" / made.run().parts[-3], "engine.log")
    write(made.output / "tune" / "2xH200" / "x", "Server.json")
    (made.run().with_name("accuracy.partial")).write_text("a file, not a folder")
    before = files(made.output)
    assert clean(getattr(made, source), remove=True, with_runs=source == "file").leftovers == ()
    assert files(made.output) == before


def test_a_finished_run_without_its_name_stays(made: Made) -> None:
    made.run().rename(made.run().with_name("performance.partial"))
    made.run("Server").rename(made.run("Server").with_name("performance.replaced"))
    before = files(made.output)
    assert clean(made.file, remove=True, with_runs=True).leftovers == ()
    assert files(made.output) == before


def test_the_only_tree_stays(made: Made) -> None:
    (made.output / "submission").rename(made.output / ".submission.replaced")
    assert clean(made.file, remove=True).leftovers == ()
    assert (made.output / ".submission.replaced").is_dir()


def test_links_are_removed_as_links(made: Made, tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", "mlperf_log_detail.txt", "engine.log")
    partial = write(made.run().with_name("TEST07.partial"), "user.conf")
    (partial / "mlperf_log_detail.txt").symlink_to(outside / "mlperf_log_detail.txt")
    (partial / "network.csv").symlink_to(outside)
    made.run().with_name("TEST08.partial").symlink_to(outside)
    (made.output / "failed").mkdir()
    (made.output / "failed" / "20260830T094010Z-Server-performance").symlink_to(outside)
    building = write(made.output / ".submission.building")
    (building / "closed").symlink_to(outside)
    assert len(clean(made.file, remove=True).leftovers) == 4
    assert {path.name for path in outside.iterdir()} == {"mlperf_log_detail.txt", "engine.log"}
    assert not partial.exists()
    assert not made.run().with_name("TEST08.partial").is_symlink()
    assert not building.exists()
    assert not any((made.output / "failed").iterdir())


@pytest.mark.parametrize("name", ["runs", "failed", "engine", "tune"])
def test_a_part_that_is_a_link_is_not_looked_into(made: Made, tmp_path: Path, name: str) -> None:
    for make in list(LEFTOVERS.values())[:6]:
        make(made)
    (made.output / name).rename(tmp_path / "elsewhere")
    (made.output / name).symlink_to(tmp_path / "elsewhere")
    before = files(tmp_path / "elsewhere")
    clean(made.file, remove=True)
    assert files(tmp_path / "elsewhere") == before


def test_temporaries_of_processes_that_are_gone(made: Made) -> None:
    alive, gone = (made.run() / f".record.json.{pid}.tmp" for pid in (os.getpid(), GONE_PID))
    for path in (alive, gone, made.output / f".x.{GONE_PID}.tmp", made.run() / f"record.{GONE_PID}.tmp"):
        path.write_text("x")
    assert {each.path.name for each in clean(made.file, remove=True).leftovers} == {gone.name, f".x.{GONE_PID}.tmp"}
    assert alive.exists()
    assert not gone.exists()


def test_a_running_campaign_is_refused(made: Made) -> None:
    partial = LEFTOVERS["an unfinished run"](made)
    for remove in (False, True):
        with locked(made.output), pytest.raises(InputError, match="another submitter process is using"):
            clean(made.file, remove=remove)
    assert (partial / "user.conf").is_file()


def test_runs_that_the_campaign_does_not_have_go_only_when_asked_for(made: Made) -> None:
    made.file.write_text(made.file.read_text().replace(', "Server"', ""))
    assert clean(made.file).leftovers == ()
    done = clean(made.file, with_runs=True, remove=True)
    assert [each.path.parts[-2:] for each in done.leftovers] == [
        ("Server", "TEST06"),
        ("Server", "accuracy"),
        ("Server", "performance"),
    ]
    assert not made.run("Server").exists()
    assert made.run().is_dir()
    with pytest.raises(InputError, match="--runs needs the campaign file"):
        clean(made.output, with_runs=True)


def test_other_folders_are_refused(made: Made, tmp_path: Path) -> None:
    other = write(tmp_path / "other" / "failed" / "20260830T094010Z-Server-performance", "engine.log")
    with pytest.raises(InputError, match="is not the output folder of a campaign"):
        clean(tmp_path / "other", remove=True)
    assert (other / "engine.log").is_file()
    assert not (tmp_path / "other" / ".lock").exists()
    shutil.rmtree(made.output)
    with pytest.raises(InputError, match="there is nothing to clean"):
        clean(made.file, remove=True)
    assert not made.output.exists()
