"""A real vLLM with a worker process of its own: whatever of it is killed, no process and no shared memory stays."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm")
pytest.importorskip("mlperf_loadgen")

import torch
from echo_sessions import EOS, USER_CONF, Watched

from submitter.embedded.benchmark import load_benchmark, model_folder
from submitter.embedded.dataset import generate
from submitter.errors import RunError
from submitter.harness import leftovers
from submitter.harness.engines import EnginePlan
from submitter.harness.plan import EngineSettings, RunPlan, SessionPlan
from submitter.harness.supervisor import Limits, run_session
from submitter.model import Mode, Scenario

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cpu._is_avx512_bf16_supported(), reason="needs a CPU with AVX-512 bf16"),
]
SETTINGS = {
    "dtype": "bfloat16",
    "enforce_eager": True,
    "max_model_len": 512,
    "max_num_seqs": 16,
    "distributed_executor_backend": "mp",
}
SHARED_MEMORY = Path("/dev/shm")


class Killer(Watched):
    """Kills one of the session's processes during the run: ours, vLLM's engine core, or its worker."""

    def __init__(self, victim: int, work: Path) -> None:
        super().__init__()
        self.victim, self.owner = victim, work / "engine.session"
        self.members: list[int] = []
        self.shared: set[str] = set()

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        super().event(kind, run, facts)
        scratch = leftovers.owned_scratch(self.owner)
        if kind != "progress" or self.members or scratch is None:
            return
        self.members = leftovers._members(scratch, leftovers._read(scratch))
        self.shared = leftovers._shared_memory_of(self.members)
        engines = [pid for pid in sorted(self.members) if b"resource_tracker" not in _command(pid)]
        os.kill(engines[self.victim], signal.SIGKILL)


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize(
    ("victim", "message"),
    [
        (0, "the engine's process ended by SIGKILL (not by the kernel for memory) in the run"),
        (1, "the engine failed: vLLM ended by SIGKILL (not by the kernel for memory)"),
        (2, "the engine failed: vLLM's engine process reported an error"),
    ],
)
def test_nothing_of_vllm_stays(tmp_path: Path, victim: int, message: str) -> None:
    benchmark = load_benchmark()
    data, conf, work = tmp_path / "data", tmp_path / "user.conf", tmp_path / "work"
    generate(data, "few", model_folder() / "tokenizer.json", 64)
    conf.write_text(USER_CONF + "*.Server.min_duration = 60000\n*.Server.target_qps = 5\n")
    run = RunPlan(
        scenario=Scenario.SERVER,
        mode=Mode.PERFORMANCE,
        loadgen_model="llama2-70b",
        user_conf=conf,
        folder=tmp_path / "run",
        expected_samples=64,
        expected_s=60.0,
    )
    plan = SessionPlan(
        engine=EngineSettings(
            engine="vllm", in_flight=16, warm_up_prompts=2, settings=SETTINGS, env={"VLLM_CPU_KVCACHE_SPACE": "1"}
        ),
        engine_plan=EnginePlan(model=str(model_folder()), max_new_tokens=benchmark.max_new_tokens, eos_token_id=EOS),
        dataset=data,
        runs=(run,),
    )
    killer = Killer(victim, work)
    with pytest.raises(RunError) as caught:
        run_session(plan, work, Limits(240, 60), killer, lambda done: None, failed_folder=tmp_path / "failed")
    assert message in caught.value.message
    assert victim != 2 or "died unexpectedly" in caught.value.hint
    assert len(killer.members) >= 3  # ours, the engine core and its worker
    assert killer.shared
    assert not killer.shared & set(os.listdir(SHARED_MEMORY))
    assert not [pid for pid in killer.members if (left := leftovers._process(pid)) and left.is_alive]
    assert not list(tmp_path.glob("work/*.session"))
    (kept,) = (tmp_path / "failed").iterdir()
    assert {"engine.log", "failure.json", "mlperf_log_detail.txt"} <= set(os.listdir(kept))
