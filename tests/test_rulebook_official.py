"""The rule books, value by value, against the constants of each round's own official checker.

MLCOMMONS_INFERENCE names a git checkout of mlcommons/inference with its tags; elsewhere these tests are skipped.
Both ways: what the official checker has stands in the book, and what stands in the book the official checker has.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterable
from functools import cache, cached_property
from typing import Any

import msgspec
import pytest

from submitter.model import Scenario
from submitter.rulebook import Benchmark, Rulebook, load_rulebook, round_names

CHECKOUT = os.environ.get("MLCOMMONS_INFERENCE")
PACKAGE = "tools/submission/submission_checker"
REFERENCE = {"v4.1": "v4.1", "v5.0": "v5.0.1", "v5.1": "v5.1.1", "v6.0": "b66003e1", "v6.1": "b66003e1"}
# The official names of metrics, where ours is how accuracy.txt writes them.
NAMES = {
    "ROUGE1": "rouge1",
    "ROUGE2": "rouge2",
    "ROUGEL": "rougeL",
    "ROUGELSUM": "rougeLsum",
    "GEN_LEN": "gen_len",
    "TOKENS_PER_SAMPLE": "tokens_per_sample",
}
# What of a benchmark is no constant of the official checker.
ELSEWHERE = {"max_new_tokens", "eos_token_id", "metric_divisor"}
KINDS = {"datacenter": "datacenter", "edge": "edge", "datacenter-edge": "datacenter,edge"}

pytestmark = pytest.mark.skipif(not CHECKOUT, reason="MLCOMMONS_INFERENCE names no checkout of mlcommons/inference")
each_round = pytest.mark.parametrize("name", sorted(REFERENCE))


@cache
def _text(reference: str, path: str) -> str:
    command = ["git", "-C", str(CHECKOUT), "show", f"{reference}:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the checkout of mlcommons/inference has no {reference}:{path}")
    return done.stdout


def _assignment(tree: ast.AST, name: str) -> Any:
    """The literal that a variable of this name is set to, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise LookupError(name)


def _function(tree: ast.AST, name: str) -> ast.FunctionDef:
    return next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name)


def _run(nodes: Iterable[ast.stmt], namespace: dict[str, Any]) -> None:
    exec(compile(ast.Module(list(nodes), []), "official", "exec"), namespace)


