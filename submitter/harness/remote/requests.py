"""The body of a completions request: prompts as token ids, the limits of an answer, and what brings its ids back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from submitter.errors import InputError
from submitter.harness.engines import EnginePlan
from submitter.harness.remote.settings import Settings
from submitter.harness.sampling import GREEDY, Sampling

# What a request must have for the answer's token ids to come back. They come in `choices[].token_ids`, Dynamo's in
# `nvext.completion_token_ids`. vLLM 0.32 openai/completion/protocol.py; SGLang openai/protocol.py (main, 2026);
# TensorRT-LLM serve/openai_protocol.py (main, 2026), which refuses fields that it does not know; NeMo RL's client of
# Dynamo, docs/design-docs.
_TOKEN_ID_FIELDS: dict[str, dict[str, Any]] = {
    "vllm": {"return_token_ids": True},
    "sglang": {"return_token_ids": True},
    "trtllm": {"detokenize": False},
    "dynamo": {"nvext": {"extra_fields": ["completion_token_ids"]}},
}
# trtllm-serve fills in top_k 0 where it is absent, and not each of its samplers takes temperature 0 as greedy: that of
# TensorRT engines asks for a temperature above 0 (docstring of SamplingParams in tensorrt_llm/sampling_params.py, 1.2).
_GREEDY_FIELDS: dict[str, dict[str, Any]] = {"trtllm": {"top_k": 1}}
_BEAMS = ("num_beams", "early_stopping", "length_penalty")


def check_sampling(sampling: Sampling) -> None:
    """InputError for sampling that is not sent: beam search, which these servers do not stream."""
    chosen = sampling.chosen
    for key in _BEAMS:
        if key in chosen and (key, chosen[key]) not in (("num_beams", 1), ("early_stopping", True)):
            raise InputError(
                f"engine.toml: [sampling]: the endpoint engine has no '{key}'", "remove it: each answer is one beam"
            )


class RequestBodies:
    """Makes the body of each request. All but the prompt is encoded once."""

    def __init__(self, settings: Settings, model: str, plan: EnginePlan, sampling: Sampling = GREEDY) -> None:
        chosen = {key: value for key, value in sampling.chosen.items() if key not in _BEAMS}
        common = {
            "model": model,
            "temperature": 0.0,  # greedy, as the rules require for language models; the open division may differ
            **({} if chosen else _GREEDY_FIELDS.get(settings.server, {})),
            **chosen,
            "max_tokens": plan.max_new_tokens,
            "min_tokens": plan.min_new_tokens,
            "stop_token_ids": [plan.eos_token_id],
            "ignore_eos": False,
            **(_TOKEN_ID_FIELDS.get(settings.server, {}) if settings.answers == "token_ids" else {}),
            **settings.extra_body,
        }
        streaming = {"stream": True, "stream_options": {"include_usage": True}}
        self._starts = {
            True: msgspec.json.encode(common | streaming)[:-1] + b',"prompt":',
            False: msgspec.json.encode(common)[:-1] + b',"prompt":',
        }
        self._encode = msgspec.json.Encoder().encode

    def body(self, prompt: Sequence[int], stream: bool) -> bytes:
        return self._starts[stream] + self._encode(prompt) + b"}"
