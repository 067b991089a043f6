"""The description of a system is of the host that made the runs."""

from __future__ import annotations

import json
from pathlib import Path

from echo_campaign import Campaign

from submitter import campaign as c
from submitter import system
from submitter.campaign.description import described, described_at_runs, keep_host_facts

RUN = "runs/echo-system/echo-model/{}/performance"
ANOTHER = {"host_processor_model_name": "Another 9000", "framework": "vLLM 0.1", "cooling": "magma"}


def kept(campaign: Campaign, scenario: str) -> Path:
    folder = campaign.output / RUN.format(scenario)
    folder.mkdir(parents=True)
    keep_host_facts(folder)
    return folder / "host.json"


def test_a_run_keeps_what_the_host_shows(campaign: Campaign) -> None:
    assert json.loads(kept(campaign, "Offline").read_text()) == system.describe()


def test_the_runs_host_and_not_todays_completes_the_persons_part(campaign: Campaign) -> None:
    loaded = c.load_campaign(campaign.file)
    assert described_at_runs(loaded) == described(loaded), "before the first run it is this host"
    path = kept(campaign, "Server")
    path.write_text(json.dumps(json.loads(path.read_text()) | ANOTHER))
    found = described_at_runs(loaded)
    assert found["host_processor_model_name"] == "Another 9000"
    assert found["framework"] == "vLLM 0.1"
    assert found["cooling"] == described(loaded)["cooling"], "what a person states counts"
    assert described(loaded)["host_processor_model_name"] != "Another 9000"
    assert list(found) == list(described(loaded)), "in the order of the schema"


def test_the_first_performance_run_counts(campaign: Campaign) -> None:
    for scenario in ("Server", "Offline"):
        path = kept(campaign, scenario)
        path.write_text(json.dumps(json.loads(path.read_text()) | {"operating_system": scenario}))
    assert described_at_runs(c.load_campaign(campaign.file))["operating_system"] == "Offline"
