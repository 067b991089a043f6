"""A real vLLM engine with FP8 weights under a real LoadGen: a run without an error, and then the engine's death."""

from __future__ import annotations

import os
import signal
import time
from array import array
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
from submitter.harness.engines import EnginePlan, check_settings, serves_a_model
from submitter.harness.plan import EngineSettings, RunPlan, SessionPlan
from submitter.harness.supervisor import Finished, Limits, run_session
from submitter.layout import ACCURACY_LOG
from submitter.logs import read_accuracy
from submitter.model import Mode, Scenario

SAMPLES = 64
SETTINGS = {
    "dtype": "bfloat16",
    "kv_cache_dtype": "fp8",
    "enforce_eager": True,
    "max_model_len": 512,
    "max_num_seqs": 64,
}


def group_members(group: int) -> dict[int, str]:
    """The living processes of a process group, by id, with their command."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] != "Z":
                found[int(entry.name)] = command
    return found


def child_group() -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent == os.getpid() and b"submitter.harness.child" in (entry / "cmdline").read_bytes():
                    return int(entry.name)
            except OSError:
                continue
    raise AssertionError("the child is not there")


class Murderer(Watched):
    """Kills vLLM's engine process, not our child, once the second run has begun."""

    group = 0
    members = 0

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        super().event(kind, run, facts)
        if kind == "progress" and run is not None and run.mode is Mode.PERFORMANCE and not self.group:
            self.group = child_group()
            members = group_members(self.group)
            self.members = len(members)
            core = [pid for pid, command in members.items() if "EngineCore" in command]
            os.kill(core[0], signal.SIGKILL)


