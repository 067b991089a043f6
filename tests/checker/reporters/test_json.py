"""The JSON report, which follows its schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from manifest_tree import write_manifest
from submission_tree import Tree, write_tree

from submitter.checker.reporters import json as json_report

REPOSITORY = Path(__file__).parents[3]
SCHEMA = json.loads((REPOSITORY / "schemas" / "report.schema.json").read_text())


@pytest.mark.parametrize("broken", [False, True])
def test_the_json_report_follows_its_schema(tree: Tree, broken: bool) -> None:
    if broken:
        tree.set(tree.performance_log(), effective_qsl_rng_seed=1, result_tokens_per_second=None)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(json_report.render(tree.check(), colour=False))
    jsonschema.validate(document, SCHEMA)
    assert document["verdict"] == ("fail" if broken else "pass")
    offline, server = document["results"]
    assert offline["path"] == "closed/Acme/results/2xH200/llama2-70b-99.9/Offline"
    assert offline["metric"] == (None if broken else {"value": 61980.25, "unit": "Tokens/s"})
    assert server["verdict"] == "valid"


def test_the_json_report_of_a_smoke_run_follows_its_schema(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open")
    tree.set(tree.performance_log(), effective_min_duration_ms=2000)
    write_manifest(tree, smoke=True)
    document = json.loads(json_report.render(tree.check(), colour=False))
    jsonschema.validate(document, SCHEMA)
    assert document["verdict"] == "preview"
    assert [waived["rule"] for waived in document["waived"]] == ["MEA004", "PRF006"]


def test_a_result_names_the_rules_that_refuse_it_wherever_they_are_reported(tree: Tree) -> None:
    def refused() -> list[tuple[str, list[str]]]:
        document = json.loads(json_report.render(tree.check(), colour=False))
        jsonschema.validate(document, SCHEMA)
        return [(result["verdict"], result["refused_by"]) for result in document["results"]]

    assert refused() == [("valid", []), ("valid", [])]
    tree.set(tree.performance_log(), effective_qsl_rng_seed=1)
    assert refused() == [("invalid", ["PRF004"]), ("valid", [])]
    tree.system_json().write_text("{")
    assert refused() == [("invalid", ["STR002"]), ("invalid", ["STR002"])]


@pytest.mark.parametrize("profile", ["full", "official"])
def test_the_json_report_tells_the_profile_the_waivers_and_what_is_missing(tree: Tree, profile: str) -> None:
    tree.set(tree.performance_log(), effective_qsl_rng_seed=1)
    broken = {finding.rule for finding in tree.check(profile=profile).findings if finding.severity == "error"}
    assert len(broken) == 1
    waive = dict.fromkeys(broken, "last round's seed, by agreement")
    document = json.loads(json_report.render(tree.check(profile=profile, waive=waive, partial=True), colour=False))
    jsonschema.validate(document, SCHEMA)
    assert document["profile"] == profile
    assert {waived["rule"]: waived["why"] for waived in document["waived"]} == waive
    assert document["waived"][0]["findings"][0]["found"].endswith("1")
    assert document["summary"]["waived"] == 1
    assert list(document["partial"]) == ["right", "wrong", "missing"]
    assert document["partial"]["right"]


def test_the_schema_is_strict(tree: Tree) -> None:
    document = json.loads(json_report.render(tree.check(), colour=False))
    jsonschema.validate(document, SCHEMA)
    for spoil in (
        lambda d: d.update(version=2),
        lambda d: d.update(more=1),
        lambda d: d.pop("profile"),
        lambda d: d["results"][0].update(verdict="fail"),
        lambda d: d["results"][0].pop("inferred"),
        lambda d: d["findings"][0].update(line=0),
        lambda d: d["summary"].update(errors="none"),
        lambda d: d.update(partial={"right": []}),
    ):
        spoiled = json.loads(json.dumps(document))
        spoil(spoiled)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(spoiled, SCHEMA)
