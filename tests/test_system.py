"""What the host says, what only a person knows, and what the schema refuses."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from submitter import schema, system
from submitter.errors import InputError
from submitter.rulebook import load_rulebook

ROOT = Path(__file__).parents[1]
PERSONS = {"division", "submitter", "status", "system_name", "system_type", "system_type_detail", "cooling", "hw_notes"}


def demo() -> dict[str, object]:
    return system.complete(
        system.read(ROOT / "systems" / "cpu-demo.json"), {"framework": "vLLM 0", **system.describe()}
    )


def tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first on the PATH, so that what lies there is found before the host's own tools."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_the_host_is_described_by_what_it_shows():
    facts = system.describe()
    kilobytes = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1])
    assert facts["host_memory_capacity"] == f"{kilobytes / 2**20:.1f} GiB"
    assert facts["operating_system"] in Path("/etc/os-release").read_text()
    sockets, cores = int(facts["host_processors_per_node"]), int(facts["host_processor_core_count"])
    assert 1 <= sockets * cores <= os.cpu_count()
    assert all(isinstance(value, str) and value.strip() for value in facts.values()), "never an empty text"
    assert facts == system.describe(), "a fact is the same when asked again"


def test_what_only_a_person_knows_is_listed_and_not_invented():
    facts = system.describe()
    assert not PERSONS & facts.keys()
    assert set(system.missing(facts)) >= PERSONS


def test_an_empty_answer_is_missing_only_where_the_rules_want_a_meaningful_one():
    whole = demo()
    assert system.missing(whole) == []
    assert system.missing({**whole, "cooling": "", "hw_notes": "", "accelerators_per_node": 0}) == [
        "accelerators_per_node",
        "cooling",
    ]
    assert system.missing({**whole, "framework": "  "}) == ["framework"]


def test_the_demo_system_is_complete_with_its_hosts_facts():
    whole = demo()
    system.validate(whole)
    assert whole["submitter"] == "Example"
    assert list(whole) == [name for name in schema.load("system")["properties"] if name in whole]


def test_the_persons_word_counts_over_the_hosts():
    assert system.complete({"cooling": "air", "operating_system": "mine"}, {"operating_system": "found"}) == {
        "operating_system": "mine",
        "cooling": "air",
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colling": "air"}, r"colling is no known field \(did you mean 'cooling'\?\)"),
        ({"zzz": "air"}, "zzz is no known field$"),
        ({"status": "Available"}, 'status is "Available", not one of available, preview, rdi'),
        ({"accelerators_per_node": 0}, "accelerators_per_node is 0, which says nothing"),
        ({"framework": " "}, 'framework is " ", which says nothing'),
        ({"cooling": ["air"]}, "cooling is no string or integer"),
        ({"division": {"a": {"b": "c" * 500}}}, "division is .*not one of"),
    ],
)
def test_a_wrong_field_is_named(change, message):
    with pytest.raises(InputError, match=message):
        system.validate({**demo(), **change})


def test_every_missing_field_is_named_once():
    whole = demo()
    with pytest.raises(InputError, match="3 problems") as error:
        system.validate({key: whole[key] for key in whole if key not in ("cooling", "division", "sw_notes")}, "x.json")
    for name in ("cooling", "division", "sw_notes"):
        assert error.value.message.count(f"{name} is missing") == 1
    assert error.value.message.startswith("x.json: ")


@pytest.mark.parametrize("document", [None, [], "text", 3])
def test_what_is_no_object_is_refused(document):
    with pytest.raises(InputError, match="the document is no object"):
        system.validate(document)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is no JSON file"),
        (b"\xff\x00", "is no JSON file"),
        (b"[" * 100_000, "is no JSON file"),
        (b"[]", "is no JSON object"),
        (b'{"statsu": "available"}', "did you mean 'status'"),
        (b'{"status": "ready"}', "not one of available"),
    ],
)
def test_a_file_that_is_no_description_is_refused(content, message, tmp_path):
    path = tmp_path / "system.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        system.read(path)
    with pytest.raises(InputError, match="does not exist"):
        system.read(tmp_path / "nowhere.json")


def test_a_part_of_a_description_reads_as_it_is(tmp_path):
    path = tmp_path / "system.json"
    path.write_text(json.dumps({"cooling": "air"}))
    assert system.read(path) == {"cooling": "air"}


def test_nvidia_accelerators_are_described_by_nvidia_smi(tools):
    tool(
        tools,
        "nvidia-smi",
        """case "$*" in
*driver_version*) echo 580.95; echo 580.95 ;;
topo*) printf 'GPU0 GPU1\\nGPU0  X  NV18\\nGPU1 NV18  X\\nLegend:\\n  SYS = a path\\n' ;;
*) echo 'NVIDIA H200, 143771, 1980, 5, 16'; echo 'NVIDIA H200, 143771, 1980, 5, 16' ;;
esac""",
    )
    facts = system.describe()
    assert facts["accelerators_per_node"] == "2"
    assert facts["accelerator_model_name"] == "NVIDIA H200"
    assert facts["accelerator_memory_capacity"] == "140 GiB"
    assert facts["accelerator_host_interconnect"] == "PCIe Gen5 x16"
    assert facts["accelerator_interconnect"] == "NVLink (NV18)"
    assert "NVIDIA driver 580.95" in facts["other_software_stack"]
    assert "accelerator_memory_configuration" in system.missing(facts), "nvidia-smi does not tell the memory's kind"


def test_amd_accelerators_are_described_by_rocm_smi(tools):
    tool(tools, "nvidia-smi", "exit 9")
    card = {"Card Series": "AMD Instinct MI300X OAM", "VRAM Total Memory (B)": str(192 * 2**30)}
    tool(tools, "rocm-smi", f"echo '{json.dumps({'card0': card, 'card1': card, 'system': {}})}'")
    facts = system.describe()
    assert facts["accelerators_per_node"] == "2"
    assert facts["accelerator_model_name"] == "AMD Instinct MI300X OAM"
    assert facts["accelerator_memory_capacity"] == "192 GiB"
    assert "accelerator_interconnect" in system.missing(facts)


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "printf '\\377\\376'", "sleep 60"])
def test_a_tool_that_fails_tells_nothing_and_stops_nothing(script, tools, monkeypatch):
    monkeypatch.setattr(system, "TOOL_LIMIT_S", 0.2)
    for name in ("nvidia-smi", "rocm-smi", "dmidecode"):
        tool(tools, name, script)
    facts = system.describe()
    assert facts["accelerators_per_node"] == "0", "a text: the official checker takes a plain 0 for an empty answer"
    assert facts["accelerator_model_name"] == "N/A"


def test_the_schema_wants_what_the_round_wants():
    rules = load_rulebook("v6.1").system
    described = schema.load("system")
    assert set(described["required"]) == set(rules.required_fields)
    may_be_empty = {
        name for name in described["required"] if described["properties"][name].get("$ref") == "#/$defs/answer"
    }
    assert set(described["required"]) - may_be_empty == set(rules.meaningful_fields)
    assert set(described["properties"]["status"]["enum"]) == set(rules.statuses)
    assert set(described["properties"]["system_type"]["enum"]) == set(rules.system_types)
    assert set(schema.load("measurements")["required"]) == set(load_rulebook("v6.1").measurements.required_fields)
