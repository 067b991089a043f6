"""A campaign on two servers by URL, from the command line to the checked tree; and its plan while a server is down."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

import echo_campaign
from fault_server import FaultServer

from submitter.harness.dataset import Dataset, write_dataset
from submitter.record import sha256_of


def made_for(folder: Path, urls: list[str]) -> echo_campaign.Campaign:
    made = echo_campaign.make_campaign(folder)
    (folder / "model/config.json").write_text('{"dtype": "bfloat16", "vocab_size": 500, "eos_token_id": 2}')
    words = Dataset.open(folder / "data")
    prompts, references = [words.prompt(index) for index in range(len(words))], words.references()
    write_dataset(folder / "data", "words", prompts, references, sha256_of(folder / "model/tokenizer.json"))
    for scenario in ("Offline", "Server"):
        text = f'engine = "endpoint"\nin_flight = 64\n[settings]\nurls = {json.dumps(urls)}\n'
        made.measurement(scenario, "engine.toml").write_text(text)
    return made


def test_run_all_on_two_servers_and_the_record_names_them(tmp_path: Path) -> None:
    with FaultServer() as one, FaultServer() as other:
        made = made_for(tmp_path, [one.url, other.url])
        result = made.submitter("run-all", str(made.file))
        served = len(one.received) + len(other.received)
    shown = result.stdout + result.stderr
    assert "Traceback" not in shown
    assert f"{one.url}: tiny, version 0.32.0, caches no prefixes" in " ".join(shown.split())
    records = [json.loads(path.read_text()) for path in sorted(made.output.glob("runs/*/*/*/*/record.json"))]
    assert len(records) >= 4, shown
    for record in records:
        assert record["engine"] == "endpoint"
        assert record["engine_facts"][f"{other.url} model"] == "tiny"
        assert sum(record["answers"].values()) == record["sample_count"]
        assert set(record["answers"]) == {one.url, other.url}
        assert "aiohttp" in record["packages"]
    assert sum(record["sample_count"] for record in records) <= served
    accuracy = [record for record in records if record["mode"] == "accuracy"]
    assert {record["sample_count"] for record in accuracy} == {echo_campaign.SAMPLES}
    assert (made.tree / "open").is_dir()


def test_a_plan_says_that_a_server_is_down_and_goes_on_and_a_run_does_not(tmp_path: Path) -> None:
    made = made_for(tmp_path, ["http://127.0.0.1:1"])
    began_s = time.monotonic()
    plan = made.submitter("plan", str(made.file))
    assert time.monotonic() - began_s < 20
    line = "http://127.0.0.1:1 cannot be reached: connection refused"
    assert line in " ".join((plan.stdout + plan.stderr).split())
    assert plan.returncode == 0, plan.stderr
    run = made.submitter("run-all", str(made.file))
    assert line in " ".join((run.stdout + run.stderr).split())
    assert run.returncode == 3
    assert not (made.output / "runs").exists()
