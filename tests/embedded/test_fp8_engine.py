"""The shipped model as it is run: vLLM on the CPU, FP8 weights and FP8 KV cache, reaches 99 % of bf16."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("vllm")

from submitter.embedded.benchmark import load_benchmark, model_folder
from submitter.embedded.dataset import generate
from submitter.embedded.reference import write_accuracy_log
from submitter.harness.dataset import Dataset
from submitter.harness.engines import EnginePlan, create
from submitter.scoring import score

SETTINGS = {"kv_cache_dtype": "fp8", "enforce_eager": True, "max_model_len": 512, "dtype": "bfloat16"}


async def _answers(dataset: Dataset) -> list[list[int]]:
    benchmark = load_benchmark()
    plan = EnginePlan(
        model=str(model_folder()), max_new_tokens=benchmark.max_new_tokens, eos_token_id=benchmark.eos_token_id
    )
    engine = create("vllm", SETTINGS, plan)
    await engine.start()

    async def answer(index: int) -> list[int]:
        return [token async for ids in engine.generate(str(index), dataset.prompt(index), False) for token in ids]

    try:
        return await asyncio.gather(*(answer(index) for index in range(len(dataset))))
    finally:
        await engine.stop()


@pytest.mark.slow
def test_the_engine_reaches_the_target_in_fp8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = load_benchmark().reference
    generate(tmp_path / "set", "quick", model_folder() / "tokenizer.json", reference.quick_sample_count)
    # vLLM in a process of its own: it changes signal handlers and the environment of the one it runs in.
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    command = [sys.executable, __file__, tmp_path / "set", tmp_path / "answers.json"]
    subprocess.run(command, check=True, timeout=300, cwd=Path(__file__).parents[2])
    write_accuracy_log(tmp_path / "log.json", json.loads((tmp_path / "answers.json").read_text()))
    metrics = score(tmp_path / "log.json", Dataset.open(tmp_path / "set").references(), model_folder()).metrics
    for metric, target in load_benchmark().quick_accuracy.items():
        assert metrics[metric] >= target.lower, metric
        assert target.upper is None or metrics[metric] <= target.upper, metric


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(asyncio.run(_answers(Dataset.open(Path(sys.argv[1]))))))
