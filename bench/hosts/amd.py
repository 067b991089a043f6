"""AMD's SUT for llama2-70b of round v5.1: the folder `closed/AMD/code/llama2-70b-99.9`, with what it needs replaced.

What is replaced, by subclassing; everything else is theirs, with the options of their `config.yaml`:
- the data set: our token ids instead of a pickle read with pandas;
- the engine arguments, which are the same for all here; sampling as in their files, with the embedded model's limit;
- `numa_helpers` binds a process to the NUMA node of its GPU with ROCm's tools: here it does nothing;
- Ray's queue and OmegaConf, which they import also where they do not use them, are stand-ins;
- Offline: `LLM.generate(prompt_token_ids=...)`, which vLLM no longer has, gets the prompts in the form that it has now;
  and the pipe to the worker stays open after a query, so that a second run needs no new engine;
- Server: the engine is asynchronous (`engine_version=async`), because their synchronous one needs vLLM's old engine;
  its file cannot even be imported now, so it is a stand-in too.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

from protocol import HostPlan, HostRun, loadgen_run, read_plan, serve

# The module is imported again in the worker, which their code starts with `spawn`: it needs the same stand-ins.
PLAN = read_plan()
sys.path.insert(0, PLAN.peer)


def _stand_in(name: str, **attributes: Any) -> None:
    module = ModuleType(name)
    vars(module).update(attributes)
    sys.modules[name] = module


_stand_in("harness_llm.common.numa_helpers", set_affinity_by_device=lambda device: None)
_stand_in("harness_llm.backends.vllm.sync_server", SyncServer=None)
_stand_in("omegaconf", OmegaConf=None)
_stand_in("ray.util.queue", Queue=type("Queue", (), {}))
_stand_in("ray.util", queue=sys.modules["ray.util.queue"])
_stand_in("ray", util=sys.modules["ray.util"])

from harness_llm.backends.vllm import server_sut, sut_offline, vllm_engine  # noqa: E402
from harness_llm.loadgen import sut as base  # noqa: E402

for _name in ("ray", "ray.util", "ray.util.queue"):  # vLLM would take it for Ray
    del sys.modules[_name]


class OurData(base.Dataset):
    def load_processed_dataset(self) -> None:
        self.input_ids = PLAN.prompts
        self.stop_ids: list[Any] = []


base.Dataset = OurData


def offline_engine(*arguments: Any) -> None:
    """Their worker of an Offline run, with the one call that vLLM no longer understands."""

    def generate(llm: Any, prompt_token_ids: list[list[int]], sampling_params: Any) -> Any:
        prompts = [{"prompt_token_ids": each} for each in prompt_token_ids]
        return llm.generate(prompts, sampling_params, use_tqdm=os.environ["HARNESS_DISABLE_VLLM_LOGS"] != "1")

    vllm_engine._run_vllm = generate
    vllm_engine.initialize_engine_and_generate(*arguments)


class OpenPipe:
    """Their pipe to the worker, which a query neither ends nor closes."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe

    def send(self, item: Any) -> None:
        if item is not None:
            self._pipe.send(item)

    def close(self) -> None:
        pass


class Config(SimpleNamespace):
    """Their configuration object, as far as the SUTs use it."""

    def __getitem__(self, key: str) -> Any:
        return getattr(self, key)

    def get_with_default(self, key: str, default: Any) -> Any:
        return getattr(self, key, default)


def _config(plan: HostPlan) -> Config:
    return Config(
        benchmark_name="llama2-70b",
        harness_config={
            "dataset_path": "",
            "total_sample_count": plan.sample_count,
            "tensor_parallelism": 1,
            "pipeline_parallelism": 1,
            "device_count": 1,
            "enable_warmup": False,
            "schedule_algo": "shortest_queue",
            "max_num_batched_tokens": plan.settings["max_num_batched_tokens"],
            "debug_dump_model_output": False,
            "debug_record_sample_latencies": False,
        },
    )


def main() -> None:
    import multiprocessing

    multiprocessing.set_start_method("spawn")
    os.environ.update(HARNESS_DISABLE_VLLM_LOGS="1", HARNESS_GC_LIMIT="10000000")
    engine = {"model": PLAN.model, "enable_prefix_caching": False, "disable_log_stats": True, **PLAN.settings}
    sampling = {
        "temperature": 0.0,
        "min_tokens": 1,
        "max_tokens": PLAN.max_new_tokens,
        "ignore_eos": False,
        "detokenize": False,
    }
    sut: Any
    if PLAN.scenario == "Offline":
        sut = sut_offline.OfflineVLLMSUT(_config(PLAN), engine, sampling)
        sut.engine = offline_engine
    else:
        sut = server_sut.AsyncServerVLLMSUT(_config(PLAN), engine, sampling)
    sut.start()
    if PLAN.scenario == "Offline":
        sut.qdata_in_senders = [OpenPipe(each) for each in sut.qdata_in_senders]

    def one_run(run: HostRun) -> dict[str, Any]:
        return loadgen_run(sut, PLAN.scenario, run)

    serve(one_run)


if __name__ == "__main__":
    main()
