"""The rule books: found by name, whole, and equal to the official constants where those are at hand."""

from __future__ import annotations

import importlib.util
import math
import os
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from submitter.errors import InputError
from submitter.model import Scenario
from submitter.rulebook import load_rulebook, parse, round_names

BOOK = load_rulebook("v6.1")
SEPARATE = {"datacenter": "datacenter", "edge": "edge", "datacenter-edge": "datacenter,edge"}


def test_a_round_is_found_by_its_name() -> None:
    assert "v6.1" in round_names()
    assert load_rulebook("v6.1").name == "v6.1"
    with pytest.raises(InputError) as error:
        load_rulebook("v6.l")
    assert error.value.message == "unknown round 'v6.l'"
    assert "v6.1" in error.value.hint


def test_a_benchmark_is_found_by_its_name() -> None:
    assert BOOK.benchmark("llama2-70b-99.9").dataset_size == 24576
    with pytest.raises(InputError) as error:
        BOOK.benchmark("llama2-70b-99")
    assert error.value.hint == "did you mean 'llama2-70b-99.9'?"


TEXT = resources.files("submitter.rulebooks").joinpath("v6.1.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("[seeds] ", "[sead] ", "v9.toml: at the top: object contains unknown field `sead`", "did you mean 'seeds'?"),
        (
            "qsl_rng_seed = 2",
            "qsl_rng = 2",
            "v9.toml: at seeds: object contains unknown field `qsl_rng`",
            "did you mean 'qsl_rng_seed'?",
        ),
        (
            "accuracy.acc = { reference = 0.7286, factor",
            "accuracy.acc = { reference = 0.7286, facter",
            "v9.toml: at benchmarks.rgat.accuracy.acc: object contains unknown field `facter`",
            "did you mean 'factor'?",
        ),
        ("ttft_ns = 450000000", "ttft_ns = '0.45 s'", "v9.toml: at benchmarks.llama2-70b-99.9.token_latency.Inter", ""),
        ('statuses = ["available"', "statuses = [1", "v9.toml: at system.statuses.0: expected `str`, got `int`", ""),
        ("dataset_size = 824\n", "", "v9.toml: at benchmarks.e2e-rag-qna: object missing required field", ""),
        ("[seeds] ", "[seeds ", "v9.toml: Expected", ""),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_place(old: str, new: str, message: str, hint: str) -> None:
    assert old in TEXT
    with pytest.raises(InputError) as error:
        parse(TEXT.replace(old, new), "v9.toml")
    assert error.value.message.startswith(message)
    assert error.value.hint == hint


def test_the_targets_of_llama2_70b() -> None:
    targets = BOOK.benchmark("llama2-70b-99.9").accuracy_targets(Scenario.SERVER)
    assert math.isclose(targets["rouge1"].lower, 44.3867688)
    assert targets["rouge1"].upper is None
    upper = targets["tokens_per_sample"].upper
    assert upper is not None
    assert math.isclose(upper, 323.895)


def test_the_scenarios_of_a_system_type() -> None:
    benchmark = BOOK.benchmark("llama2-70b-99.9")
    assert benchmark.scenarios_for("edge") is None
    both = benchmark.scenarios_for("edge,datacenter")
    assert both is not None
    assert both == benchmark.scenarios_for("datacenter,edge")
    assert both.allowed == {Scenario.OFFLINE, Scenario.SERVER, Scenario.INTERACTIVE}


def test_names_are_mapped_as_the_official_checker_maps_them() -> None:
    assert BOOK.official_name("resnet50") == "resnet"
    assert BOOK.official_name("mine", {"mine": "resnet"}) == "resnet"
    assert BOOK.official_name("resnet", {"resnet": "rgat"}) == "resnet"
    assert BOOK.official_name("mine", {"mine": "unknown"}) is None
    assert BOOK.official_name("mine") is None


def test_a_benchmark_has_what_its_scenarios_need() -> None:
    for name, benchmark in BOOK.benchmarks.items():
        for scenario in {scenario for needed in benchmark.scenarios.values() for scenario in needed.allowed}:
            assert BOOK.metric_key(name, scenario)
            assert BOOK.metric_unit(name, scenario)
            if benchmark.token_latency and scenario.loadgen_name == "Server":
                assert scenario in benchmark.token_latency
        assert set(benchmark.compliance) <= set(BOOK.compliance)
        assert benchmark.accuracy


def test_the_smallest_and_largest_numbers_are_of_the_right_kind() -> None:
    for benchmark in BOOK.benchmarks.values():
        for limits in benchmark.token_latency.values():
            assert 10_000_000 <= limits.tpot_ns < limits.ttft_ns <= 10_000_000_000
    assert BOOK.min_duration_ms("llama2-70b-99.9") == 600_000
    assert BOOK.min_duration_ms("e2e-rag-db") == 0


OFFICIAL = os.environ.get("MLCOMMONS_INFERENCE")
NAMES = {
    "ROUGE1": "rouge1",
    "ROUGE2": "rouge2",
    "ROUGEL": "rougeL",
    "ROUGELSUM": "rougeLsum",
    "GEN_LEN": "gen_len",
    "TOKENS_PER_SAMPLE": "tokens_per_sample",
}


@pytest.fixture(scope="module")
def official() -> ModuleType:
    """The official constants of mlcommons/inference, at the commit the rule book names."""
    if not OFFICIAL:
        pytest.skip("MLCOMMONS_INFERENCE names no checkout of mlcommons/inference at b66003e1")
    path = Path(OFFICIAL) / "tools" / "submission" / "submission_checker" / "constants.py"
    spec = importlib.util.spec_from_file_location("official_constants", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _pairs(flat: tuple[Any, ...]) -> dict[str, float]:
    return {NAMES.get(name, name): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _close(ours: dict[str, float], theirs: dict[str, float]) -> bool:
    return ours.keys() == theirs.keys() and all(math.isclose(ours[k], theirs[k], rel_tol=1e-12) for k in ours)


def test_the_round_is_the_official_one(official: ModuleType) -> None:
    config = official.MODEL_CONFIG["v6.1"]
    assert set(BOOK.benchmarks) == set(config["models"])
    assert dict(BOOK.seeds) == config["seeds"]
    assert BOOK.model_mapping == config["model_mapping"]
    assert list(BOOK.ignored_errors) == config["ignore_errors"]
    assert BOOK.round.min_duration_ms == official.TEST_DURATION_MS
    assert BOOK.round.accuracy_log_max_bytes == official.MAX_ACCURACY_LOG_SIZE
    assert BOOK.round.file_max_bytes == official.FILE_SIZE_LIMIT_MB * official.MB_TO_BYTES
    assert list(BOOK.system.required_fields) == official.SYSTEM_DESC_REQUIRED_FIELDS
    assert set(BOOK.system.meaningful_fields) == set(official.SYSTEM_DESC_MEANINGFUL_RESPONSE_REQUIRED_FIELDS)
    assert list(BOOK.system.network_fields) == official.SYSTEM_DESC_REQUIRED_FIELDS_NETWORK_MODE
    assert BOOK.system.network_sut_name == official.NETWORK_MODE_REQUIRED_SUBSTRING_IN_SUT_NAME
    assert list(BOOK.system.statuses) == official.VALID_AVAILABILITIES
    assert list(BOOK.measurements.required_files) == official.REQUIRED_MEASURE_FILES
    assert list(BOOK.measurements.required_fields) == official.SYSTEM_IMP_REQUIRED_FILES


@pytest.mark.parametrize("name", sorted(BOOK.benchmarks))
def test_a_benchmark_is_the_official_one(official: ModuleType, name: str) -> None:
    config = official.MODEL_CONFIG["v6.1"]
    ours = BOOK.benchmarks[name]
    assert ours.dataset_size == config["dataset-size"][name]
    assert ours.performance_sample_count == config["performance-sample-count"][name]
    accuracy_count = config["accuracy-sample-count"].get(name, ours.dataset_size)
    for scenario in Scenario:
        expected = (
            accuracy_count.get(scenario, ours.dataset_size) if isinstance(accuracy_count, dict) else accuracy_count
        )
        assert ours.accuracy_samples(scenario) == expected
    assert {key.value: value for key, value in ours.min_query_count.items()} == config["min-queries"][name]
    assert {key.value: value for key, value in ours.latency_ns.items()} == config["latency-constraint"].get(name, {})
    assert ours.offline_min_samples_per_query == official.OFFLINE_MIN_SPQ_SINCE_V4.get(name)
    tests = [
        key.removeprefix("models_") for key, names in config.items() if key.startswith("models_") and name in names
    ]
    assert sorted(ours.compliance) == sorted(tests)

    limits = official.LLM_LATENCY_LIMITS.get(name, {})
    assert {k.value: {"ttft": v.ttft_ns, "tpot": v.tpot_ns} for k, v in ours.token_latency.items()} == limits

    target = config["accuracy-target"][name]
    for scenario in Scenario:
        expected = target.get(scenario.value, target["Offline"]) if isinstance(target, dict) else target
        targets = ours.accuracy_targets(scenario)
        assert _close({k: t.lower for k, t in targets.items() if not t.optional}, _pairs(expected))
        uppers = {k: t.upper for k, t in targets.items() if t.upper is not None}
        assert _close(uppers, _pairs(config["accuracy-upper-limit"].get(name, ())))

    for kind in ("datacenter", "edge", "datacenter-edge"):
        required = config[f"required-scenarios-{kind}"].get(name)
        needed = ours.scenarios_for(SEPARATE[kind])
        assert (needed is None) == (required is None)
        if needed is not None:
            assert {scenario.value for scenario in needed.required} == set(required)
            assert {s.value for s in needed.one_of} == set(config[f"optional-scenarios-{kind}"].get(name, ()))

    overrides = official.RESULT_FIELD_BENCHMARK_OVERWRITE["v6.1"].get(name, {})
    units = official.SPECIAL_UNIT_DICT.get(name, {})
    for scenario in Scenario:
        # LoadGen logs Interactive as Server, and the official checker looks the metric up by the log's scenario.
        by_log = Scenario.SERVER if scenario is Scenario.INTERACTIVE else scenario
        assert BOOK.metric_key(name, scenario) == overrides.get(by_log, official.RESULT_FIELD_NEW["v6.1"][by_log])
        assert BOOK.metric_unit(name, scenario) == units.get(scenario, official.UNIT_DICT[scenario])
    videos = official.REQUIRED_ACC_BENCHMARK.get(name, {}).get("v6.1", {})
    assert {folder: list(stems) for folder, stems in ours.accuracy_files.items()} == videos


def test_metrics_are_read_as_the_official_patterns_read_them(official: ModuleType) -> None:
    import re

    lines = {
        "acc": ['{"accuracy": 75.6, "good": 1}', "accuracy=76.2%, good=1", "accuracy = 0.72"],
        "F1": ['{"exact_match": 83.1, "f1": 90.2}', "{'exact_match': 83.1, 'f1': 90.2}"],
        "DICE": ["Accuracy: mean = 0.86170, kidney = 0.93"],
        "ACCURACY": ["Word Error Rate: 2.0671%, accuracy=97.9329%"],
        "mAP": ["mAP=53.400%", "{'Total': 86.2, 'other': 1}"],
        "F1_HIERARCHICAL": ['{"category": 1, "f1": 0.79, "x": 2}'],
        "DLRM_NE": ["metric/lifetime_ne/rating: 0.866"],
        "DLRM_ACC": ["x metric/lifetime_accuracy/rating: 0.696"],
        "DLRM_AUC": ["metric/lifetime_gauc/rating: 0.786"],
        "E2E_ACCURACY": ["Accuracy: 34.1"],
    }
    assert set(BOOK.accuracy_patterns) == set(lines)
    for name, samples in lines.items():
        for sample in [*samples, "nothing", name, f"{name}: "]:
            ours, theirs = re.match(BOOK.accuracy_patterns[name], sample), re.match(official.ACC_PATTERN[name], sample)
            assert (ours and ours[1]) == (theirs and theirs[1])
        assert all(re.match(BOOK.accuracy_patterns[name], sample) for sample in samples)
