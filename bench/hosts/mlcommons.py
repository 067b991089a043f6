"""MLCommons' SUT for llama3.1-8b: `SUT_VLLM.py` of mlcommons/inference, with what keeps it from running here replaced.

What is replaced, by subclassing; everything else is theirs:
- the data set: our token ids instead of a JSON file read with pandas;
- `load_model`: our engine arguments instead of data type and tensor parallelism only; their check for CUDA is off;
- `LLM.generate(prompt_token_ids=...)`, which vLLM no longer has, gets the prompts in the form that it has now;
- the Server's worker: they end an event loop after each query, so that the engine has one query at a time ("this PoC
  is super slow", they write), and the current vLLM does not survive it. Here one loop runs all queries;
- the limit of 128 tokens for an answer is the embedded benchmark's.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import Any

from protocol import HostPlan, HostRun, loadgen_run, read_plan, serve


def _sut_class(plan: HostPlan) -> type:
    sys.path.insert(0, plan.peer)
    absent = ModuleType("datasets")  # dataset.py imports two functions of it, and calls neither
    absent.load_dataset = absent.load_from_disk = None
    sys.modules.setdefault("datasets", absent)
    import SUT_VLLM

    class OurData(SUT_VLLM.Dataset):
        def load_processed_dataset(self) -> None:
            self.input_ids = plan.prompts

    SUT_VLLM.Dataset = OurData
    SUT_VLLM.torch = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: True))

    class Offline(SUT_VLLM.SUT):
        def load_model(self) -> None:
            llm = SUT_VLLM.LLM(self.model_path, enable_prefix_caching=False, **plan.settings)

            def generate(prompt_token_ids: list[list[int]], sampling_params: Any) -> list[Any]:
                return llm.generate([{"prompt_token_ids": each} for each in prompt_token_ids], sampling_params)

            self.model = SimpleNamespace(generate=generate)

    class Server(SUT_VLLM.SUTServer):
        def load_model(self) -> None:
            arguments = SUT_VLLM.AsyncEngineArgs(self.model_path, enable_prefix_caching=False, **plan.settings)
            self.model = SUT_VLLM.AsyncLLMEngine.from_engine_args(arguments)

        def process_queries(self) -> None:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, daemon=True).start()
            while (qitem := self.query_queue.get()) is not None:
                prompt = SUT_VLLM.TokensPrompt(prompt_token_ids=self.data_object.input_ids[qitem.index])
                results = self.model.generate(
                    prompt=prompt, sampling_params=self.sampling_params, request_id=str(self.request_id)
                )
                self.request_id += 1
                asyncio.run_coroutine_threadsafe(self.stream_output(qitem, results), loop)

    return Offline if plan.scenario == "Offline" else Server


def main() -> None:
    plan = read_plan()
    sut = _sut_class(plan)(
        model_path=plan.model, total_sample_count=plan.sample_count, dataset_path="", tensor_parallel_size=1
    )
    sut.sampling_params.max_tokens = plan.max_new_tokens
    sut.start()

    def one_run(run: HostRun) -> dict[str, Any]:
        sut.batch_size = run.batch_size
        return loadgen_run(sut, plan.scenario, run)

    serve(one_run)


if __name__ == "__main__":
    main()
