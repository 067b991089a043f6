"""The rule books' other tables against each round's own official checker: files, metrics, audits, power, endpoints."""

from __future__ import annotations

import ast
import json
import re

import pytest
from official_constants import (
    NAMES,
    PACKAGE,
    assignment,
    by_name,
    each_round,
    needs_checkout,
    official_of,
    paths_of,
    text_of,
)

from submitter import compliance
from submitter.model import Scenario
from submitter.rulebook import load_rulebook

pytestmark = needs_checkout


@each_round
def test_files_are_the_official_ones(name: str) -> None:
    book, constants = load_rulebook(name), official_of(name).constants
    assert book.round.accuracy_run_files in ((), tuple(constants["REQUIRED_ACC_FILES"]))
    assert book.measurements.power_files in ((), tuple(constants["REQUIRED_POWER_MEASURE_FILES"]))
    test01 = book.compliance["TEST01"]
    assert test01.accuracy_files in ((), tuple(constants["REQUIRED_TEST01_ACC_FILES_1"]))
    assert test01.delta_files == tuple(constants["REQUIRED_TEST01_ACC_FILES"])
    for test in book.compliance.values():
        judged = tuple(constants["REQUIRED_COMP_PER_FILES"]) if test.performance_judged else ()
        assert test.performance_files == judged


@each_round
def test_audit_settings_are_those_of_the_audit_files(name: str) -> None:
    """Those that a test's files have in common, whatever the benchmark and the scenario."""
    book, official = load_rulebook(name), official_of(name)
    files = re.findall(r"^compliance/.*audit\.config$", paths_of(official.reference), re.M)
    for test_name, test in book.compliance.items():
        settings = {path: _audit(text_of(official.reference, path)) for path in files if f"/{test_name}/" in path}
        common = set.intersection(*settings.values()) - {("test05", "1")}
        ours = {(key, str(value)) for key, value in test.audit.items()}
        of_one_benchmark = len(settings) == 1 and f"/{test_name}/audit.config" not in next(iter(settings))
        assert ours <= common if of_one_benchmark else ours == common, test_name


@pytest.mark.parametrize("name", ["v6.0", "v6.1"])
def test_the_audit_files_of_benchmarks_are_planned_whole(name: str) -> None:
    """Of tests with a file a benchmark; all but the thresholds, which are the verification's and not LoadGen's."""
    book, reference = load_rulebook(name), official_of(name).reference
    planned = 0
    for official, benchmark in book.benchmarks.items():
        for test in benchmark.compliance:
            if test in ("TEST07", "TEST09"):
                text = text_of(reference, f"compliance/{test}/{official}/audit.config")
                settings = dict(re.findall(r"^\*\.\*\.(\w+) = (\S+)", text, re.M))
                wanted = {key: int(value) for key, value in settings.items() if not key.startswith("test0")}
                assert compliance.load(test).plan(book, official).settings == wanted
                planned += 1
    assert planned >= 2


