"""The cost of the harness: LoadGen Offline through it compared with vLLM alone, and its speed without a model.

    python bench/harness_overhead.py vllm [--pairs 5] [--samples 2048]
    python bench/harness_overhead.py echo [--samples 200000]

`vllm`: in each pair the same prompts go once through vLLM's own `LLM.generate` and once through a LoadGen Offline
run on `AsyncLLM`, each in a process of its own; the order changes from pair to pair. Tokens/s of both are measured
inside the process, without the start of the engine. The result is the median of the pairs' ratios.

`echo`: samples/s through FirstTokenComplete and QuerySamplesComplete with the echo engine, with everything on one core.
The result is LoadGen's own `result_samples_per_second`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from submitter.embedded.benchmark import load_benchmark, model_folder
from submitter.embedded.dataset import prepare
from submitter.harness.dataset import Dataset
from submitter.harness.engines import EnginePlan
from submitter.harness.plan import EngineSettings, RunPlan, SessionPlan
from submitter.harness.supervisor import Finished, Limits, run_session
from submitter.model import Mode, Scenario

VLLM_SETTINGS: dict[str, Any] = {
    "dtype": "bfloat16",
    "kv_cache_dtype": "fp8",
    "enforce_eager": True,
    "max_model_len": 512,
    "max_num_seqs": 256,
    "max_num_batched_tokens": 4096,
}
ENV = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR"}


class Silent:
    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        pass


def through_the_harness(engine: EngineSettings, data: Path, samples: int, folder: Path) -> dict[str, float]:
    """LoadGen's figures of one Offline run of `samples` samples, on copies of the data set if it has fewer."""
    benchmark = load_benchmark()
    size = min(samples, len(Dataset.open(data)))
    conf = folder / "user.conf"
    conf.write_text(
        f"*.*.performance_sample_count_override = {size}\n*.Offline.min_query_count = {samples}\n"
        "*.Offline.min_duration = 0\n*.Offline.target_qps = 1\n"
    )
    plan = SessionPlan(
        engine=engine,
        engine_plan=EnginePlan(
            model=str(model_folder()), max_new_tokens=benchmark.max_new_tokens, eos_token_id=benchmark.eos_token_id
        ),
        dataset=data,
        sample_limit=size,
        runs=(
            RunPlan(
                scenario=Scenario.OFFLINE,
                mode=Mode.PERFORMANCE,
                loadgen_model="llama2-70b",
                user_conf=conf,
                folder=folder / "run",
                expected_samples=samples,
                expected_s=1.0,
            ),
        ),
    )
    found: dict[str, float] = {}

    def keep(done: Finished) -> None:
        found["samples_per_s"] = done.log["result_samples_per_second"]
        found["tokens_per_s"] = done.log["result_tokens_per_second"]
        found["samples"] = done.sample_count

    run_session(plan, folder / "work", Limits(300, 300), Silent(), keep)
    return found


ALONE = """
import json, sys, time
from pathlib import Path
from vllm import LLM, SamplingParams
from submitter.harness.dataset import Dataset
data, samples, model, max_tokens, eos, settings = json.loads(sys.argv[1])
prompts = Dataset.open(Path(data)).subset(samples)
llm = LLM(model=model, enable_prefix_caching=False, skip_tokenizer_init=True, **settings)
parameters = SamplingParams(
    temperature=0.0, max_tokens=max_tokens, min_tokens=1, stop_token_ids=[eos], detokenize=False)
inputs = [{"prompt_token_ids": prompts.prompt(i)} for i in range(samples)]
llm.generate(inputs[:64], parameters, use_tqdm=False)
began = time.perf_counter()
outputs = llm.generate(inputs, parameters, use_tqdm=False)
seconds = time.perf_counter() - began
print("RESULT", json.dumps(sum(len(o.outputs[0].token_ids) for o in outputs) / seconds))
"""


def vllm_alone(data: Path, samples: int) -> float:
    """Tokens/s of `LLM.generate` over the first `samples` samples."""
    benchmark = load_benchmark()
    arguments = json.dumps(
        [str(data), samples, str(model_folder()), benchmark.max_new_tokens, benchmark.eos_token_id, VLLM_SETTINGS]
    )
    done = subprocess.run(
        [sys.executable, "-c", ALONE, arguments], capture_output=True, text=True, env={**os.environ, **ENV}, check=False
    )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return float(line.removeprefix("RESULT "))
    raise SystemExit(done.stderr[-2000:])


def compare(pairs: int, samples: int) -> None:
    engine = EngineSettings(engine="vllm", in_flight=512, warm_up_prompts=64, settings=VLLM_SETTINGS, env=ENV)
    ratios = []
    with tempfile.TemporaryDirectory() as scratch:
        data = prepare(Path(scratch, "data"))
        for pair in range(pairs):
            figures: dict[str, float] = {}
            for which in ("harness", "alone") if pair % 2 else ("alone", "harness"):
                if which == "alone":
                    figures[which] = vllm_alone(data, samples)
                else:
                    folder = Path(scratch, f"pair-{pair}")
                    folder.mkdir()
                    figures[which] = through_the_harness(engine, data, samples, folder)["tokens_per_s"]
            ratios.append(figures["harness"] / figures["alone"])
            print(
                f"pair {pair + 1}: harness {figures['harness']:,.0f} tokens/s, LLM.generate {figures['alone']:,.0f}, "
                f"ratio {ratios[-1]:.3f}",
                flush=True,
            )
    print(f"ratio: median {statistics.median(ratios):.3f}, lowest {min(ratios):.3f}, highest {max(ratios):.3f}")


def echo(samples: int) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    engine = EngineSettings(engine="echo", in_flight=256, settings={"output_tokens": 16})
    with tempfile.TemporaryDirectory() as scratch:
        found = through_the_harness(engine, prepare(Path(scratch, "data")), samples, Path(scratch))
    print(f"echo: {found['samples']:,.0f} samples, {found['samples_per_s']:,.0f} samples/s on one core")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=["vllm", "echo"])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--samples", type=int)
    arguments = parser.parse_args()
    if arguments.engine == "vllm":
        compare(arguments.pairs, arguments.samples or 2048)
    else:
        echo(arguments.samples or 200_000)


if __name__ == "__main__":
    main()
