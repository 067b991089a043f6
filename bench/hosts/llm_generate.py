"""The yardstick for Offline: vLLM's own `LLM.generate` over all prompts at once, without LoadGen."""

from __future__ import annotations

import time
from typing import Any

from protocol import HostRun, read_plan, serve


def main() -> None:
    from vllm import LLM, SamplingParams

    plan = read_plan()
    llm = LLM(model=plan.model, enable_prefix_caching=False, skip_tokenizer_init=True, **plan.settings)
    parameters = SamplingParams(
        temperature=0.0,
        max_tokens=plan.max_new_tokens,
        min_tokens=1,
        stop_token_ids=[plan.eos_token_id],
        detokenize=False,
    )
    inputs: list[Any] = [{"prompt_token_ids": prompt} for prompt in plan.prompts]
    llm.generate(inputs[:64], parameters, use_tqdm=False)

    def one_run(run: HostRun) -> dict[str, Any]:
        began_s = time.perf_counter()
        outputs = llm.generate(inputs, parameters, use_tqdm=False)
        seconds = time.perf_counter() - began_s
        return {"tokens_per_s": sum(len(each.outputs[0].token_ids) for each in outputs) / seconds}

    serve(one_run)


if __name__ == "__main__":
    main()