def _audit(text: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^\*\.[\w*]+\.(\w+) *= *(\d+)", text, re.M))


@each_round
def test_the_power_checker_s_tables_are_the_official_ones(name: str) -> None:
    book, official = load_rulebook(name), official_of(name)
    folder = f"{PACKAGE}/checks/power" if official.is_package else "tools/submission/power"
    tree = ast.parse(text_of(official.reference, f"{folder}/power_checker.py"))
    assert book.power.analyzers == assignment(tree, "SUPPORTED_MODEL")
    assert list(book.power.ptdaemon_versions) == assignment(tree, "SUPPORTED_VERSION")
    assert book.power.clock_tolerance_ms == assignment(tree, "TIME_DELTA_TOLERANCE")
    checksums = json.loads(text_of(official.reference, f"{folder}/sources_checksums.json"))
    assert book.power.sources in (checksums, *(checksums if isinstance(checksums, list) else ()))


@each_round
def test_endpoints_are_the_official_ones(name: str) -> None:
    book, constants = load_rulebook(name), official_of(name).constants
    if book.endpoints is None:
        assert name not in constants.get("RESULT_FIELD_ENDPOINTS", {})
        return
    assert list(book.endpoints.models) == constants["ENDPOINTS_ALLOWED_MODELS"]
    assert book.endpoints.audits == constants["ENDPOINTS_COMPLIANCE_MAPPING"]
    metric = {scenario.lower(): field for scenario, field in by_name(book.endpoints.metric).items()}
    assert metric == constants["RESULT_FIELD_ENDPOINTS"].get(name, {})
    ranges = {"TEST09": (constants["TEST09_LOW"], constants["TEST09_HIGH"])}
    assert book.endpoints.mean_output_tokens == ranges


@each_round
def test_metrics_and_units_are_the_official_ones(name: str) -> None:
    book, official = load_rulebook(name), official_of(name)
    fields = dict(official.constants["RESULT_FIELD_NEW"][name])
    fields.pop("MultiStreamLegacy", None)
    # LoadGen logs Interactive as Server, and the official checker looks the metric up by the log's scenario.
    if Scenario.INTERACTIVE in book.metric:
        fields["Interactive"] = fields["Server"]
    units, special = official.units
    units = {scenario: unit for scenario, unit in units.items() if scenario in fields}
    assert by_name(book.metric) == fields
    assert by_name(book.unit) == units
    for model, benchmark in book.benchmarks.items():
        override = dict(official.constants["RESULT_FIELD_BENCHMARK_OVERWRITE"][name].get(model, {}))
        if Scenario.INTERACTIVE in benchmark.metric:
            override["Interactive"] = override["Server"]
        assert by_name(benchmark.metric) == override
        ours = {scenario: book.metric_unit(model, Scenario(scenario)) for scenario in units}
        assert ours == units | {k: v for k, v in special.get(model, {}).items() if k in units}
        assert all(benchmark.unit[Scenario(scenario)] != units[scenario] for scenario in by_name(benchmark.unit))


@each_round
def test_loadgen_is_the_round_s(name: str) -> None:
    book, official = load_rulebook(name), official_of(name)
    sections = set(re.findall(r"^([\w.-]+?)\.(?:\*|[A-Z]\w+)\.", official.loadgen, re.M))
    for benchmark in book.benchmarks.values():
        assert {benchmark.loadgen_model, benchmark.loadgen_model_interactive} <= sections | {None}
    if name == "v6.0":
        return
    seeds = dict(re.findall(r"^\*\.\*\.(?!test05)(\w+_rng_seed) = (\d+)$", official.loadgen, re.M))
    assert {key: int(value) for key, value in seeds.items()} == dict(book.seeds)
    if name != "v4.1":
        assert text_of(official.reference, "loadgen/VERSION.txt").strip() in book.round.loadgen_versions


LINES = [
    '{"accuracy": 75.6, "good": 1}',
    "accuracy=76.2%, good=1",
    "accuracy = 0.72",
    "AUC=80.3",
    "x AUC=80.3",
    "mAP=37.5%",
    "all: mAP=53.400%",
    "{'Total': 86.2, 'other': 1}",
    '{"exact_match": 83.1, "f1": 90.2}',
    "{'exact_match': 83.1, 'f1': 90.2}",
    "Accuracy: mean = 0.86170, kidney = 0.93",
    "Word Error Rate: 2.0671%, accuracy=97.9329%",
    "{'rouge1': 44.4, 'rouge2': '22.1', 'rougeL':  28.6, 'rougeLsum':    '41.9', 'gen_len': 10}",
    "{'rouge1': 44.4, 'rouge2': 22.1, 'rougeL': 28.6, 'rougeLsum': 41.9, 'gen_len': 10, 'tokens_per_sample': 294.4}",
    "{'CLIP_SCORE': 31.7, 'FID_SCORE': 23.5, 'gsm8k': 73.7, 'mbxp': 60.1, 'exact_match': 81.3, 'vbench_score': 70}",
    "{'rouge1':44.4, 'gen_len': '10', 'tokens_per_sample':  294.4}",
    "Accuracy Results: {'FID_SCORE': 23.5, 'CLIP_SCORE': '31.7'}",
    "{'gsm8k': 73.7, 'mbxp':  60.1, 'exact_match': 81.3, 'vbench_score': 70.1}",
    '{"category": 1, "f1": 0.79, "x": 2}',
    "metric/lifetime_ne/rating: 0.866",
    "x metric/lifetime_accuracy/rating: 0.696",
    "metric/lifetime_gauc/rating: 0.786",
    "Accuracy: 34.1",
    "nothing",
    "",
]


@each_round
def test_metrics_are_read_as_the_official_patterns_read_them(name: str) -> None:
    book, official = load_rulebook(name), official_of(name)
    used = {
        metric for benchmark in book.benchmarks.values() for s in Scenario for metric in benchmark.accuracy_targets(s)
    }
    assert set(book.accuracy_patterns) == used
    for theirs, pattern in official.constants["ACC_PATTERN"].items():
        ours = NAMES.get(theirs, theirs)
        if ours not in used:
            continue
        found = [_first(book.accuracy_patterns[ours], line) for line in LINES]
        assert found == [_first(pattern, line) for line in LINES], ours
        assert any(found), ours


def _first(pattern: str, line: str) -> str | None:
    match = re.match(pattern, line)
    return match and match[1]


@each_round
def test_the_readme_of_each_reference_names_the_model(name: str) -> None:
    book, reference = load_rulebook(name), official_of(name).reference
    readmes = re.findall(r"^(?:language|multimodal)/.*README\.md$", paths_of(reference), re.M)
    text = "\n".join(text_of(reference, path) for path in readmes)
    for model in book.models:
        assert f"huggingface.co/{model}" in text or f" {model}" in text, model