@pytest.mark.skipif(not torch.cpu._is_avx512_bf16_supported(), reason="needs a CPU with AVX-512 bf16")
def test_a_run_on_vllm_and_the_death_of_its_engine(tmp_path: Path) -> None:
    benchmark = load_benchmark()
    data = tmp_path / "data"
    generate(data, "few", model_folder() / "tokenizer.json", SAMPLES)
    conf = tmp_path / "user.conf"
    conf.write_text(USER_CONF + "*.Server.min_duration = 60000\n*.Server.target_qps = 20\n")
    tokens: dict[int, list[int]] = {}
    finished: list[Finished] = []

    def keep(done: Finished) -> None:
        finished.append(done)
        for entry in read_accuracy(done.folder / ACCURACY_LOG):
            tokens[entry.qsl_idx] = list(array("i", entry.data))
            assert entry.token_count == len(tokens[entry.qsl_idx])

    plan = SessionPlan(
        engine=EngineSettings(
            engine="vllm",
            in_flight=64,
            warm_up_prompts=4,
            settings=SETTINGS,
            env={"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "WARNING"},
        ),
        engine_plan=EnginePlan(model=str(model_folder()), max_new_tokens=benchmark.max_new_tokens, eos_token_id=EOS),
        dataset=data,
        runs=tuple(
            RunPlan(
                scenario=Scenario.SERVER,
                mode=mode,
                loadgen_model="llama2-70b",
                user_conf=conf,
                folder=tmp_path / "runs" / mode,
                expected_samples=SAMPLES,
                expected_s=1.0,
            )
            for mode in (Mode.ACCURACY, Mode.PERFORMANCE)
        ),
    )
    watched = Murderer()
    began_s = time.monotonic()
    with pytest.raises(RunError, match="the engine failed: vLLM ended by SIGKILL"):
        run_session(plan, tmp_path / "work", Limits(180, 60), watched, keep)

    assert [done.run.mode for done in finished] == [Mode.ACCURACY]
    assert finished[0].log.errors == ()
    assert sorted(tokens) == list(range(SAMPLES))
    for answer in tokens.values():
        assert 2 <= len(answer) <= benchmark.max_new_tokens
        assert EOS not in answer[:-1]
        assert all(0 <= token < 1920 for token in answer)
    assert sum(answer[-1] == EOS for answer in tokens.values()) == SAMPLES

    assert watched.members >= 2  # our child and vLLM's own process were in one group, and both are gone
    deadline_s = time.monotonic() + 10  # they were killed; the kernel takes a moment to clear them away
    while group_members(watched.group) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert group_members(watched.group) == {}
    assert time.monotonic() - began_s < 150
    assert not any((tmp_path / "runs").iterdir())


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        ({"max_num_seq": 8}, "vLLM has no engine argument 'max_num_seq'", "did you mean 'max_num_seqs'?"),
        ({"enable_prefix_caching": True}, "'enable_prefix_caching' cannot be set to true", "the rules forbid caching"),
        ({"model": "other"}, "'model' cannot be set to 'other'", "the campaign names the model"),
        ({"hf_token": "hf_secret"}, "'hf_token' cannot be set to ***", "set HF_TOKEN in the shell"),
        ({"max_num_seqs": "8"}, "'max_num_seqs' cannot be '8'", "vLLM takes a whole number here"),
        ({"max_num_seqs": True}, "'max_num_seqs' cannot be true", "vLLM takes a whole number here"),
        ({"gpu_memory_utilization": "0.9"}, "'gpu_memory_utilization' cannot be '0.9'", "vLLM takes a number"),
        ({"gpu_memory_utilization": True}, "'gpu_memory_utilization' cannot be true", "vLLM takes a number"),
        ({"enforce_eager": 1}, "'enforce_eager' cannot be 1", "vLLM takes true or false here"),
        ({"kv_cache_dtype": "fp88"}, "'kv_cache_dtype' cannot be 'fp88'", "did you mean 'fp8'?"),
        ({"data_parallel_backend": "xyz"}, "'data_parallel_backend' cannot be 'xyz'", "known: ray, mp"),
        ({"served_model_name": 3}, "'served_model_name' cannot be 3", "takes a text in quotes or a list here"),
        ({"numa_bind_nodes": ["a"]}, "'numa_bind_nodes' cannot be a list of 1", "vLLM takes a whole number here"),
        ({"max_num_seqs": {"a": 1}}, "'max_num_seqs' cannot be an object of 1 keys", "vLLM takes a whole number here"),
        ({"load_format": {"key": "k" * 999}}, "'load_format' cannot be an object of 1 keys", "a text in quotes"),
    ],
)
def test_settings_that_vllm_or_the_rules_refuse(settings: dict[str, Any], message: str, hint: str) -> None:
    from submitter.errors import InputError

    with pytest.raises(InputError) as caught:
        check_settings("vllm", settings)
    assert caught.value.message == f"engine.toml: {message}"
    assert hint in caught.value.hint


def test_weights_of_noise_are_no_model() -> None:
    assert serves_a_model("vllm", {})
    assert not serves_a_model("vllm", {"load_format": "dummy"})
    assert not serves_a_model("echo", {})


@pytest.mark.parametrize(
    "settings",
    [
        {"gpu_memory_utilization": 1},
        {"max_model_len": 512, "compilation_config": {"cudagraph_mode": "FULL_AND_PIECEWISE"}},
        {"dtype": "bfloat16", "served_model_name": ["a", "b"], "numa_bind_nodes": [0, 1]},
        {"attention_backend": "TORCH_SDPA", "optimization_level": "O1", "offload_params": ["weight"]},
        {"hf_overrides": {"rope": {"a": 1}}, "limit_mm_per_prompt": {"image": 1, "video": {"count": 1}}},
    ],
)
def test_settings_that_vllm_takes(settings: dict[str, Any]) -> None:
    """A whole number for a fraction, lists and tables, and whatever is for a class of vLLM's own."""
    from submitter.errors import InputError

    check_settings("vllm", settings)
    with pytest.raises(InputError, match="no_such_setting"):
        check_settings("vllm", {**settings, "no_such_setting": 1})
