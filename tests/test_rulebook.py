"""The rule books: found by name, whole, and refused where they are wrong. Their numbers: test_rulebook_official.py."""

from __future__ import annotations

import itertools
import math
from importlib import resources

import msgspec
import pytest

from submitter.checker.registry import all_rules
from submitter.errors import InputError
from submitter.model import Scenario
from submitter.rulebook import Rulebook, load_rulebook, parse, round_names

BOOK = load_rulebook("v6.1")
BOOKS = [load_rulebook(name) for name in round_names()]

each_book = pytest.mark.parametrize("book", BOOKS, ids=round_names())


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
    assert BOOK.official_name("my-resnet50-v2") == "resnet"
    assert BOOK.official_name("my-resnet50-v2", {"my-resnet50-v2": "rgat"}) == "rgat"
    assert BOOK.official_name("ssd-resnet34") is None
    assert load_rulebook("v6.0").official_name("ssd-resnet34") == "retinanet"


def test_rounds_are_in_order_and_the_newest_is_last() -> None:
    numbers = [tuple(map(int, name.removeprefix("v").split("."))) for name in round_names()]
    assert numbers == sorted(numbers)
    assert {"v4.1", "v5.0", "v5.1", "v6.0", "v6.1"} <= set(round_names())


def test_each_round_has_seeds_of_its_own() -> None:
    seeds = [seed for book in BOOKS for _, seed in book.seeds]
    assert len(set(seeds)) == 3 * len(BOOKS)


@each_book
def test_a_benchmark_has_what_its_scenarios_need(book: Rulebook) -> None:
    for name, benchmark in book.benchmarks.items():
        assert benchmark.scenarios
        for scenario in {scenario for needed in benchmark.scenarios.values() for scenario in needed.allowed}:
            assert book.metric_key(name, scenario)
            assert book.metric_unit(name, scenario)
            if benchmark.token_latency and scenario.loadgen_name == "Server":
                assert scenario in benchmark.token_latency
            if scenario is Scenario.OFFLINE:
                assert benchmark.offline_min_samples_per_query
            for metric in benchmark.accuracy_targets(scenario):
                assert metric in book.accuracy_patterns
        assert set(benchmark.compliance) <= set(book.compliance)
        assert benchmark.accuracy


@each_book
def test_the_smallest_and_largest_numbers_are_of_the_right_kind(book: Rulebook) -> None:
    for benchmark in book.benchmarks.values():
        for limits in benchmark.token_latency.values():
            assert 10_000_000 <= limits.tpot_ns < limits.ttft_ns <= 10_000_000_000
        for latency_ns in benchmark.latency_ns.values():
            assert 10_000_000 <= latency_ns <= 60_000_000_000
        assert benchmark.performance_sample_count <= benchmark.dataset_size
        for target in (
            *benchmark.accuracy.values(),
            *(t for of in benchmark.accuracy_of.values() for t in of.values()),
        ):
            assert 0 <= target.factor <= 1 < (target.upper_factor or 2)
            assert target.lower < (target.upper or math.inf)


def test_a_benchmark_may_have_its_own_duration() -> None:
    assert BOOK.min_duration_ms("llama2-70b-99.9") == 600_000
    assert BOOK.min_duration_ms("e2e-rag-db") == 0


@each_book
def test_what_a_book_says_of_rules_is_said_of_rules_that_there_are(book: Rulebook) -> None:
    origins = {rule.id: rule.origin.value for rule in all_rules()}
    told = book.checker
    tables = [table for table in msgspec.structs.asdict(told).values() if isinstance(table, dict)]
    assert set().union(*tables) <= origins.keys()
    assert not told.not_enforced.keys() & told.absent.keys()
    # Only what the official checkers enforce elsewhere can be left to the written rules.
    assert {origins[rule_id] for rule_id in told.not_enforced} <= {"official"}
    assert all(why for table in tables for why in table.values())


@each_book
def test_a_model_has_its_shape_and_a_benchmark(book: Rulebook) -> None:
    assert {benchmark.model for benchmark in book.benchmarks.values()} - {None} == set(book.models)
    for model in book.models.values():
        assert model.hidden_size % 64 == 0
        assert model.attention_heads % model.kv_heads == 0
        assert (model.experts is None) == (model.experts_per_token is None)
        assert model.expert_size is None or model.experts


def test_a_model_is_the_same_in_every_round() -> None:
    for old, new in itertools.combinations(BOOKS, 2):
        for name in old.models.keys() & new.models.keys():
            assert old.models[name] == new.models[name], name
        for name in old.benchmarks.keys() & new.benchmarks.keys():
            assert old.benchmarks[name].model == new.benchmarks[name].model, name


@each_book
def test_every_benchmark_that_can_be_run_has_its_model(book: Rulebook) -> None:
    for name, benchmark in book.benchmarks.items():
        assert benchmark.max_new_tokens is None or benchmark.model, name
