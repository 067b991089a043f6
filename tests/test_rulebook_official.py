"""The rule books' rounds and benchmarks, value by value, against the constants of each round's own official checker.

Both ways: what the official checker has stands in the book, and what stands in the book the official checker has.
"""

from __future__ import annotations

import ast
from typing import Any

import msgspec
from official_constants import (
    PACKAGE,
    REFERENCE,
    Official,
    assignment,
    by_name,
    each_round,
    function,
    needs_checkout,
    official_of,
    pairs,
    text_of,
)

from submitter.model import Scenario
from submitter.rulebook import Rulebook, load_rulebook, round_names
from submitter.rulebook_tables import Benchmark

# What of a benchmark is no constant of the official checker.
ELSEWHERE = {
    "max_new_tokens",
    "min_new_tokens",
    "eos_token_id",
    "bos_token_id",
    "metric_divisor",
    "model",
    "written_accuracy",
}
KINDS = {"datacenter": "datacenter", "edge": "edge", "datacenter-edge": "datacenter,edge"}

pytestmark = needs_checkout


def test_every_round_is_compared() -> None:
    assert sorted(REFERENCE) == round_names()


@each_round
def test_the_round_is_the_official_one(name: str) -> None:
    book, official = load_rulebook(name), official_of(name)
    constants, config = official.constants, official.model_config
    assert set(book.benchmarks) == set(config["models"])
    assert dict(book.seeds) == config["seeds"]
    test05 = book.compliance.get("TEST05")
    assert (dict(test05.seeds) if test05 and test05.seeds else None) == config.get("test05_seeds")
    assert book.model_mapping == config["model_mapping"]
    assert list(book.ignored_errors) == config["ignore_errors"]
    assert book.round.min_duration_ms == constants["TEST_DURATION_MS"]
    assert book.round.accuracy_log_max_bytes == constants["MAX_ACCURACY_LOG_SIZE"]
    assert book.round.file_max_bytes == constants["FILE_SIZE_LIMIT_MB"] * constants["MB_TO_BYTES"]
    assert list(book.system.required_fields) == constants["SYSTEM_DESC_REQUIRED_FIELDS"]
    assert set(book.system.meaningful_fields) == set(constants["SYSTEM_DESC_MEANINGFUL_RESPONSE_REQUIRED_FIELDS"])
    assert list(book.system.network_fields) == constants["SYSTEM_DESC_REQUIRED_FIELDS_NETWORK_MODE"]
    assert book.system.network_sut_name == constants["NETWORK_MODE_REQUIRED_SUBSTRING_IN_SUT_NAME"]
    assert list(book.system.statuses) == constants["VALID_AVAILABILITIES"]
    if not official.is_package:
        assert list(book.system.system_types) == _system_types(official)
    assert list(book.measurements.required_files) == constants["REQUIRED_MEASURE_FILES"]
    assert list(book.measurements.required_fields) == constants["SYSTEM_IMP_REQUIRED_FILES"]


def _system_types(official: Official) -> list[str]:
    types: list[str] = assignment(official.tree, "valid_system_types")
    for node in ast.walk(official.tree):
        if isinstance(node, ast.AugAssign) and ast.unparse(node.target) == "valid_system_types":
            types += ast.literal_eval(node.value)
    return types


@each_round
def test_benchmarks_are_the_official_ones(name: str) -> None:
    """`expected` is the benchmark as the official constants have it; whatever the class can hold is in it."""
    book, official = load_rulebook(name), official_of(name)
    constants, config = official.constants, official.model_config
    for model, ours in book.benchmarks.items():
        expected: dict[str, Any] = {
            "dataset_size": official.dataset_sizes[model],
            "performance_sample_count": config["performance-sample-count"][model],
            "accuracy_sample_count": config.get("accuracy-sample-count", {}).get(model),
            "use_token_latencies": model in official.llm_models,
            "min_duration_ms": 0 if model in _without_duration(official) else None,
            "min_query_count": config["min-queries"][model],
            "latency_ns": config["latency-constraint"].get(model, {}),
            "offline_min_samples_per_query": constants["OFFLINE_MIN_SPQ_SINCE_V4"].get(model),
            "compliance": tuple(sorted(official.tests(model))),
            "accuracy_files": {
                folder: tuple(stems)
                for folder, stems in constants["REQUIRED_ACC_BENCHMARK"].get(model, {}).get(name, {}).items()
            },
        }
        found = {field: getattr(ours, field) for field in expected}
        for field, value in found.items():
            if isinstance(value, dict) and value and isinstance(next(iter(value)), Scenario):
                found[field] = by_name(value)
        assert found == expected, model
        limits = {k.value: {"ttft": v.ttft_ns, "tpot": v.tpot_ns} for k, v in ours.token_latency.items()}
        assert limits == official.token_latency(model), model
        _compare_scenarios(ours, config, model)
        _compare_accuracy(ours, config, model)
        compared_in_other_tests = {
            "metric",
            "unit",
            "equal_issue",
            "loadgen_model",
            "loadgen_model_interactive",
            "audit",
        }
        here = {"token_latency", "scenarios", "accuracy", "accuracy_of", "compliance_delta", *expected}
        every = {field.name for field in msgspec.structs.fields(Benchmark)}
        assert every == here | compared_in_other_tests | ELSEWHERE
        _compare_deltas(ours, book, official, model)


