"""What the rule books say of running llama2-70b and llama3.1-8b, against each round's LoadGen and reference code."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from official_constants import CHECKOUT, REFERENCE, needs_checkout

from submitter.model import Scenario
from submitter.rulebook import load_rulebook
from submitter.rulebook_tables import Benchmark

SUT = {"llama2-70b": "language/llama2-70b/SUT.py", "llama3.1-8b": "language/llama3.1-8b/SUT_VLLM.py"}
SCORER = {"llama2-70b": "language/llama2-70b/evaluate-accuracy.py", "llama3.1-8b": "language/llama3.1-8b/evaluation.py"}
CASES = [
    (name, benchmark, folder)
    for name in ("v5.1", "v6.0", "v6.1")
    for benchmark in load_rulebook(name).benchmarks
    for folder in SUT
    if benchmark.startswith(folder)
]

pytestmark = needs_checkout


def official(round_name: str, path: str) -> str:
    assert CHECKOUT is not None
    commit = "v5.1.1" if round_name == "v5.1" else "b66003e1"
    shown = subprocess.run(
        ["git", "-C", str(Path(CHECKOUT)), "show", f"{commit}:{path}"], capture_output=True, text=True, check=True
    )
    return shown.stdout


def setting(conf: str, key: str) -> int:
    found = re.search(rf"^{re.escape(key)} = (\d+)$", conf, re.MULTILINE)
    assert found, key
    return int(found[1])


def test_the_rounds_and_benchmarks_of_the_seeds_are_there() -> None:
    assert set(REFERENCE) >= {name for name, _, _ in CASES}
    assert {(name, benchmark) for name, benchmark, _ in CASES} >= {
        ("v5.1", "llama2-70b-99"),
        ("v6.0", "llama2-70b-99.9"),
        ("v6.1", "llama2-70b-99.9"),
        ("v6.1", "llama3.1-8b"),
    }


@pytest.mark.parametrize(("round_name", "benchmark", "folder"), CASES)
def test_loadgen_knows_the_models_and_their_limits(round_name: str, benchmark: str, folder: str) -> None:
    conf = official(round_name, "loadgen/mlperf.conf")
    facts: Benchmark = load_rulebook(round_name).benchmark(benchmark)
    for scenario in (Scenario.SERVER, Scenario.INTERACTIVE):
        limits = facts.token_latency.get(scenario)
        if limits is None:
            continue
        model = facts.loadgen_model_for(scenario)
        assert setting(conf, f"{model}.Server.ttft_latency") * 1_000_000 == limits.ttft_ns
        assert setting(conf, f"{model}.Server.tpot_latency") * 1_000_000 == limits.tpot_ns
        assert setting(conf, f"{model}.*.performance_sample_count_override") == facts.performance_sample_count
        assert setting(conf, f"{model}.*.use_token_latencies") == 1
    offline = facts.loadgen_model_for(Scenario.OFFLINE)
    assert setting(conf, f"{offline}.Offline.min_query_count") == facts.dataset_size
    assert facts.use_token_latencies


@pytest.mark.parametrize(("round_name", "benchmark", "folder"), CASES)
def test_answers_are_as_long_as_the_reference_lets_them_be(round_name: str, benchmark: str, folder: str) -> None:
    code = official(round_name, SUT[folder])
    facts = load_rulebook(round_name).benchmark(benchmark)
    assert {int(n) for n in re.findall(r'"max_(?:new_)?tokens": (\d+)', code)} == {facts.max_new_tokens}
    assert {int(n) for n in re.findall(r'"min_(?:new_)?tokens": (\d+)', code)} <= {facts.min_new_tokens}


@pytest.mark.parametrize(("round_name", "benchmark", "folder"), CASES)
def test_every_metric_of_the_book_is_one_that_the_reference_script_prints(
    round_name: str, benchmark: str, folder: str
) -> None:
    code = official(round_name, SCORER[folder])
    rouge = {"rouge1", "rouge2", "rougeL", "rougeLsum"}  # what evaluate's "rouge" prints
    printed = rouge | set(re.findall(r'"(gen_\w+|tokens_per_sample)"', code))
    assert set(load_rulebook(round_name).benchmark(benchmark).accuracy) <= printed
