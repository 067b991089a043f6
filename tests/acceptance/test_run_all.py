"""`submitter run-all` from end to end, and each step alone on what the earlier ones left."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

Finished = tuple[Any, subprocess.CompletedProcess[str]]


def test_run_all_goes_the_whole_way(finished: Finished) -> None:
    campaign, done = finished
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SMOKE RUN" in done.stderr
    assert "SMOKE RUN" in done.stdout
    for word in "loadgen seeds durations limits datasets models system documents disk audits engines tree".split():
        assert re.search(rf"^preflight ok +{word}: ", done.stderr, re.MULTILINE)
    assert done.stdout.count("VALID") >= 2
    assert "Tokens/s" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    scenario = campaign.tree / "open/Example/results/echo-system/echo-model/Server"
    for name in ("performance/run_1/mlperf_log_detail.txt", "accuracy/accuracy.txt", "TEST06/verify_accuracy.txt"):
        assert (scenario / name).stat().st_size > 0
    mapping = json.loads((campaign.tree / "open/Example/model_mapping.json").read_text())
    assert mapping == {"echo-model": "llama2-70b-99.9"}


def test_the_closing_table_has_headings_scores_and_margins(finished: Finished) -> None:
    table = finished[1].stdout.partition("benchmark, run")
    lines = [re.split(r"  +", line) for line in (table[1] + table[2]).splitlines()]
    assert lines[0] == ["benchmark, run", "samples", "time", "result", "verdict, margin"]
    rows = {cells[0].strip(): cells[1:] for cells in lines if cells[0]}
    assert rows["Offline performance"][-1] == "VALID"
    assert rows["Offline performance"][-2].endswith(" Tokens/s")
    assert rows["Server accuracy"][-2:] == ["rouge1 90.625", "13.28 % above 80"]
    assert rows["Server TEST06"][-1] == "passed"
    latencies = [cells[1:] for cells in lines if not cells[0]]
    assert [cells[0].split()[:2] for cells in latencies] == [["p99", "TTFT"], ["p99", "TPOT"]]
    assert all(re.fullmatch(r"\d+\.\d\d % below (2000|200)", cells[1]) for cells in latencies)
    assert max(len(line) for line in (table[1] + table[2]).splitlines()) <= 80


def test_every_record_of_a_smoke_run_says_so(finished: Finished) -> None:
    campaign, _ = finished
    records = list(campaign.output.glob("runs/**/record.json"))
    assert len(records) == 6
    assert all(json.loads(record.read_text())["smoke"] is True for record in records)


def test_scores_are_what_the_answers_deserve(finished: Finished) -> None:
    campaign, _ = finished
    text = (campaign.output / "runs/echo-system/echo-model/Offline/accuracy/accuracy.txt").read_text()
    scores = json.loads(text.splitlines()[0].replace("'", '"'))
    assert scores["rouge1"] == round(100 * 58 / 64, 4)
    assert scores["gen_num"] == 64
    assert scores["gen_tok_len"] == 64 * 8


def copied(finished: Finished, target: Path) -> Any:
    campaign = type(finished[0])(target)
    shutil.copytree(finished[0].folder, target, dirs_exist_ok=True)
    return campaign


def test_a_second_run_all_keeps_what_is_there(finished: Finished, tmp_path: Path) -> None:
    campaign = copied(finished, tmp_path)
    done = campaign.submitter("run-all", str(campaign.file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("kept: finished before") == 6
    assert "loading" not in done.stderr


def test_what_the_network_did_is_in_each_run_and_not_in_the_tree(finished: Finished) -> None:
    campaign, _ = finished
    for record in campaign.output.glob("runs/**/record.json"):
        content = json.loads(record.read_text())
        assert content["network"]["sample_count"] >= 2
        rows = (record.parent / "network.csv").read_text().splitlines()
        assert len(rows) == content["network"]["sample_count"]
        assert set(content["files"]) >= {"network.csv", "mlperf_log_detail.txt"}
    assert not list(campaign.tree.glob("**/network.csv"))


def test_a_kept_run_still_says_what_its_network_lost(finished: Finished, tmp_path: Path) -> None:
    campaign = copied(finished, tmp_path)
    record = campaign.output / "runs/echo-system/echo-model/Server/performance/record.json"
    content = json.loads(record.read_text())
    content["network"]["warnings"] = ["eth0 counted 7 errors"]
    record.write_text(json.dumps(content))
    (campaign.output / "journal.jsonl").unlink()  # it knows the record's hash
    done = campaign.submitter("run-all", str(campaign.file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "echo-model Server performance, network: eth0 counted 7 errors\n" in done.stdout


def test_records_from_before_the_network_was_sampled_are_kept(finished: Finished, tmp_path: Path) -> None:
    campaign = copied(finished, tmp_path)
    for record in campaign.output.glob("runs/**/record.json"):
        content = json.loads(record.read_text())
        for key in ("network", "engine_facts", "answers"):
            del content[key]
        record.write_text(json.dumps({**content, "version": 2}))
    (campaign.output / "journal.jsonl").unlink()  # there was none
    done = campaign.submitter("run-all", str(campaign.file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("kept: finished before") == 6


def test_a_changed_setting_makes_its_runs_again(finished: Finished, tmp_path: Path) -> None:
    campaign = copied(finished, tmp_path)
    conf = campaign.measurement("Offline", "user.conf")
    campaign.edit(conf, "target_qps = 3000", "target_qps = 3100")
    done = campaign.submitter("run-all", str(campaign.file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("kept: finished before") == 3


def test_score_and_assemble_work_alone(finished: Finished, tmp_path: Path) -> None:
    campaign = copied(finished, tmp_path)
    shutil.rmtree(campaign.tree)
    for text in campaign.output.glob("runs/**/accuracy.txt"):
        text.unlink()
    scored = campaign.submitter("score", str(campaign.file))
    assert scored.returncode == 0, scored.stderr
    for scenario in ("Offline", "Server"):
        assert re.search(rf"^ {scenario} accuracy +rouge1 90\.625  13\.28 % above 80$", scored.stdout, re.MULTILINE)
        assert re.search(rf"^ {scenario} TEST06 +passed$", scored.stdout, re.MULTILINE)
    assembled = campaign.submitter("assemble", str(campaign.file))
    assert assembled.returncode == 0, assembled.stderr
    assert Path(assembled.stdout.strip()) == campaign.tree
    checked = campaign.submitter("check", str(campaign.tree), "--round", "v6.1")
    assert checked.returncode == 0, checked.stdout


def test_an_invalid_run_says_why_at_once_and_at_the_end(campaign: Any) -> None:
    campaign.edit(
        campaign.measurement("Server", "user.conf"),
        "*.Server.target_qps",
        "*.Server.ttft_latency = 1\n*.Server.target_qps",
    )
    done = campaign.submitter("run-all", str(campaign.file))
    folder = campaign.output / "runs/echo-system/echo-model/Server/performance"
    why = "INVALID because of performance constraints and early stopping: TTFT p99 "
    for text in (done.stderr, done.stdout):
        (line,) = [line for line in text.splitlines() if why in line]
        assert line.endswith(f"% over; more: submitter explain {folder}")
    assert "% OVER 1\n" in done.stdout
    explained = campaign.submitter("explain", str(folder))
    assert explained.returncode == 1
    assert "TTFT" in explained.stdout


def test_run_makes_one_run(campaign: Any) -> None:
    """And its record tells the environment, but no secret of it."""
    environment = {**os.environ, "HF_TOKEN": "open sesame", "VLLM_LOGGING_LEVEL": "ERROR", "PRIVATE": "matter"}
    arguments = ("run", str(campaign.file), "--scenario", "Offline", "--mode", "accuracy")
    done = campaign.submitter(*arguments, env=environment)
    assert done.returncode == 0, done.stderr
    (record,) = campaign.output.glob("runs/**/record.json")
    assert record.parent.name == "accuracy"
    told = json.loads(record.read_text())["environment"]
    assert (told["HF_TOKEN"], told["VLLM_LOGGING_LEVEL"]) == ("***", "ERROR")
    assert "PRIVATE" not in told
    assert "sesame" not in record.read_text()
    refused = campaign.submitter("assemble", str(campaign.file))
    assert refused.returncode == 2
    assert "not finished: Offline performance, Offline TEST06, Server performance" in refused.stderr


def test_plan_says_what_shows_which_runs_stay(finished: Finished) -> None:
    done = finished[0].submitter("plan", str(finished[0].file))
    assert done.stderr.endswith(f"which of them stay: submitter run-all {finished[0].file} --dry-run\n")


def test_plan_runs_nothing(campaign: Any) -> None:
    done = campaign.submitter("plan", str(campaign.file))
    assert done.returncode == 0, done.stderr
    assert "Offline performance" in done.stderr
    assert "--dry-run" not in done.stderr
    assert not (campaign.output / "runs").exists()


def test_a_score_below_the_target_is_a_finding(finished: Finished, tmp_path: Path) -> None:
    campaign = copied(finished, tmp_path)
    campaign.edit(campaign.file, "rouge1 = 80.0", "rouge1 = 95.0")
    done = campaign.submitter("run-all", str(campaign.file))
    assert done.returncode == 1, done.stdout
    assert "90.625" in done.stdout
    assert "95" in done.stdout


def test_a_damaged_record_costs_only_its_own_run(finished: Finished, tmp_path: Path) -> None:
    campaign = copied(finished, tmp_path)
    run = campaign.output / "runs/echo-system/echo-model/Server/accuracy"
    (run / "record.json").write_text('{"version": 2, "smoke": tr')
    for command in ("score", "assemble"):
        refused = campaign.submitter(command, str(campaign.file))
        assert refused.returncode == 2, refused.stdout + refused.stderr
        assert f"{run / 'record.json'} is damaged: it is not JSON" in refused.stderr
        assert f"make it with: submitter run-all {campaign.file}" in refused.stderr
    done = campaign.submitter("run-all", str(campaign.file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("kept: finished before") == 5
    aside = run.with_name("accuracy.damaged-1")
    assert "made again  Server accuracy: record.json is damaged: it is not JSON" in done.stderr
    reported = [line for line in done.stderr.splitlines() if "its folder is now" in line]
    assert len(reported) == 1
    assert f"{run / 'record.json'} is damaged" in reported[0]
    assert reported[0].endswith(f"its folder is now {aside}")
    assert (aside / "mlperf_log_detail.txt").is_file()
    assert json.loads((run / "record.json").read_text())["mode"] == "accuracy"
    assert not list(campaign.tree.rglob("*damaged*"))


def test_a_second_damaged_record_is_kept_beside_the_first(finished: Finished, tmp_path: Path) -> None:
    campaign = copied(finished, tmp_path)
    run = campaign.output / "runs/echo-system/echo-model/Offline/performance"
    for number in (1, 2):
        (run / "record.json").write_text("")
        done = campaign.submitter("run", str(campaign.file), "--scenario", "Offline")
        assert done.returncode == 0, done.stdout + done.stderr
        assert (run.with_name(f"performance.damaged-{number}") / "record.json").read_text() == ""
        assert (run / "record.json").read_text() != ""