def _without_duration(official: Official) -> tuple[str, ...]:
    """The benchmarks that the package's check of the duration lets pass."""
    if not official.is_package:
        return ()
    check = function(
        ast.parse(text_of(official.reference, f"{PACKAGE}/checks/performance_check.py")), "min_duration_check"
    )
    (test,) = (n for n in ast.walk(check) if isinstance(n, ast.Compare) and isinstance(n.ops[0], ast.In))
    return ast.literal_eval(test.comparators[0])


def _compare_scenarios(ours: Benchmark, config: dict[str, Any], model: str) -> None:
    for kind, system_type in KINDS.items():
        required = config[f"required-scenarios-{kind}"].get(model)
        optional = config[f"optional-scenarios-{kind}"].get(model, [])
        needed = ours.scenarios_for(system_type)
        assert (needed is None) == (required is None), model
        if needed is not None:
            assert {scenario.value for scenario in needed.required} == set(required), model
            # Wherever both are optional, one of them must be there; and there is no other optional scenario.
            assert {scenario.value for scenario in needed.one_of} == set(optional), model
            assert set(optional) in (set(), {"Interactive", "Server"})
            assert not needed.optional
    assert set(ours.scenarios) <= set(KINDS)


def _compare_accuracy(ours: Benchmark, config: dict[str, Any], model: str) -> None:
    """To the last bit: a score that is just the target passes, as in the official checker."""
    target = config["accuracy-target"][model]
    for scenario in Scenario:
        expected = target.get(scenario.value, target["Offline"]) if isinstance(target, dict) else target
        targets = ours.accuracy_targets(scenario)
        assert {k: t.lower for k, t in targets.items() if not t.optional} == pairs(expected), model
        uppers = {k: t.upper for k, t in targets.items() if t.upper is not None}
        assert uppers == pairs(config["accuracy-upper-limit"].get(model, ())), model


def _compare_deltas(ours: Benchmark, book: Rulebook, official: Official, model: str) -> None:
    assert set(ours.compliance_delta) <= set(ours.accuracy)
    if "TEST01" in ours.compliance:
        for metric in ours.accuracy:
            delta = ours.compliance_delta.get(metric, book.compliance["TEST01"].accuracy_delta)
            assert delta == official.delta_percent(model, metric) / 100, (model, metric)
    else:
        assert not ours.compliance_delta


@each_round
def test_equal_issue_is_asked_where_it_officially_is(name: str) -> None:
    """From v6.0 on the official checker asks it of no benchmark; the book has then what LoadGen does."""
    book, official = load_rulebook(name), official_of(name)
    for model, benchmark in book.benchmarks.items():
        if official.is_package:
            section = f"{benchmark.loadgen_model}.*.sample_concatenate_permutation = 1"
            assert benchmark.equal_issue == (section in official.loadgen.splitlines()), model
            continue
        for division in ("closed", "network", "open"):
            asked = benchmark.equal_issue and division in book.round.equal_issue_divisions
            assert asked == official.equal_issue(model, division), model


@each_round
def test_names_are_mapped_as_the_official_checker_maps_them(name: str) -> None:
    book, official = load_rulebook(name), official_of(name)
    theirs = {"mine": "resnet", "my-resnet50": "3d-unet-99", "gone": "nothing", "resnet50": "rgat"}
    names = [*book.model_mapping, *theirs, "efficientnet-b7", "x-mobilenet", "tiny-bert-99.9", "bert-99x", "bert-98"]
    for folder in [*names, *(f"a-{part}-b" for part in (*book.model_guesses, "llama3_1-405b")), *book.benchmarks]:
        for mapping in (None, theirs):
            mapped = official.config.get_mlperf_model(folder, mapping)
            assert book.official_name(folder, mapping) == (mapped if mapped in book.benchmarks else None), folder


@each_round
def test_early_stopping_is_everywhere_but_offline(name: str) -> None:
    """Which is why no book says it."""
    uses = official_of(name).config.uses_early_stopping
    assert [scenario.value for scenario in Scenario if not uses(scenario.value)] == ["Offline", "Interactive"]
