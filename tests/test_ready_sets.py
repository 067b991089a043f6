"""The engine settings that ship for GPU machines: whole, consistent, with their source; and vLLM knows every key."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from submitter import documents
from submitter.campaign.file import BenchmarkTable
from submitter.campaign.measurements import engine_settings
from submitter.campaign.settings import computed_settings
from submitter.harness import engines
from submitter.model import Mode, Scenario
from submitter.rulebook import load_rulebook
from submitter.system import read

ROOT = Path(__file__).resolve().parents[1]
SYSTEMS = ["8xMI300X", "8xH100-SXM-80GB", "1xH200-SXM-141GB", "8xB200-SXM-180GB"]
BENCHMARKS = ["llama2-70b-99.9", "llama3.1-8b"]
SCENARIOS = [Scenario.OFFLINE, Scenario.SERVER, Scenario.INTERACTIVE]
SETS = [(system, benchmark, scenario) for system in SYSTEMS for benchmark in BENCHMARKS for scenario in SCENARIOS]


def folder(system: str, benchmark: str, scenario: Scenario) -> Path:
    return ROOT / "measurements" / system / benchmark / scenario


def table(system: str, benchmark: str) -> BenchmarkTable:
    measurements = ROOT / "measurements" / system / benchmark
    return BenchmarkTable(name=benchmark, scenarios=SCENARIOS, model="m", dataset="d", measurements=measurements)


@pytest.mark.parametrize(("system", "benchmark", "scenario"), SETS)
def test_a_set(system: str, benchmark: str, scenario: Scenario) -> None:
    settings = engine_settings(table(system, benchmark), scenario)
    chosen = settings.settings
    replicas = chosen.get("data_parallel_size", 1)
    accelerators = int(system.partition("x")[0])
    assert chosen.get("tensor_parallel_size", 1) * replicas == accelerators
    # An engine that never gets as many requests as it can hold is not full.
    assert settings.in_flight >= 1.1 * replicas * chosen["max_num_seqs"]
    assert chosen["max_num_batched_tokens"] >= chosen["max_num_seqs"]  # vLLM refuses less
    assert settings.offline_order == "as_issued" or scenario is Scenario.OFFLINE
    longest_prompt = {"llama2-70b-99.9": 1024, "llama3.1-8b": 2540}[benchmark]
    limit = load_rulebook("v6.1").benchmark(benchmark).max_new_tokens
    assert limit is not None
    assert chosen["max_model_len"] >= longest_prompt + limit
    text = (folder(system, benchmark, scenario) / "engine.toml").read_text()
    assert "# Source: " in text
    assert all(len(line) <= 120 for line in text.splitlines())


@pytest.mark.parametrize(("system", "benchmark", "scenario"), SETS)
def test_its_loadgen_settings(system: str, benchmark: str, scenario: Scenario) -> None:
    """Of the scenario that LoadGen runs, with a target, and the length left to the rules."""
    settings = computed_settings(
        load_rulebook("v6.1"), benchmark, scenario, folder(system, benchmark, scenario) / "user.conf"
    )
    assert settings.target_qps > 1
    assert settings.min_duration_ms == 600_000
    assert settings.expected_seconds(scenario, Mode.PERFORMANCE, 24576) >= 600


@pytest.mark.parametrize(("system", "benchmark", "scenario"), SETS)
def test_vllm_knows_every_key(system: str, benchmark: str, scenario: Scenario) -> None:
    envs = pytest.importorskip("vllm.envs")
    settings = engine_settings(table(system, benchmark), scenario)
    engines.check_settings("vllm", settings.settings, settings.sampling)
    assert {name for name in settings.env if name.startswith("VLLM_")} <= set(envs.environment_variables)


@pytest.mark.parametrize(("system", "benchmark", "scenario"), SETS)
def test_its_measurements(system: str, benchmark: str, scenario: Scenario) -> None:
    fields = json.loads((folder(system, benchmark, scenario) / "measurements.json").read_text())
    assert set(fields) == set(load_rulebook("v6.1").measurements.required_fields)
    assert fields["retraining"] == "No"


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_asks_for_what_only_a_person_knows(system: str) -> None:
    """A template, not a description of somebody's machine: it cannot be submitted as it is."""
    path = ROOT / "systems" / f"{system}.json"
    description = read(path)
    asked = [wanted for _, wanted in documents.unfilled(path.read_text())]
    assert len(asked) >= 5
    assert (
        "accelerators_per_node" not in description or description["accelerators_per_node"] == system.partition("x")[0]
    )
    assert not any(re.search(r"host_(processor|memory|storage)", key) for key in description)
