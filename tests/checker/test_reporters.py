"""What a reader sees: the text and the JSON report."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from submission_tree import Tree, write_tree
from test_rules_provenance import COMMAND, write_manifest

from submitter.checker.registry import all_rules
from submitter.checker.reporters import json as json_report
from submitter.checker.reporters import text
from submitter.model import Scenario

REPOSITORY = Path(__file__).parents[2]

FAILING = """\
closed/Acme/results/2xH200/llama2-70b-99.9
  ✗ Interactive  58,520 Tokens/s  invalid
  ✗ Offline      61,980 Tokens/s  invalid
     ACC002  rouge1 misses the target
             found 44.3, required at least 44.3868
             Offline/accuracy/accuracy.txt:1
             → a less lossy quantisation, or the open division
     PRF013  TTFT p99 is not below the Interactive limit
             found 1019.2 ms, required below 450 ms
             Interactive/performance/run_1/mlperf_log_detail.txt:36
             → lower target_qps until both 99th percentiles are below their limits

around the results
     PRV001  note: there is no manifest, so where the runs come from was not checked
             closed/Acme/documentation/submitter_manifest.json
             → trees of submitter assemble have one

FAIL  2 errors, 0 warnings, 1 note in 2 results (2 invalid); {rules} rules of round v6.1 on 19 files
"""


def test_a_failing_check_reads_like_this(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, scenarios=(Scenario.OFFLINE, Scenario.INTERACTIVE))
    tree.replace(tree.accuracy() / "accuracy.txt", "44.4495", "44.30")
    tree.set(tree.performance_log("Interactive"), result_first_token_99__00_percentile_latency_ns=1_019_241_339)
    assert text.render(tree.check(), colour=False) == FAILING.format(rules=len(all_rules()))


def test_colour_comes_only_when_asked(tree: Tree) -> None:
    report = tree.check()
    assert "\033" not in text.render(report, colour=False)
    assert "\033[32;1mPASS\033[0m" in text.render(report, colour=True)


def test_the_same_finding_in_many_files_is_said_once(tree: Tree) -> None:
    for scenario in ("Offline", "Server"):
        tree.set(tree.performance_log(scenario), effective_qsl_rng_seed=1, effective_schedule_rng_seed=2)
    rendered = text.render(tree.check(), colour=False)
    assert rendered.count("qsl_rng_seed is not the round's") == 1
    assert rendered.count("→ run again with the LoadGen of this round") == 1
    assert "Server/performance/run_1/mlperf_log_detail.txt:" in rendered


def test_a_smoke_run_says_so_first(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open")
    tree.set(tree.performance_log(), effective_min_duration_ms=2000, power_end=None)
    write_manifest(tree, smoke=True)
    lines = text.render(tree.check(), colour=False).splitlines()
    assert "SMOKE RUN: not a submission" in lines[1]
    assert f"{COMMAND}   (about 45 min)" in lines[3]
    assert any(line.split()[:3] == ["PRF006", "1", "×"] for line in lines)
    assert lines[-1].startswith("PREVIEW  0 errors")


@pytest.mark.parametrize("broken", [False, True])
def test_the_json_report_follows_its_schema(tree: Tree, broken: bool) -> None:
    if broken:
        tree.set(tree.performance_log(), effective_qsl_rng_seed=1, result_tokens_per_second=None)
    schema = json.loads((REPOSITORY / "schemas" / "report.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(json_report.render(tree.check(), colour=False))
    jsonschema.validate(document, schema)
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
    jsonschema.validate(document, json.loads((REPOSITORY / "schemas" / "report.schema.json").read_text()))
    assert document["verdict"] == "preview"
    assert [waived["rule"] for waived in document["waived"]] == ["MEA004", "PRF006"]


def test_names_from_strangers_are_printed_safely(tree: Tree) -> None:
    tree.edit_json(tree.system_json(), status="\x1b[2J\ud800\n" + "x" * 10_000)
    rendered = text.render(tree.check(), colour=False)
    rendered.encode("utf-8")
    assert "\x1b" not in rendered
    assert max(map(len, rendered.splitlines())) < 400
