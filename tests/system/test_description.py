"""What is detected, what only a person knows, and what the schema refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from submitter import schema, system
from submitter.errors import InputError
from submitter.rulebook import load_rulebook

ROOT = Path(__file__).parents[2]
PERSONS = {"division", "submitter", "status", "system_name", "system_type", "system_type_detail", "cooling", "hw_notes"}


def demo() -> dict[str, object]:
    return system.complete(
        system.read(ROOT / "systems" / "cpu-demo.json"), {"framework": "vLLM 0", **system.describe()}
    )


def test_what_is_detected_is_a_text_and_the_same_when_detected_again():
    facts = system.describe()
    assert facts["number_of_nodes"] == "1"
    assert all(isinstance(value, str) and value.strip() for value in facts.values()), "never an empty text"
    assert facts == system.describe()
    assert facts.keys() <= schema.load("system")["properties"].keys()


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
        ({"colling": "air"}, r"colling is not a known field \(did you mean 'cooling'\?\)"),
        ({"zzz": "air"}, "zzz is not a known field$"),
        ({"status": "Available"}, 'status is "Available", not one of available, preview, rdi'),
        ({"accelerators_per_node": 0}, "accelerators_per_node is 0, which is not a meaningful value"),
        ({"framework": " "}, 'framework is " ", which is not a meaningful value'),
        ({"cooling": ["air"]}, "cooling is not of type string or integer"),
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
    with pytest.raises(InputError, match="the document is not of type object"):
        system.validate(document)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not a JSON file"),
        (b"\xff\x00", "it is not UTF-8 text"),
        (b"[" * 100_000, "is not a JSON file"),
        (b"[]", "is not a JSON object"),
        (b'{"statsu": "available"}', "did you mean 'status'"),
        (b'{"status": "ready"}', "not one of available"),
    ],
)
def test_a_file_that_is_no_description_is_refused(content, message, tmp_path):
    path = tmp_path / "system.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        system.read(path)
    with pytest.raises(InputError, match="there is no system description"):
        system.read(tmp_path / "nowhere.json")


def test_a_mark_for_a_person_is_no_wrong_value(tmp_path):
    path = tmp_path / "system.json"
    fields = {"status": "TODO(person): available, preview or rdi", "system_type": "datacenter"}
    path.write_text(json.dumps(fields))
    assert system.read(path) == fields
    path.write_text(json.dumps(fields | {"system_type": "mainframe"}))
    with pytest.raises(InputError, match="system_type is") as error:
        system.read(path)
    assert Path(error.value.hint.rpartition(" ")[2]).is_file(), "the schema that the hint names is there"


def test_a_part_of_a_description_reads_as_it_is(tmp_path):
    path = tmp_path / "system.json"
    path.write_text(json.dumps({"cooling": "air"}))
    assert system.read(path) == {"cooling": "air"}


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
