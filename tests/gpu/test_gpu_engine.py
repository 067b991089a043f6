"""vLLM on a GPU in FP8, with the shape of Llama 2 70B and weights of noise: `python -m pytest -m gpu -s tests/gpu`.

Throughput does not depend on what the weights are, accuracy does: nothing here is a result. Written without a GPU at
hand; until BENCHMARKS.md has figures of it, it has not run. 70 GB of weights want a device of 96 GB or more;
SUBMITTER_GPU_LAYERS=8 makes do with 10 GB.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm")
pytest.importorskip("mlperf_loadgen")

from gpu_checkpoint import LAYERS, write_llama2_70b_shape

from submitter.harness.dataset import write_dataset
from submitter.harness.engines import EnginePlan
from submitter.harness.plan import EngineSettings, RunPlan, SessionPlan
from submitter.harness.supervisor import Finished, Limits, run_session
from submitter.model import Mode, Scenario

pytestmark = pytest.mark.gpu
SAMPLES = 1024
OUTPUT_TOKENS = 256
EOS = 2
_SETTINGS: dict[str, Any] = {
    "load_format": "dummy",
    "kv_cache_dtype": "fp8",
    "max_model_len": 2048,
    "max_num_seqs": 512,
    "max_num_batched_tokens": 8192,
    "gpu_memory_utilization": 0.92,
    "enable_prefix_caching": False,
    "skip_tokenizer_init": True,
    "seed": 0,
}


class Silent:
    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        pass


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA or ROCm device")
    layers = int(os.environ.get("SUBMITTER_GPU_LAYERS", LAYERS))
    return write_llama2_70b_shape(tmp_path_factory.mktemp("model") / "llama2-70b", layers)


@pytest.fixture(scope="module")
def prompts() -> list[list[int]]:
    """Of lengths about OpenOrca's: 294 tokens on average, 1,024 at most."""
    rng = random.Random(7)
    return [
        [rng.randrange(3, 32000) for _ in range(min(1024, 16 + int(rng.expovariate(1 / 278))))] for _ in range(SAMPLES)
    ]


@pytest.fixture(scope="module")
def alone(model: Path, prompts: list[list[int]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """vLLM's own `LLM.generate` on the same prompts, in a process of its own: it keeps the device until it ends."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "prompts.json").write_text(json.dumps(prompts))
    command = [sys.executable, __file__, str(model), str(folder / "prompts.json"), str(folder / "found.json")]
    subprocess.run(command, check=True, timeout=1800)
    found: dict[str, float] = json.loads((folder / "found.json").read_text())
    return found


def test_offline_through_the_harness_against_vllm_alone(
    model: Path, prompts: list[list[int]], alone: dict[str, float], tmp_path: Path
) -> None:
    """LoadGen, the event loop and this harness cost less than a tenth; both make the same number of tokens."""
    data = tmp_path / "set.safetensors"
    write_dataset(data, "random", prompts, ["x"] * SAMPLES, "0" * 64)
    conf = tmp_path / "user.conf"
    conf.write_text(
        f"*.*.performance_sample_count_override = {SAMPLES}\n*.Offline.min_query_count = {SAMPLES}\n"
        "*.Offline.min_duration = 0\n*.Offline.target_qps = 1\n"
    )
    finished: list[Finished] = []
    run = RunPlan(
        scenario=Scenario.OFFLINE,
        mode=Mode.PERFORMANCE,
        loadgen_model="llama2-70b",
        user_conf=conf,
        folder=tmp_path / "run",
        expected_samples=SAMPLES,
        expected_s=60.0,
    )
    plan = SessionPlan(
        engine=EngineSettings(engine="vllm", in_flight=SAMPLES, warm_up_prompts=64, settings=_SETTINGS),
        # As many tokens for every sample: noise has no EOS to speak of.
        engine_plan=EnginePlan(
            model=str(model), max_new_tokens=OUTPUT_TOKENS, min_new_tokens=OUTPUT_TOKENS, eos_token_id=EOS
        ),
        dataset=data,
        runs=(run,),
    )
    run_session(plan, tmp_path / "work", Limits(1800, 600), Silent(), finished.append)
    (done,) = finished
    assert done.log.errors == ()
    assert done.token_count == alone["tokens"] == SAMPLES * OUTPUT_TOKENS
    rate = float(done.log["result_tokens_per_second"])
    print(f"\nharness {rate:,.0f} tokens/s, vLLM alone {alone['tokens_per_s']:,.0f}")
    assert rate > 0.9 * alone["tokens_per_s"]


def _alone(model: str, prompts_file: str, found_file: str) -> None:
    from vllm import LLM, SamplingParams

    prompts = json.loads(Path(prompts_file).read_text())
    llm = LLM(model=model, **_SETTINGS)
    parameters = SamplingParams(
        temperature=0.0,
        max_tokens=OUTPUT_TOKENS,
        min_tokens=OUTPUT_TOKENS,
        stop_token_ids=[EOS],
        detokenize=False,
    )
    ready: list[Any] = [{"prompt_token_ids": prompt} for prompt in prompts]
    llm.generate(ready[:64], parameters, use_tqdm=False)  # compiles what is compiled at first use
    began_s = time.perf_counter()
    outputs = llm.generate(ready, parameters, use_tqdm=False)
    seconds = time.perf_counter() - began_s
    tokens = sum(len(output.outputs[0].token_ids) for output in outputs)
    Path(found_file).write_text(json.dumps({"tokens": tokens, "tokens_per_s": tokens / seconds}))


if __name__ == "__main__":
    _alone(*sys.argv[1:])
