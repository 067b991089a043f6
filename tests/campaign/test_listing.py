"""What the list says of a campaign is what records, logs, journal and tree say; what is damaged is shown as that."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from output_folder import Made, make_output

pytest.importorskip("numpy")

from submitter.campaign.file import load_campaign
from submitter.campaign.journal import write_journal
from submitter.campaign.listed_run import ListedRun, RunState
from submitter.campaign.listing import CampaignStage, ListedCampaign, list_campaign
from submitter.campaign.lock import is_locked, locked
from submitter.record import sha256_of


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_output(tmp_path)


def listed(made: Made) -> ListedCampaign:
    return list_campaign(made.output, load_campaign(made.file), made.file)


def run_of(made: Made, scenario: str = "Offline", mode: str = "performance") -> ListedRun:
    [found] = [run for run in listed(made).runs if (run.scenario, run.mode) == (scenario, mode)]
    return found


def edit(path: Path, **changed: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def test_a_whole_campaign(made: Made) -> None:
    campaign = listed(made)
    assert [(run.scenario, run.mode, run.state) for run in campaign.runs] == [
        (scenario, mode, state)
        for scenario in ("Offline", "Server")
        for mode, state in (("performance", "VALID"), ("accuracy", "scored"), ("TEST06", "passed"))
    ]
    assert [(f.value, f.unit) for f in campaign.runs[0].figures] == [(61980.25, "Tokens/s")]
    assert {f.name for f in campaign.runs[1].figures if f.is_limited} >= {"rouge1", "rouge2", "rougeL"}
    assert (campaign.runs[0].started_utc, campaign.runs[0].duration_s) == ("2026-08-30T09:40:10Z", 677.0)
    assert campaign.stage is CampaignStage.ASSEMBLED
    assert campaign.last_check
    assert campaign.last_check["verdict"] == "pass"
    assert not campaign.is_running


def test_disk_use_is_that_of_du(made: Made) -> None:
    used = listed(made).used_bytes
    (made.output / "failed").mkdir()
    (made.output / "failed" / "core").write_bytes(b"x" * 1_000_000)
    (made.output / "link").symlink_to("/usr")
    now = listed(made).used_bytes
    assert now["failed"] - used["failed"] in range(1_000_000, 1_020_000)
    assert now["runs"] == used["runs"] > 0
    assert now["other"] - used["other"] < 10_000


def test_figure_and_verdict_are_the_logs_and_not_the_records(made: Made) -> None:
    log = made.run() / "mlperf_log_detail.txt"
    log.write_text(log.read_text().replace("61980.25", "6198.5").replace('"VALID"', '"INVALID"'))
    run = run_of(made)
    assert (run.state, run.figures[0].value) == (RunState.INVALID, 6198.5)


@pytest.mark.parametrize("name", ["record.json", "mlperf_log_detail.txt"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}", b"[" * 100_000, b"null"])
def test_what_is_damaged_is_shown_as_damaged(made: Made, name: str, content: bytes) -> None:
    (made.run() / name).write_bytes(content)
    run = run_of(made)
    assert run.state is RunState.DAMAGED
    assert run.why
    assert listed(made).finished_count == 5


def test_a_pipe_a_folder_and_a_broken_link_are_damaged(made: Made) -> None:
    record = made.run() / "record.json"
    record.unlink()
    os.mkfifo(record)
    assert run_of(made).state is RunState.DAMAGED
    record.unlink()
    record.mkdir()
    assert run_of(made).state is RunState.DAMAGED
    record.rmdir()
    record.symlink_to("missing")
    assert run_of(made).state is RunState.DAMAGED


def test_an_unknown_round_in_a_record_is_damage(made: Made) -> None:
    edit(made.run() / "record.json", round="v9.9")
    assert run_of(made).state is RunState.DAMAGED


def test_a_damaged_score_or_journal_or_manifest_stops_nothing(made: Made) -> None:
    (made.run(mode="accuracy") / "accuracy.txt").write_text("rouge1 99.9")
    (made.output / "journal.jsonl").write_bytes(b"\xff[]\n{}\nnull\n")
    next(made.output.rglob("submitter_manifest.json")).write_text("[]")
    campaign = listed(made)
    assert run_of(made, mode="accuracy").state is RunState.FINISHED
    assert (campaign.stage, campaign.last_check) == (CampaignStage.RUN, None)


def test_a_failed_verification_is_shown(made: Made) -> None:
    text = made.run(mode="TEST06") / "verify_accuracy.txt"
    text.write_text(text.read_text().replace("True", "False"))
    assert run_of(made, mode="TEST06").state is RunState.FINISHED  # it is not the one that was scored
    scored = made.run(mode="TEST06") / "scored.json"
    edit(scored, files={text.name: sha256_of(text)})
    assert run_of(made, mode="TEST06").state is RunState.NOT_PASSED


def test_unfinished_runs(made: Made) -> None:
    partial = made.run().with_name("performance.partial")
    made.run().rename(partial)
    assert run_of(made).state is RunState.VALID  # with its record it is finished, and only lacks its name
    (partial / "record.json").unlink()
    assert run_of(made).state is RunState.UNFINISHED
    with locked(made.output):
        assert run_of(made).state is RunState.RUNNING
    shutil.rmtree(partial)
    assert run_of(made).state is RunState.NOT_MADE
    assert listed(made).stage is CampaignStage.STARTED


def test_the_run_that_a_new_one_was_to_replace_counts_until_then(made: Made) -> None:
    made.run().rename(made.run().with_name("performance.replaced"))
    assert run_of(made).state is RunState.VALID
    assert listed(made).finished_count == 6


def test_what_the_campaign_file_does_not_have_is_shown_apart(made: Made) -> None:
    shutil.copytree(made.run(), made.run().with_name("performance.damaged-1"))
    made.file.write_text(made.file.read_text().replace(', "Server"', ""))
    campaign = listed(made)
    assert len(campaign.own_runs) == 3
    assert [(run.scenario, run.mode) for run in campaign.runs if not run.in_campaign] == [
        ("Offline", "performance.damaged-1"),
        ("Server", "performance"),
        ("Server", "accuracy"),
        ("Server", "TEST06"),
    ]
    assert campaign.stage is CampaignStage.SCORED  # the tree has more runs


def test_failed_runs_and_why_the_last_session_ended(made: Made) -> None:
    folder = made.output / "failed" / "20260830T094010Z-Server-performance"
    folder.mkdir(parents=True)
    (folder / "failure.json").write_text('{"run": "Server performance", "why": "it hung", "time_utc": "2026-08-30"}')
    (made.output / "failed" / "20260830T094011Z-Server-performance").mkdir()
    write_journal(made.output, "ended", why="RunError: it hung")
    campaign = listed(made)
    assert [(each.run, each.why) for each in campaign.failed] == [("Server performance", "it hung"), ("", "")]
    assert campaign.last_end
    assert campaign.last_end["why"] == "RunError: it hung"


def test_stages(made: Made) -> None:
    shutil.rmtree(made.output / "submission")
    assert listed(made).stage is CampaignStage.SCORED
    (made.run(mode="accuracy") / "scored.json").unlink()
    assert listed(made).stage is CampaignStage.RUN
    shutil.rmtree(made.run())
    assert listed(made).stage is CampaignStage.STARTED
    shutil.rmtree(made.output)
    assert listed(made).stage is CampaignStage.PLANNED


def test_a_tree_of_earlier_runs_is_not_the_campaigns(made: Made) -> None:
    edit(made.run() / "record.json", started_utc="2026-08-31T00:00:00Z")
    assert listed(made).stage is CampaignStage.SCORED
    write_journal(made.output, "assembled", tree="submission-v6.0")
    assert listed(made).last_check
    write_journal(made.output, "assembled", tree="submission")
    assert listed(made).last_check is None


def test_looking_at_the_lock_takes_and_leaves_nothing(made: Made, tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()
    assert not is_locked(made.output)
    with locked(made.output):
        assert is_locked(made.output)
    assert not is_locked(made.output)
