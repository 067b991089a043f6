"""PRV: a tree that has a manifest is held to it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from damage import Damage
from manifest_tree import COMMAND, manifest_path, sha256_of, write_manifest, write_tied_tree
from rule_cases import cases
from submission_tree import Tree

from submitter.checker.registry import all_rules
from submitter.layout import ACCURACY_LOG, DETAIL_LOG, ENGINE_TOML, SUMMARY_LOG, USER_CONF
from submitter.manifest import content_sha256


def _edit(change: Callable[[dict[str, Any]], object]) -> Damage:
    """A manifest that says something else and that was sealed again: only its content can show that it is wrong."""

    def edit(tree: Tree) -> None:
        content = json.loads(manifest_path(tree).read_text())
        change(content)
        content["content_sha256"] = content_sha256(content)
        manifest_path(tree).write_text(json.dumps(content))

    return edit


def _run(manifest: dict[str, Any], mode: str) -> dict[str, Any]:
    run: dict[str, Any] = manifest["results"][0]["runs"][mode]
    return run


def _text(old: str, new: str) -> Damage:
    """An edit of the manifest by hand."""
    return lambda tree: tree.replace(manifest_path(tree), old, new)


def _server(manifest: dict[str, Any]) -> dict[str, Any]:
    run: dict[str, Any] = manifest["results"][1]["runs"]["performance"]
    return run


def _host(manifest: dict[str, Any], mode: str) -> dict[str, Any]:
    host: dict[str, Any] = _run(manifest, mode)["provenance"]["host"]
    return host


CHANGES: list[tuple[str, Damage]] = [
    ("PRV001", lambda tree: manifest_path(tree).unlink()),
    ("PRV002", lambda tree: manifest_path(tree).write_text("{}")),
    ("PRV002", lambda tree: manifest_path(tree).write_text("not json")),
    ("PRV002", _edit(lambda manifest: manifest.update(round="v6.0"))),
    ("PRV003", lambda tree: (tree.result() / "README.md").write_text("changed")),
    ("PRV003", lambda tree: (tree.result() / "README.md").unlink()),
    ("PRV003", lambda tree: (tree.result() / "new.txt").write_text("new")),
    ("PRV003", lambda tree: os.truncate(tree.result() / "README.md", 1 << 40)),
    ("PRV004", _edit(lambda manifest: manifest["results"].pop())),
    ("PRV004", lambda tree: tree.result().rename(tree.base / "Interactive")),
    ("PRV005", _edit(lambda manifest: _run(manifest, "accuracy")["dataset"].update(sha256="d" * 64))),
    ("PRV005", _edit(lambda manifest: _run(manifest, "TEST06")["model"].update(sha256="d" * 64))),
    ("PRV005", _edit(lambda manifest: _host(manifest, "accuracy").update(processor="another"))),
    ("PRV005", _edit(lambda manifest: _host(manifest, "TEST06").update(driver="580.1"))),
    ("PRV005", _edit(lambda manifest: _run(manifest, "TEST06")["provenance"].update(tokenizer_sha256="f" * 64))),
    ("PRV005", _edit(lambda manifest: _run(manifest, "accuracy")["provenance"].update(loadgen_sha256="f" * 64))),
    ("PRV005", _edit(lambda manifest: _run(manifest, "accuracy")["packages"].update(vllm="0.9"))),
    ("PRV005", _edit(lambda manifest: _run(manifest, "accuracy")["engine_settings"].update(in_flight=7))),
    ("PRV006", _edit(lambda manifest: _run(manifest, "accuracy").update(scenario="Server"))),
    ("PRV006", _edit(lambda manifest: _run(manifest, "performance").update(system="another"))),
    ("PRV007", _edit(lambda manifest: manifest["results"][0].update(accuracy_log_sha256="e" * 64))),
    ("PRV008", _edit(lambda manifest: _run(manifest, "performance")["metric"].update(value=99999.0))),
    ("PRV009", _edit(lambda manifest: manifest["results"][0].update(accuracy_target={"rouge1": 44.5}))),
    ("PRV009", _edit(lambda manifest: manifest["results"][0].update(accuracy_target={"rouge9": 1.0}))),
    ("PRV010", _edit(lambda manifest: _run(manifest, "performance")["files"].update({DETAIL_LOG: "e" * 64}))),
    ("PRV010", _edit(lambda manifest: _run(manifest, "TEST06")["files"].update({DETAIL_LOG: "e" * 64}))),
    ("PRV010", _edit(lambda manifest: _run(manifest, "accuracy")["files"].update({ACCURACY_LOG: "e" * 64}))),
    ("PRV010", _edit(lambda manifest: _run(manifest, "performance")["files"].update({SUMMARY_LOG: "e" * 64}))),
    ("PRV010", _edit(lambda manifest: _run(manifest, "performance")["files"].update({ACCURACY_LOG: "e" * 64}))),
    ("PRV010", _edit(lambda manifest: _run(manifest, "TEST06")["files"].update({ACCURACY_LOG: "e" * 64}))),
    ("PRV011", _text('"rouge1": 44.0', '"rouge1": 43.0')),
    ("PRV011", _text('"smoke": false, "full_run"', '"smoke": true, "full_run"')),
    ("PRV011", _text('"content_sha256"', '"submitter_version"')),
    ("PRV012", _edit(lambda manifest: _run(manifest, "performance").update(valid=False))),
    ("PRV012", _edit(lambda manifest: _run(manifest, "TEST06").update(valid=False))),
    ("PRV013", _edit(lambda manifest: manifest["results"][0]["scores"].update(rouge1=99.9))),
    ("PRV013", _edit(lambda manifest: manifest["results"][0]["scores"].update(rouge9=1.0))),
    ("PRV014", _edit(lambda manifest: _run(manifest, "performance")["files"].update({USER_CONF: "e" * 64}))),
    ("PRV014", _edit(lambda manifest: _run(manifest, "performance")["files"].update({ENGINE_TOML: "e" * 64}))),
    ("PRV015", _edit(lambda manifest: _server(manifest)["packages"].update(vllm="0.9"))),
    ("PRV015", _edit(lambda manifest: _server(manifest)["provenance"]["host"].update(processor="another"))),
]


CASES = cases(write_tied_tree, CHANGES)


@pytest.fixture
def tied(tmp_path: Path) -> Tree:
    return write_tied_tree(tmp_path / "submission")


def test_a_tied_tree_breaks_no_rule(tied: Tree) -> None:
    report = tied.check()
    assert report.findings == ()
    assert report.verdict == "pass"


def test_a_manifest_of_an_older_version_is_read_and_compared_in_what_it_tells(tied: Tree) -> None:
    """Records of version 1 have no provenance; one that has none does not disagree with one that has."""

    def older(manifest: dict[str, Any]) -> None:
        for result in manifest["results"]:
            del result["runs"]["accuracy"]["provenance"]
            result["runs"]["accuracy"]["version"] = 1

    _edit(older)(tied)
    assert tied.check().findings == ()
    _edit(lambda manifest: _host(manifest, "TEST06").update(processor="another"))(tied)
    (finding,) = tied.found("PRV005")
    assert "differ in their processor" in finding.message


def test_a_manifest_written_again_for_another_log_is_found(tied: Tree) -> None:
    """The files agree with the manifest, and the log is not the one that the recorded run wrote."""
    log = tied.performance_log("Server")
    tied.set(log, effective_target_qps=201)
    name = log.relative_to(tied.root).as_posix()
    _edit(lambda manifest: manifest["files"].update({name: sha256_of(log)}))(tied)
    (finding,) = tied.found("PRV010")
    assert finding.path == name
    assert tied.found("PRV003") == []


def test_a_tree_without_a_manifest_gets_one_note(tied: Tree) -> None:
    manifest_path(tied).unlink()
    (finding,) = tied.check().findings
    assert (finding.rule, finding.severity) == ("PRV001", "note")
    assert tied.check().exit_code == 0


SHORT = {
    "effective_min_duration_ms": 2000,
    "power_end": "08-30-2026 09:40:12.300",
    "result_query_count": 100,
    "effective_performance_sample_count": 64,
}
WAIVED = {"PRF006", "PRF007", "PRF008", "ACC003", "ACC004", "MEA004"}


def _shorten(tree: Tree) -> None:
    for scenario in ("Offline", "Server"):
        tree.set(tree.performance_log(scenario), **SHORT)
        tree.set(tree.accuracy(scenario) / "mlperf_log_detail.txt", effective_accuracy_sample_count=64)
        tree.replace(tree.accuracy(scenario) / "accuracy.txt", "'gen_num': 24576", "'gen_num': 64")


def test_a_smoke_tree_is_waived_what_a_short_run_must_violate(tied: Tree) -> None:
    _shorten(tied)
    write_manifest(tied, smoke=True)
    report = tied.check()
    assert report.findings == ()
    assert (report.verdict, report.exit_code, report.smoke) == ("preview", 0, True)
    assert {result.verdict for result in report.results} == {"preview"}
    assert {waived.rule for waived in report.waived} == WAIVED
    assert all(waived.why for waived in report.waived)
    assert [run.command for run in report.full_runs] == [COMMAND]


def test_the_same_tree_without_the_mark_fails(tied: Tree) -> None:
    _shorten(tied)
    write_manifest(tied)
    report = tied.check()
    assert report.exit_code == 1
    assert WAIVED - {"PRF007"} <= {f.rule for f in report.findings}


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"result_validity": "INVALID"}, "PRF010"),
        ({"effective_qsl_rng_seed": 1}, "PRF004"),
        ({"result_first_token_99__00_percentile_latency_ns": 3 * 10**9}, "PRF020"),
    ],
)
def test_a_smoke_tree_is_waived_nothing_else(tied: Tree, changed: dict[str, Any], rule: str) -> None:
    _shorten(tied)
    log = tied.performance_log("Server")
    tied.set(log, **changed)
    log.with_name("mlperf_log_summary.txt").write_text(f"Result is : {changed.get('result_validity', 'VALID')}\n")
    write_manifest(tied, smoke=True)
    report = tied.check()
    assert [finding.rule for finding in report.findings] == [rule]
    assert (report.verdict, report.exit_code) == ("fail", 1)
    assert {result.key.scenario: result.verdict for result in report.results} == {
        "Offline": "preview",
        "Server": "invalid",
    }


def test_only_rules_that_say_why_are_waived() -> None:
    waivable = {rule.id for rule in all_rules() if rule.smoke}
    assert waivable == WAIVED | {"PRF009", "PRF028", "ACC002", "CMP008"}
