"""Gives a small valid tree the manifest that it would have been assembled with."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from submission_tree import BENCHMARK, DATASET, SYSTEM, Tree, write_tree

from submitter.layout import ACCURACY_LOG, ACCURACY_TEXT, DETAIL_LOG, ENGINE_TOML, SUMMARY_LOG, USER_CONF
from submitter.logs import parse_accuracy_text, read_detail
from submitter.manifest import Manifest, ManifestFullRun, ManifestResult
from submitter.model import Mode, Scenario
from submitter.record import DatasetFacts, ModelFacts, Provenance, RecordedMetric, RunRecord

COMMAND = "submitter run-all examples/tiny-open.toml"
MODES = (Mode.PERFORMANCE, Mode.ACCURACY, Mode.TEST06)


def manifest_path(tree: Tree) -> Path:
    return tree.submitter / "documentation" / "submitter_manifest.json"


def record_of(tree: Tree, scenario: Scenario, mode: Mode) -> RunRecord:
    if scenario is Scenario.OFFLINE:
        metric = RecordedMetric(key="result_tokens_per_second", value=61980.25, unit="Tokens/s")
    else:
        metric = RecordedMetric(key="result_completed_tokens_per_second", value=58520.5, unit="Tokens/s")
    log = _run(tree, scenario, mode) / DETAIL_LOG
    return RunRecord(
        smoke=False,
        round="v6.1",
        system=SYSTEM,
        benchmark=BENCHMARK,
        official_benchmark=BENCHMARK,
        scenario=scenario,
        mode=mode,
        plan_sha256="a" * 64,
        engine="vllm",
        engine_settings={},
        dataset=DatasetFacts(name="stories", sample_count=DATASET, sha256="b" * 64),
        model=ModelFacts(name="tiny", sha256="c" * 64),
        loadgen_version="6.0.17",
        packages={"vllm": "0.10"},
        provenance=Provenance(
            tokenizer_sha256="1" * 64,
            loadgen_sha256="2" * 64,
            host={"processor": "Example 9000", "machine": "3" * 64, "driver": "570.1"},
        ),
        started_utc="2026-08-30T09:40:10Z",
        duration_s=677.0,
        sample_count=DATASET,
        token_count=100,
        metric=metric if mode is Mode.PERFORMANCE else None,
        valid=None if mode is Mode.ACCURACY else read_detail(log)["result_validity"] == "VALID",
        files=_files(tree, scenario, mode),
    )


def _run(tree: Tree, scenario: Scenario, mode: Mode) -> Path:
    folders = {
        Mode.PERFORMANCE: "performance/run_1",
        Mode.ACCURACY: "accuracy",
        Mode.TEST06: "TEST06/performance/run_1",
    }
    return tree.result(scenario.value) / folders[mode]


def _files(tree: Tree, scenario: Scenario, mode: Mode) -> dict[str, str]:
    """The hashes of a run's files, as its record has them."""
    result, run = tree.result(scenario.value), _run(tree, scenario, mode)
    answers = result / "TEST06/accuracy" if mode is Mode.TEST06 else run
    paths = [run / DETAIL_LOG, run / SUMMARY_LOG, answers / ACCURACY_LOG, result / USER_CONF, result / ENGINE_TOML]
    return {path.name: sha256_of(path) for path in paths if path.is_file()}


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_manifest(tree: Tree, *, smoke: bool = False) -> None:
    """The manifest that the tree as it stands would have been assembled with."""
    files = {
        path.relative_to(tree.root).as_posix(): sha256_of(path)
        for path in sorted(tree.submitter.rglob("*"))
        if path.is_file() and path != manifest_path(tree)
    }
    results = tuple(
        ManifestResult(
            path=tree.result(scenario.value).relative_to(tree.root).as_posix(),
            runs={mode.value: record_of(tree, scenario, mode) for mode in MODES},
            scores=parse_accuracy_text((tree.accuracy(scenario) / ACCURACY_TEXT).read_text()).metrics,
            accuracy_target={"rouge1": 44.0},
            accuracy_log_sha256=sha256_of(tree.accuracy(scenario) / "mlperf_log_accuracy.json"),
        )
        for scenario in (Scenario.OFFLINE, Scenario.SERVER)
    )
    full_run = ManifestFullRun(command=COMMAND, expected_s=2700)
    manifest = Manifest(
        submitter_version="0.1.0", round="v6.1", smoke=smoke, full_run=full_run, results=results, files=files
    )
    manifest_path(tree).write_text(json.dumps(manifest.sealed()))


def write_tied_tree(folder: Path) -> Tree:
    """A valid open submission with its manifest."""
    tree = write_tree(folder, "open")
    for scenario in (Scenario.OFFLINE, Scenario.SERVER):
        (tree.result(scenario.value) / ENGINE_TOML).write_text('engine = "vllm"\n')
        (_run(tree, scenario, Mode.PERFORMANCE) / ACCURACY_LOG).write_text("[\n]\n")
    write_manifest(tree)
    return tree
