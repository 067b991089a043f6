"""A campaign starts in every round, in every division, for every benchmark of the round that it can run."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from submitter import campaign as c
from submitter import compliance
from submitter.campaign.preflight import preflight
from submitter.errors import InputError, NotInstalledError, PaperworkError, SubmitterError
from submitter.model import Division, Scenario
from submitter.rulebook import load_rulebook, round_names

CASES = [
    (round_name, division, name)
    for round_name, division in product(round_names(), Division)
    for name, benchmark in load_rulebook(round_name).benchmarks.items()
    if benchmark.is_llm and benchmark.max_new_tokens and benchmark.eos_token_id is not None
]
# In the network division the SUT is another system: here one of an address that nobody has (RFC 5737).
SERVER = 'engine = "endpoint"\n[settings]\nurls = ["http://192.0.2.1:8000"]\nconnect_timeout_s = 0.05\n'


def write_campaign(folder: Path, round_name: str, division: Division, name: str) -> Path:
    """A campaign whose model and data set are not there yet, and whose documents are complete."""
    rules = load_rulebook(round_name).benchmark(name)
    system_type = "datacenter" if "datacenter" in rules.scenarios else "edge"
    scenarios = sorted(rules.scenarios[system_type].allowed)
    for scenario in scenarios:
        place = folder / "measurements" / scenario
        place.mkdir(parents=True)
        model = rules.loadgen_model_for(scenario)
        key = "target_latency" if scenario is Scenario.SINGLE_STREAM else "target_qps"
        (place / "user.conf").write_text(f"{model}.{scenario.loadgen_name}.{key} = 20\n")
        (place / "engine.toml").write_text(SERVER if division is Division.NETWORK else 'engine = "vllm"\n')
        if "mlperf.conf" in load_rulebook(round_name).measurements.required_files:
            (place / "mlperf.conf").write_text("*.*.sample_concatenate_permutation = 1\n")
        fields = load_rulebook(round_name).measurements.required_fields
        (place / "measurements.json").write_text(json.dumps(dict.fromkeys(fields, "fp8")))
        (place / "README.md").write_text("Run it with submitter.\n")
    documentation = folder / "documentation"
    documentation.mkdir()
    (documentation / "calibration.md").write_text("FP8 weights, block scales, computed from the weights alone.\n")
    (documentation / "bandwidth.md").write_text("Two network cards of 400 Gb/s; the data path is over PCIe.\n")
    system = dict.fromkeys(load_rulebook(round_name).system.required_fields, "N/A")
    system |= {
        "number_of_nodes": 1,
        "accelerators_per_node": "8",
        "status": "available",
        "division": str(division),
        "submitter": "Example",
        "system_type": system_type,
    }
    if division is Division.NETWORK:
        rule = load_rulebook(round_name).system
        system |= dict.fromkeys(rule.network_fields, "400 Gb/s Ethernet") | {"is_network": "true"}
    (folder / "system.json").write_text(json.dumps(system))
    (folder / "campaign.toml").write_text(
        f'round = "{round_name}"\ndivision = "{division}"\nsubmitter = "Example"\noutput = "out"\n'
        f'documentation = "documentation"\n[system]\nid = "box"\ndescription = "system.json"\n[[benchmarks]]\n'
        f'name = "{name}"\nscenarios = {json.dumps(scenarios)}\nmodel = "model"\ndataset = "data"\n'
        f'measurements = "measurements"\n'
    )
    return folder / "campaign.toml"


@pytest.mark.parametrize(("round_name", "division", "name"), CASES)
def test_only_model_and_data_set_are_missing(round_name: str, division: Division, name: str, tmp_path: Path) -> None:
    outline = c.outline_campaign(c.load_campaign(write_campaign(tmp_path, round_name, division, name)))
    outcomes = list(preflight(outline))
    wrong = [o for o in outcomes if isinstance(o, SubmitterError) and not isinstance(o, NotInstalledError)]
    expected = [f"there is no data set {tmp_path / 'data'}", f"there is no checkpoint folder {tmp_path / 'model'}"]
    try:
        audits = compliance.runs(outline.book, name)
    except InputError as error:  # such a benchmark is refused, with the reason
        expected.insert(0, error.message)
        audits = ()
    if division is Division.NETWORK and "datacenter" not in outline.book.benchmark(name).scenarios:
        expected.append(
            f"{tmp_path / 'system.json'}: system_type is 'edge', and division network is for datacenter systems"
        )
    assert [error.message for error in wrong] == expected
    assert not any(isinstance(error, PaperworkError) for error in wrong)
    scenarios = len(outline.benchmarks[0].table.scenarios)
    assert len(outline.all_runs) == scenarios * (2 + len(audits))
    assert any(isinstance(o, c.PassedCheck) and o.name == "tree" for o in outcomes)
    assert outline.expected_s > scenarios * 600


def test_there_are_cases_of_every_round() -> None:
    assert {round_name for round_name, *_ in CASES} == set(round_names())
