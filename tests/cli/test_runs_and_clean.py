"""`submitter runs` and `submitter clean` as a user sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from output_folder import Made, make_output

pytest.importorskip("numpy")

from submitter.campaign.journal import write_journal


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    monkeypatch.chdir(tmp_path)
    return make_output(tmp_path)


def test_runs_lists_what_is_below_the_working_folder(submitter: Any, made: Made) -> None:
    write_journal(made.output, "ended", why="RunError: the engine died")
    done = submitter("runs")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[:2] == ["campaign.toml", "  v6.1, closed, Acme, 2xH200"]
    assert lines[2].startswith("  assembled, checked 20")
    assert lines[2].endswith(": pass")
    assert lines[3] == "  the last session ended: RunError: the engine died"
    assert lines[4].startswith("  disk: runs ")
    [row] = [line.split() for line in lines if line.startswith(" Offline performance")]
    assert row[2:8] == ["VALID", "61,980.25", "Tokens/s", "2026-08-30", "09:40", "11m17"]


def test_runs_shows_an_escape_code_in_a_file_as_text(submitter: Any, made: Made) -> None:
    made.file.unlink()
    record = made.run() / "record.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "round": "\x1b[31mred"}))
    (made.output / "failed" / "\x1b[2J").mkdir(parents=True)
    done = submitter("runs", "out")
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "the campaign file is not known" in done.out


def test_runs_as_json(submitter: Any, made: Made) -> None:
    document = json.loads(submitter("runs", "campaign.toml", "--format", "json").out)
    assert (document["version"], document["is_complete"]) == (1, True)
    [campaign] = document["campaigns"]
    assert (campaign["stage"], campaign["finished_runs"], campaign["file"]) == ("assembled", 6, "campaign.toml")
    run = campaign["runs"][0]
    assert (run["scenario"], run["mode"], run["state"]) == ("Offline", "performance", "VALID")
    assert run["figures"][0]["value"] == 61980.25


def test_runs_without_a_campaign(submitter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert submitter("runs") == (0, "", "no campaign was found: submitter init writes one\n")
    assert json.loads(submitter("runs", "--format", "json").out)["campaigns"] == []
    assert submitter("runs", "missing").code == 2


def test_clean_shows_first_and_removes_with_yes(submitter: Any, made: Made) -> None:
    assert submitter("clean", "campaign.toml") == (0, "", "nothing to clean in out\n")
    partial = made.run().with_name("TEST07.partial")
    partial.mkdir()
    (partial / "mlperf_log_detail.txt").write_bytes(b"x" * 12_000)
    (partial / "mine\x1b").touch()
    shown = submitter("clean", "campaign.toml")
    assert shown.code == 0
    assert "12.3 kB  runs/2xH200/" in shown.out
    assert "TEST07.partial  a run that was not finished\n" in shown.out
    assert "kept, because it is not known: runs/2xH200/" in shown.out
    assert "\x1b" not in shown.out
    assert shown.out.endswith("nothing was removed: --yes would remove 12.3 kB\n")
    assert len(list(partial.iterdir())) == 2
    done = submitter("clean", "out", "--yes")
    assert done.out.endswith("removed: 12.3 kB\n")
    assert [path.name for path in partial.iterdir()] == ["mine\x1b"]


def test_clean_refuses_in_one_line(submitter: Any, made: Made, tmp_path: Path) -> None:
    done = submitter("clean", str(tmp_path))
    assert (done.code, done.out) == (2, "")
    assert "is not the output folder of a campaign" in done.err
    assert submitter("clean", "missing.toml").code == 2
