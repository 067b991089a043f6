"""A real campaign with --quiet and --verbose, its log, its list and its cleaning, also after a run failed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from submitter.campaign.cleaning import clean

Finished = tuple[Any, subprocess.CompletedProcess[str]]


@pytest.fixture
def kept(finished: Finished, tmp_path: Path) -> Any:
    """A copy of a finished campaign: run-all keeps its runs."""
    shutil.copytree(finished[0].folder, tmp_path, dirs_exist_ok=True)
    return type(finished[0])(tmp_path)


def log(campaign: Any) -> str:
    return str((campaign.output / "submitter.log").read_text())


def test_the_log_has_what_run_all_said_and_printed(finished: Finished) -> None:
    campaign, done = finished
    logged = [line.split(" ", 2)[2] if line.count(" ") > 1 else "" for line in log(campaign).splitlines()]
    assert logged[0].endswith(f": submitter run-all {campaign.file}")
    assert logged[-1].startswith("ended with exit code 0 after ")
    assert {line.rstrip() for line in (done.stderr + done.stdout).splitlines()} <= set(logged)
    assert any(line.startswith("assembly took ") for line in logged)  # which only --verbose shows


def test_quiet_prints_the_result_alone(kept: Any) -> None:
    done = kept.submitter("--quiet", "run-all", str(kept.file))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Tokens/s" in done.stdout
    assert "benchmark, run" in done.stdout
    assert log(kept).count("kept: finished before") == 6


@pytest.mark.slow
def test_verbose_shows_files_settings_in_force_and_times(kept: Any) -> None:
    shutil.rmtree(kept.output / "runs/echo-system/echo-model/Offline/performance")
    done = kept.submitter("run-all", str(kept.file), "-v")
    assert done.returncode == 0, done.stderr
    for said in (
        f"campaign file: {kept.file}\n",
        f"log: {kept.output}/submitter.log\n",
        "LoadGen's settings, read from LoadGen\n",
        "\nseeds: qsl ",
        f"\nOffline performance   {kept.measurement('Offline', 'user.conf')} to {kept.output}/runs/",
        "\npreflight ok       engines: echo\n",
        "\nruns took ",
    ):
        assert said in done.stderr
    shown = kept.submitter("score", str(kept.file), "-q")
    assert (shown.returncode, shown.stderr) == (0, "")


def test_a_failed_run_is_listed_logged_and_cleaned(kept: Any) -> None:
    kept.edit(kept.measurement("Server", "engine.toml"), "first_token_ms = 20", "first_token_ms = 20\nfail_after = 3")
    done = kept.submitter("-q", "run-all", str(kept.file))
    assert done.returncode == 4
    assert done.stderr.endswith(f"  everything that this command said is in {kept.output}/submitter.log\n")
    assert "submitter: the engine failed: the echo engine is set to fail after 3 requests" in log(kept)
    listed = json.loads(kept.submitter("runs", str(kept.file), "--format", "json").stdout)["campaigns"][0]
    assert [failed["run"] for failed in listed["failed"]] == ["Server performance"]
    assert "set to fail after 3" in listed["failed"][0]["why"]
    assert "set to fail after 3" in listed["last_end"]["why"]
    cleaned = kept.submitter("clean", str(kept.file), "--yes")
    assert "what a failed run left" in cleaned.stdout
    assert "kept, because" not in cleaned.stdout  # every file that a failed run leaves is known
    assert not list((kept.output / "failed").iterdir())
    assert len(list(kept.output.glob("runs/**/record.json"))) == 6


def test_every_file_of_a_run_is_known_to_clean(kept: Any) -> None:
    kept.edit(kept.file, '["Offline", "Server"]', '["Offline"]')
    done = clean(kept.file, remove=True, with_runs=True)
    assert [each.path.name for each in done.leftovers] == ["TEST06", "accuracy", "performance"]
    assert not [path for each in done.leftovers for path in each.unknown]
    assert len(list(kept.output.glob("runs/**/record.json"))) == 3
