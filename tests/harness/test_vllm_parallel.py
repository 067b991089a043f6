"""A real vLLM on the CPU in two parts: ranks with their work, their cores and their deaths, and shards of a replica."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm")

from submitter.embedded.benchmark import load_benchmark, model_folder
from submitter.errors import RunError
from submitter.harness.binding import Binding
from submitter.harness.engines import EnginePlan, create

SETTINGS = {
    "dtype": "bfloat16",
    "kv_cache_dtype": "fp8",
    "enforce_eager": True,
    "max_model_len": 256,
    "max_num_seqs": 32,
    "data_parallel_size": 2,
}
REQUESTS = 64
CORES = sorted(os.sched_getaffinity(0))


async def _ranks() -> dict[str, Any]:
    plan = EnginePlan(model=str(model_folder()), max_new_tokens=32, eos_token_id=load_benchmark().eos_token_id)
    engine: Any = create("vllm", SETTINGS, plan)
    await engine.start()
    ranks = engine.process_ids()
    Binding(engines=(str(CORES[0]), str(CORES[-1])), harness=f"{CORES[0]}").apply(ranks)
    affinity = [sorted(os.sched_getaffinity(rank)) for rank in (*ranks, 0)]
    os.sched_setaffinity(0, CORES)
    most: Counter[bytes] = Counter()  # how many requests each rank had at once

    async def answer(number: int) -> int:
        tokens = 0
        async for part in engine.generate(f"{number}", [3 + (7 * number + i) % 900 for i in range(40)], False):
            tokens += len(part)
        for rank, there in engine._engine.engine_core.engine_inflight.items():
            most[rank] = max(most[rank], there)
        return tokens

    answers = await asyncio.gather(*(answer(number) for number in range(REQUESTS)))
    counted = engine.answers()
    late = [asyncio.create_task(answer(number)) for number in range(REQUESTS)]
    await asyncio.sleep(0.2)
    os.kill(ranks[1], signal.SIGKILL)
    ends = await asyncio.wait_for(asyncio.gather(*late, return_exceptions=True), 60)
    await engine.stop()
    return {
        "affinity": affinity,
        "counted": counted,
        "answered": sum(count >= 1 for count in answers),
        "most": sorted(most.values()),
        "ends": sorted({str(end) for end in ends if isinstance(end, RunError)}),
        "others": [repr(end) for end in ends if isinstance(end, BaseException) and not isinstance(end, RunError)],
    }


async def _halves() -> dict[str, Any]:
    """One replica on two shards: what it answers, and its processes."""
    plan = EnginePlan(model=str(model_folder()), max_new_tokens=16, eos_token_id=load_benchmark().eos_token_id)
    engine: Any = create("vllm", {**SETTINGS, "data_parallel_size": 1, "tensor_parallel_size": 2}, plan)
    await engine.start()

    async def answer(number: int) -> list[int]:
        prompt = [3 + (7 * number + i) % 900 for i in range(40)]
        return [token async for part in engine.generate(f"{number}", prompt, False) for token in part]

    answers = await asyncio.gather(*(answer(number) for number in range(8)))
    processes = engine.process_ids()
    await engine.stop()
    return {"lengths": [len(tokens) for tokens in answers], "processes": len(processes)}


def _told(story: str, binding: str, folder: Path) -> dict[str, Any]:
    """A story of a vLLM in a process of its own: it changes signal handlers and the environment of the one it is in."""
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": binding}
    command = [sys.executable, __file__, story, str(folder / "story.json")]
    subprocess.run(command, check=True, timeout=400, cwd=Path(__file__).parents[2], env=environment)
    told: dict[str, Any] = json.loads((folder / "story.json").read_text())
    return told


@pytest.mark.slow
@pytest.mark.skipif(len(CORES) < 2, reason="one core")
def test_two_shards(tmp_path: Path) -> None:
    told = _told("halves", f"{CORES[0]}|{CORES[-1]}", tmp_path)
    assert all(1 <= length <= 16 for length in told["lengths"])
    assert told["processes"] == 1  # the shards are its children


@pytest.mark.slow
def test_two_ranks(tmp_path: Path) -> None:
    story = _told("ranks", "nobind", tmp_path)
    assert story["affinity"] == [[CORES[0]], [CORES[-1]], [CORES[0]]]
    assert story["answered"] == REQUESTS
    assert sorted(story["counted"]) == ["rank 0", "rank 1"]
    assert sum(story["counted"].values()) == REQUESTS
    assert min(story["counted"].values()) >= REQUESTS // 4
    assert len(story["most"]) == 2
    assert story["most"][0] >= REQUESTS // 4  # of a half each
    assert story["ends"] == ["the engine failed: vLLM's rank 1 of 2 ended by SIGKILL (not by the kernel for memory)"]
    assert story["others"] == []


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(asyncio.run({"ranks": _ranks, "halves": _halves}[sys.argv[1]]())))
