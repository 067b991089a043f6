"""Small checkpoints for the tests of quantisation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

LINEAR = "model.layers.0.self_attn.q_proj.weight"
DOWN = "model.layers.1.mlp.down_proj.weight"


def tensors() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(7)

    def normal(*shape: int) -> Any:
        return torch.randn(*shape, generator=generator).to(torch.bfloat16)

    return {
        "model.embed_tokens.weight": normal(200, 128),
        LINEAR: normal(256, 128),
        DOWN: normal(128, 384) * 0.001,
        "model.layers.0.input_layernorm.weight": normal(128),
        "model.layers.0.mlp.gate.weight": normal(8, 128),
        "lm_head.weight": normal(200, 128),
    }


def write(folder: Path, sharded: bool = False) -> Path:
    """A checkpoint of two layers in bf16, in one file or in two with an index."""
    folder.mkdir()
    config = {"architectures": ["LlamaForCausalLM"], "hidden_size": 128, "num_hidden_layers": 2, "vocab_size": 200}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    content = tensors()
    if not sharded:
        save_file(content, folder / "model.safetensors")
        return folder
    names = sorted(content)
    weight_map = {}
    for number, part in enumerate((names[:3], names[3:]), start=1):
        shard = f"model-0000{number}-of-00002.safetensors"
        save_file({name: content[name] for name in part}, folder / shard)
        weight_map |= dict.fromkeys(part, shard)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return folder


def write_quark(folder: Path, without: str = "", **stated: Any) -> Path:
    """A checkpoint as AMD Quark 0.8 to 0.13 exports FP8 with a static FP8 KV cache for vLLM, of one layer.

    `without` leaves a tensor out; `stated` replaces keys of `quantization_config`.
    """
    folder.mkdir()
    fp8 = {
        "dtype": "fp8_e4m3",
        "is_dynamic": False,
        "qscheme": "per_tensor",
        "ch_axis": None,
        "group_size": None,
        "symmetric": None,
        "round_method": "half_even",
        "scale_type": "float",
        "observer_cls": "PerTensorMinMaxObserver",
    }
    layer = {"weight": fp8, "input_tensors": fp8, "output_tensors": None, "bias": None, "target_device": None}
    quantization = {
        "quant_method": "quark",
        "global_quant_config": layer,
        "layer_quant_config": {name: {**layer, "output_tensors": fp8} for name in ("*k_proj", "*v_proj")},
        "layer_type_quant_config": {},
        "exclude": ["lm_head"],
        "algo_config": None,
        "export": {
            "kv_cache_group": ["*k_proj", "*v_proj"],
            "min_kv_scale": 0.0,
            "pack_method": "reorder",
            "weight_format": "real_quantized",
            "weight_merge_groups": None,
        },
        **stated,
    }
    config = {"num_hidden_layers": 1, "vocab_size": 200, "quantization_config": quantization}
    (folder / "config.json").write_text(json.dumps(config))
    content: dict[str, Any] = {
        "model.embed_tokens.weight": torch.ones(200, 128, dtype=torch.bfloat16),
        "lm_head.weight": torch.ones(200, 128, dtype=torch.bfloat16),
    }
    for part in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.down_proj"):
        module = f"model.layers.0.{part}"
        content[f"{module}.weight"] = torch.ones(128, 128).to(torch.float8_e4m3fn)
        content[f"{module}.weight_scale"] = torch.tensor(0.5)
        content[f"{module}.input_scale"] = torch.tensor(0.25)
        if part[-6:] in ("k_proj", "v_proj"):
            content[f"{module}.output_scale"] = torch.tensor(0.125)
    content.pop(without, None)
    save_file(content, folder / "model.safetensors")
    return folder
