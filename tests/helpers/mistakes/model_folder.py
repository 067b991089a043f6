"""Mistakes in the model's folder."""

from __future__ import annotations

import json

from ready_campaign import LAYERS, Ready, write_model, write_tokenizer

from mistakes.edits import Edit, cut, fields, nothing, remove, replace, write
from mistakes.record import Base, Mistake, Stage

_SHARD, _INDEX = "model/model-00001-of-00003.safetensors", "model/model.safetensors.index.json"
_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 9999\n"


def _other(layers: int = LAYERS, dtype: str = "F8_E4M3", **changed: object) -> Edit:
    """Another model in the folder, complete."""
    return lambda made: write_model(made.model, layers, dtype, **changed)


def _without_a_layer(made: Ready) -> None:
    write_model(made.model, LAYERS - 1)
    fields("model/config.json", num_hidden_layers=LAYERS)(made)


def _without_a_scale(made: Ready) -> None:
    """A scale under another name, in the shard and in the index, which stay consistent."""
    old, new = "model.layers.3.mlp.up_proj.weight_scale_inv", "model.layers.3.mlp.up_proj.weight_scale_old"
    for path in (made.folder / _SHARD, made.folder / _INDEX):
        path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))


MISTAKES = (
    Mistake(
        id="model-missing",
        what="a misspelt path of the model",
        make=replace("campaign.toml", 'model = "model"', 'model = "modell"'),
        message="there is no checkpoint folder modell",
    ),
    Mistake(
        id="model-hub-name",
        what="a name on Hugging Face instead of a folder",
        make=replace("campaign.toml", 'model = "model"', 'model = "meta-llama/Llama-2-70b-chat-hf"'),
        message="there is no checkpoint folder meta-llama/Llama-2-70b-chat-hf",
    ),
    Mistake(
        id="model-is-a-file",
        what="a weight file instead of its folder",
        make=replace("campaign.toml", 'model = "model"', f'model = "{_SHARD}"'),
        message=_SHARD,
    ),
    Mistake(
        id="model-no-config",
        what="no config.json",
        make=remove("model/config.json"),
        message="model: config.json is missing",
    ),
    Mistake(
        id="model-config-damaged",
        what="a config.json that is cut off",
        make=cut("model/config.json"),
        message="model/config.json is not a JSON file",
    ),
    Mistake(
        id="model-shard-missing",
        what="a weight file that was not copied",
        make=remove(_SHARD),
        message="model lacks 1 of 3 weight files, such as model-00001-of-00003.safetensors",
        remedy="copy, download or create the checkpoint again",
    ),
    Mistake(
        id="model-shard-cut",
        what="a weight file whose copy was interrupted",
        make=cut(_SHARD),
        message=_SHARD,
        remedy="copy, download or create the checkpoint again",
    ),
    Mistake(
        id="model-pointer",
        what="a pointer of Git LFS instead of a weight file",
        make=write(_SHARD, _POINTER),
        message=f"{_SHARD} is a pointer of Git LFS",
        remedy="git lfs pull",
    ),
    Mistake(
        id="model-pickled-weights",
        what="weights as pytorch_model.bin only",
        make=lambda made: [path.unlink() for path in made.model.glob("*.safetensors*")],
        message="model holds no *.safetensors file",
    ),
    Mistake(
        id="model-index-of-another",
        what="the index of another checkpoint",
        make=write(_INDEX, json.dumps({"weight_map": {"model.norm.bias": "model-00001-of-00003.safetensors"}})),
        message="lacks tensor model.norm.bias",
    ),
    Mistake(
        id="model-layer-missing",
        what="a layer without weights",
        make=_without_a_layer,
        message="model lacks 1 of the 80 layers of config.json, such as layer 79",
    ),
    Mistake(
        id="model-scale-missing",
        what="an FP8 weight without its scale",
        make=_without_a_scale,
        message="model lacks model.layers.3.mlp.up_proj.weight_scale_inv",
        remedy="quantise it again",
    ),
    Mistake(
        id="model-toy",
        what="a toy of four layers",
        make=_other(4),
        message="layers 4 instead of 80",
        remedy="open division",
    ),
    Mistake(
        id="model-13b",
        what="Llama 2 13B",
        make=_other(40, hidden_size=5120, intermediate_size=13824, num_attention_heads=40, num_key_value_heads=40),
        message="layers 40 instead of 80, hidden size 5120 instead of 8192",
    ),
    Mistake(
        id="model-llama-3",
        what="Llama 3.1 70B: the same layers, another vocabulary",
        make=_other(vocab_size=128256),
        message="vocab size 128256 instead of 32000",
    ),
    Mistake(
        id="model-narrow",
        what="another hidden size",
        make=_other(hidden_size=4096),
        message="hidden size 4096 instead of 8192",
    ),
    Mistake(
        id="model-architecture",
        what="another architecture",
        make=_other(architectures=["Qwen2ForCausalLM"], model_type="qwen2"),
        message="Qwen2ForCausalLM instead of LlamaForCausalLM",
    ),
    Mistake(
        id="model-data-type",
        what="wide weights where measurements.json says fp8",
        make=_other(dtype="BF16", quantization_config=None),
        is_due=True,
        message="measurements/Server/measurements.json: weight_data_types is fp8, the weights in model are bf16",
    ),
    Mistake(
        id="model-no-tokenizer",
        what="no tokenizer.json, which scoring needs",
        make=remove("model/tokenizer.json"),
        message="tokenizer.json",
    ),
    Mistake(
        id="model-tokenizer-damaged",
        what="a tokenizer.json that is cut off",
        make=cut("model/tokenizer.json"),
        message="tokenizer.json",
    ),
    Mistake(
        id="model-other-tokenizer",
        what="another model's tokenizer",
        make=lambda made: write_tokenizer(made.model, 500),
        message="tokenizer.json has 500 tokens",
        remedy="copy the model's own",
    ),
    Mistake(
        id="model-unreadable",
        what="a weight file that the user may not read",
        base=Base.REHEARSAL,
        make=lambda made: (made.model / "model-00001-of-00002.safetensors").chmod(0),
        is_unprivileged=True,
        message="model/model-00001-of-00002.safetensors",
        also=("ermission denied",),
        is_slow=True,
    ),
    Mistake(
        id="model-quantised-already",
        what="quantising a checkpoint that is quantised",
        make=nothing,
        stage=Stage.QUANTIZE,
        command=("quantize", "{model}", "{folder}/again"),
        message="quantised",
    ),
    Mistake(
        id="model-target-exists",
        what="quantising into a folder that is there",
        make=nothing,
        stage=Stage.QUANTIZE,
        command=("quantize", "{model}", "{documentation}"),
        message="documentation already exists",
        remedy="name a new folder, or remove this one first",
    ),
)
