"""A checkpoint of Llama 2 70B's shape without its weights: `load_format = "dummy"` fills them with noise of its own."""

from __future__ import annotations

import json
from pathlib import Path

LAYERS = 80
# From the model's config.json as published with it.
_SHAPE = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "torch_dtype": "float16",
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "num_hidden_layers": LAYERS,
    "max_position_embeddings": 4096,
    "vocab_size": 32000,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-05,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
# What submitter quantize --scheme fp8-static leads to, as vLLM reads it.
_FP8 = {"quant_method": "fp8", "activation_scheme": "static"}


def write_llama2_70b_shape(folder: Path, layers: int = LAYERS) -> Path:
    """`config.json` alone; fewer layers make a test of minutes one of seconds."""
    folder.mkdir(parents=True)
    config = {**_SHAPE, "num_hidden_layers": layers, "quantization_config": _FP8}
    (folder / "config.json").write_text(json.dumps(config))
    return folder