class Official:
    """One round's official checker: its constants, its `Config`, and the lists that stand inside its functions."""

    def __init__(self, round_name: str) -> None:
        self.round, self.reference = round_name, REFERENCE[round_name]
        self.is_package = round_name >= "v6"
        self.tree = self._parse("constants.py" if self.is_package else None)
        # Constants without a call: arithmetic and literals, nothing that could do anything.
        literal = [
            node
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id.isupper()
            and not any(isinstance(part, ast.Call | ast.Attribute) for part in ast.walk(node.value))
        ]
        self.constants: dict[str, Any] = {"__builtins__": {}}
        _run(literal, self.constants)
        self.model_config: dict[str, Any] = self.constants["MODEL_CONFIG"][round_name]

    def _parse(self, file: str | None) -> ast.Module:
        return ast.parse(_text(self.reference, f"{PACKAGE}/{file}" if file else f"{PACKAGE}.py"))

    @cached_property
    def config(self) -> Any:
        tree = self._parse("configuration/configuration.py") if self.is_package else self.tree
        namespace = {name: value for name, value in self.constants.items() if name.isupper()}
        _run([node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Config"], namespace)
        return namespace["Config"](self.round, "model_mapping.json")

    @cached_property
    def loadgen(self) -> str:
        """LoadGen's configuration at the tag; that of v6.0 is of a later round by then."""
        return _text(self.reference, "mlperf.conf" if self.round == "v4.1" else "loadgen/mlperf.conf")

    @cached_property
    def dataset_sizes(self) -> dict[str, int]:
        if "dataset-size" in self.model_config:
            return self.model_config["dataset-size"]
        return Official("v5.1").constants["MODEL_CONFIG"]["v5.0"]["dataset-size"]

    @cached_property
    def llm_models(self) -> list[str]:
        if self.is_package:
            return self.config.get_llm_models()
        (test,) = (
            node.test
            for node in ast.walk(_function(self.tree, "check_performance_dir"))
            if isinstance(node, ast.If) and "extra_check_llm" in ast.unparse(node.body[0])
        )
        assert isinstance(test, ast.Compare)
        return ast.literal_eval(test.comparators[0])

    @cached_property
    def units(self) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """The units by scenario, and those of single benchmarks."""
        if self.is_package:
            return self.constants["UNIT_DICT"], self.constants["SPECIAL_UNIT_DICT"]
        special = {} if self.round == "v4.1" else _assignment(self.tree, "special_unit_dict")
        return _assignment(self.tree, "unit_dict"), special

    def tests(self, model: str) -> set[str]:
        if self.is_package:
            lists = {key: value for key, value in self.model_config.items() if key.startswith("models_TEST")}
            return {key.removeprefix("models_") for key, models in lists.items() if model in models}
        body = _function(self.tree, "check_compliance_dir").body
        first = next(i for i, node in enumerate(body) if "compliance_dir)" in ast.unparse(node))
        namespace: dict[str, Any] = {"model": model, "config": self.config}
        _run(body[:first], namespace)
        return set(namespace["test_list"])

    def equal_issue(self, model: str, division: str) -> bool:
        if self.round == "v5.1":
            return self.config.requires_equal_issue(model)
        return self.config.requires_equal_issue(model, division)

    def token_latency(self, model: str) -> dict[str, dict[str, int]]:
        limits = self.constants["LLM_LATENCY_LIMITS"].get(model, {})
        limits = limits.get("conversational", limits)
        if "ttft" in limits:
            return {scenario: limits for scenario in ("Server", "SingleStream", "MultiStream")}
        return limits

    def delta_percent(self, model: str, metric: str) -> float:
        # v5.0.1's check_compliance_acc_dir asks with acc_type[0], and acc_type is no longer a pair there.
        return self.config.get_delta_perc(model, metric[0] if self.round == "v5.0" else metric)


@cache
def official_of(round_name: str) -> Official:
    return Official(round_name)


def _pairs(flat: tuple[Any, ...]) -> dict[str, float]:
    return {NAMES.get(name, name): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _by_name(table: dict[Scenario, Any]) -> dict[str, Any]:
    return {scenario.value: value for scenario, value in table.items()}


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
    types: list[str] = _assignment(official.tree, "valid_system_types")
    for node in ast.walk(official.tree):
        if isinstance(node, ast.AugAssign) and ast.unparse(node.target) == "valid_system_types":
            types += ast.literal_eval(node.value)
    return types


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
    assert _by_name(book.metric) == fields
    assert _by_name(book.unit) == units
    for model, benchmark in book.benchmarks.items():
        override = dict(official.constants["RESULT_FIELD_BENCHMARK_OVERWRITE"][name].get(model, {}))
        if Scenario.INTERACTIVE in benchmark.metric:
            override["Interactive"] = override["Server"]
        assert _by_name(benchmark.metric) == override
        ours = {scenario: book.metric_unit(model, Scenario(scenario)) for scenario in units}
        assert ours == units | {k: v for k, v in special.get(model, {}).items() if k in units}
        assert all(benchmark.unit[Scenario(scenario)] != units[scenario] for scenario in _by_name(benchmark.unit))


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
                found[field] = _by_name(value)
        assert found == expected, model
        limits = {k.value: {"ttft": v.ttft_ns, "tpot": v.tpot_ns} for k, v in ours.token_latency.items()}
        assert limits == official.token_latency(model), model
        _compare_scenarios(ours, config, model)
        _compare_accuracy(ours, config, model)
        compared_in_other_tests = {"metric", "unit", "equal_issue", "loadgen_model", "loadgen_model_interactive"}
        here = {"token_latency", "scenarios", "accuracy", "accuracy_of", "compliance_delta", *expected}
        every = {field.name for field in msgspec.structs.fields(Benchmark)}
        assert every == here | compared_in_other_tests | ELSEWHERE
        _compare_deltas(ours, book, official, model)


def _without_duration(official: Official) -> tuple[str, ...]:
    """The benchmarks that the package's check of the duration lets pass."""
    if not official.is_package:
        return ()
    function = _function(
        ast.parse(_text(official.reference, f"{PACKAGE}/checks/performance_check.py")), "min_duration_check"
    )
    (test,) = (n for n in ast.walk(function) if isinstance(n, ast.Compare) and isinstance(n.ops[0], ast.In))
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
        assert {k: t.lower for k, t in targets.items() if not t.optional} == _pairs(expected), model
        uppers = {k: t.upper for k, t in targets.items() if t.upper is not None}
        assert uppers == _pairs(config["accuracy-upper-limit"].get(model, ())), model


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
        assert _text(official.reference, "loadgen/VERSION.txt").strip() in book.round.loadgen_versions


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
