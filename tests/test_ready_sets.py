"""The engine settings that ship for GPU machines: whole, consistent, with their source; and the engine knows every key.

vLLM is asked; of trtllm-serve, `data/trtllm_serve.toml` has the options.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

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
TRTLLM_SYSTEMS = ["8xH100-SXM-80GB_TRT-LLM", "8xA100-SXM-80GB_TRT-LLM"]
TRTLLM_SETS = [
    (system, "llama2-70b-99.9", scenario)
    for system in TRTLLM_SYSTEMS
    for scenario in (Scenario.OFFLINE, Scenario.SERVER)
]


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


@pytest.mark.parametrize(("system", "benchmark", "scenario"), [*SETS, *TRTLLM_SETS])
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


@pytest.mark.parametrize(("system", "benchmark", "scenario"), [*SETS, *TRTLLM_SETS])
def test_its_measurements(system: str, benchmark: str, scenario: Scenario) -> None:
    fields = json.loads((folder(system, benchmark, scenario) / "measurements.json").read_text())
    assert set(fields) == set(load_rulebook("v6.1").measurements.required_fields)
    assert fields["retraining"] == "No"


def serve_command(system: str, benchmark: str, scenario: Scenario) -> dict[str, str]:
    """The flags of trtllm-serve in the README of a set, with their values."""
    text = (folder(system, benchmark, scenario) / "README.md").read_text()
    found = re.search(r"trtllm-serve \S+ (--backend .*?) > server", text.replace("\\\n", " "), re.DOTALL)
    assert found, "the README has no command that serves the model"
    words = shlex.split(found[1].replace("$((8001 + i))", "8001"))
    assert len(words) % 2 == 0, "each flag has a value here"
    return dict(zip(words[::2], words[1::2], strict=True))


def trtllm_options(system: str, benchmark: str, scenario: Scenario) -> dict[str, Any]:
    options: dict[str, Any] = yaml.safe_load((folder(system, benchmark, scenario) / "trtllm-serve.yaml").read_text())
    return options


@pytest.mark.parametrize(("system", "benchmark", "scenario"), TRTLLM_SETS)
def test_a_set_of_trtllm_serve(system: str, benchmark: str, scenario: Scenario) -> None:
    """One server for each replica, on the ports of the README; and together they are given as much as they can hold."""
    settings = engine_settings(table(system, benchmark), scenario)
    engines.check_settings("endpoint", settings.settings, settings.sampling)
    assert (settings.engine, settings.settings["server"]) == ("endpoint", "trtllm")
    flags = serve_command(system, benchmark, scenario)
    urls = settings.settings["urls"]
    stages = int(flags.get("--pp_size", 1))
    assert len(urls) * int(flags["--tp_size"]) * stages == int(system.partition("x")[0])
    ports = [int(url.rpartition(":")[2]) for url in urls]
    assert ports[0] == int(flags["--port"])
    assert all(later == earlier + 1 for earlier, later in pairwise(ports))
    # Each stage of a pipeline works on a batch of its own.
    assert settings.in_flight >= 1.1 * len(urls) * int(flags["--max_batch_size"]) * stages
    assert int(flags["--max_num_tokens"]) >= int(flags["--max_batch_size"])
    limit = load_rulebook("v6.1").benchmark(benchmark).max_new_tokens
    assert limit is not None
    assert int(flags["--max_seq_len"]) >= 1024 + limit
    text = (folder(system, benchmark, scenario) / "engine.toml").read_text()
    assert "# Source: " in text
    assert all(len(line) <= 120 for line in text.splitlines())


@pytest.mark.parametrize(("system", "benchmark", "scenario"), TRTLLM_SETS)
def test_trtllm_serve_knows_every_option(system: str, benchmark: str, scenario: Scenario) -> None:
    known = tomllib.loads((ROOT / "tests/data/trtllm_serve.toml").read_text())
    flags = serve_command(system, benchmark, scenario)
    assert set(flags) <= set(known["flags"])
    options = trtllm_options(system, benchmark, scenario)
    assert set(options) <= set(known["yaml"])
    for name, content in options.items():
        for key, value in content.items() if isinstance(content, dict) else ():
            choices = known[name][key]
            assert value in choices if choices else isinstance(value, (bool, int, float))
    assert flags["--extra_llm_api_options"].endswith(f"{benchmark}/{scenario}/trtllm-serve.yaml")


@pytest.mark.parametrize(("system", "benchmark", "scenario"), TRTLLM_SETS)
def test_no_cache_across_queries(system: str, benchmark: str, scenario: Scenario) -> None:
    """The rules forbid it, and TensorRT-LLM has it on by default."""
    assert trtllm_options(system, benchmark, scenario)["kv_cache_config"]["enable_block_reuse"] is False


@pytest.mark.parametrize(("system", "benchmark", "scenario"), TRTLLM_SETS)
def test_the_flags_and_the_options_agree(system: str, benchmark: str, scenario: Scenario) -> None:
    flags = serve_command(system, benchmark, scenario)
    options = trtllm_options(system, benchmark, scenario)
    if flags["--backend"] == "pytorch":
        assert options["cuda_graph_config"]["max_batch_size"] == int(flags["--max_batch_size"])
    else:  # the engine must have been built for them
        text = (folder(system, benchmark, scenario) / "README.md").read_text()
        build = text.partition("trtllm-build")[2].partition("\n\n")[0]
        for name in ("--max_batch_size", "--max_num_tokens", "--max_seq_len"):
            assert f"{name} {flags[name]}" in build


@pytest.mark.parametrize("system", TRTLLM_SYSTEMS)
def test_one_start_of_the_servers_is_for_all_scenarios(system: str) -> None:
    """run-all runs one scenario after the other, and starts no server."""
    benchmark = "llama2-70b-99.9"
    started = []
    for scenario in (Scenario.OFFLINE, Scenario.SERVER):
        flags = serve_command(system, benchmark, scenario)
        del flags["--extra_llm_api_options"]
        urls = engine_settings(table(system, benchmark), scenario).settings["urls"]
        started.append((flags, trtllm_options(system, benchmark, scenario), urls))
    assert started[0] == started[1]


@pytest.mark.parametrize("system", [*SYSTEMS, *TRTLLM_SYSTEMS])
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
