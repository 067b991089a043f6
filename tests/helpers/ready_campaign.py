"""A closed llama2-70b-99.9 campaign of full length that lacks nothing but a machine to run on.

Its model folder is Llama 2 70B by everything that can be read without loading it: configuration, vocabulary, the names
and types of all tensors, the embedding's shape. Only the other tensors are small. The data set has the published one's
name, source and number of samples. It takes about a second to make and milliseconds to copy.
"""

from __future__ import annotations

import json
import math
import os
import random
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SYSTEM, BENCHMARK = "8xH100-SXM-80GB", "llama2-70b-99.9"
SCENARIOS = ("Offline", "Server", "Interactive")
SAMPLES, VOCABULARY, LAYERS = 24576, 32000, 80
BOS, EOS = 1, 2
PUBLISHED = "open_orca_gpt4_tokenized_llama.sampled_24576.pkl"
_REPOSITORY = Path(__file__).resolve().parents[2]

# config.json of Llama-2-70b-chat-hf, with the quantisation that `submitter quantize` writes.
CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "bos_token_id": BOS,
    "eos_token_id": EOS,
    "hidden_act": "silu",
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "max_position_embeddings": 4096,
    "model_type": "llama",
    "num_attention_heads": 64,
    "num_hidden_layers": LAYERS,
    "num_key_value_heads": 8,
    "rms_norm_eps": 1e-05,
    "tie_word_embeddings": False,
    "torch_dtype": "float16",
    "vocab_size": VOCABULARY,
    "quantization_config": {
        "quant_method": "fp8",
        "fmt": "e4m3",
        "activation_scheme": "dynamic",
        "weight_block_size": [128, 128],
        "modules_to_not_convert": ["lm_head"],
    },
}
_LINEARS = [f"self_attn.{letter}_proj" for letter in "qkvo"] + [f"mlp.{name}_proj" for name in ("gate", "up", "down")]

_SYSTEM_FIELDS = {
    "status": "available",
    "system_name": "Example server with eight H100",
    "system_type": "datacenter",
    "system_type_detail": "on-premise",
    "cooling": "air",
    "hw_notes": "N/A",
    "sw_notes": "N/A",
    "number_of_nodes": "1",
    "host_processor_model_name": "Example 9000",
    "host_processors_per_node": "2",
    "host_processor_core_count": "64",
    "host_processor_frequency": "2000 MHz",
    "host_processor_caches": "L3 256 MiB",
    "host_processor_interconnect": "xGMI",
    "host_memory_capacity": "2048 GiB",
    "host_memory_configuration": "24x 96 GB DDR5",
    "host_storage_capacity": "15 TB",
    "host_storage_type": "NVMe SSD",
    "host_networking": "Ethernet, 400 Gb/s",
    "host_networking_topology": "N/A (one node)",
    "host_network_card_count": "2",
    "accelerators_per_node": "8",
    "accelerator_model_name": "NVIDIA H100-SXM-80GB",
    "accelerator_memory_capacity": "80 GB",
    "accelerator_memory_configuration": "HBM3",
    "accelerator_frequency": "1980 MHz",
    "accelerator_on-chip_memories": "N/A",
    "accelerator_host_interconnect": "PCIe Gen5 x16",
    "accelerator_interconnect": "18x 4th Gen NVLink, 900GB/s",
    "accelerator_interconnect_topology": "NVSwitch",
    "framework": "vLLM 0.11",
    "operating_system": "Ubuntu 24.04",
    "other_software_stack": "CUDA 12.8",
}

_CAMPAIGN = f"""\
round = "v6.1"
division = "closed"
submitter = "Example"
output = "out"
documentation = "documentation"

[system]
id = "{SYSTEM}"
description = "system.json"

[[benchmarks]]
name = "{BENCHMARK}"
scenarios = ["Offline", "Server", "Interactive"]
model = "model"
dataset = "open_orca.safetensors"
measurements = "measurements"
"""


@dataclass(frozen=True)
class Ready:
    """The files of a ready campaign, to be changed by a test."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "campaign.toml"

    @property
    def output(self) -> Path:
        return self.folder / "out"

    @property
    def tree(self) -> Path:
        """The tree of a rehearsal."""
        return self.output / "preview"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def dataset(self) -> Path:
        return self.folder / "open_orca.safetensors"

    @property
    def documentation(self) -> Path:
        return self.folder / "documentation"

    @property
    def system(self) -> Path:
        return self.folder / "system.json"

    def measurement(self, scenario: str, name: str) -> Path:
        return self.folder / "measurements" / scenario / name

    def copied(self, folder: Path) -> Ready:
        """A copy below `folder`. The file of the embedding is the same one in all copies: do not write into it."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True, copy_function=_copy_or_link)
        return Ready(folder)


_LINKED_BYTES = 1 << 26


def _copy_or_link(source: str, target: str) -> str:
    if os.stat(source).st_size < _LINKED_BYTES:
        return str(shutil.copy2(source, target))
    os.link(source, target)
    return target


def make_ready(folder: Path) -> Ready:
    """Write the campaign below `folder`, which may exist."""
    made = Ready(folder)
    folder.mkdir(parents=True, exist_ok=True)
    made.file.write_text(_CAMPAIGN)
    made.system.write_text(json.dumps(_SYSTEM_FIELDS, indent=2))
    write_model(made.model)
    write_samples(made.dataset)
    shutil.copytree(_REPOSITORY / "measurements" / SYSTEM / BENCHMARK, folder / "measurements")
    _write_documents(made)
    return made


REHEARSED_SAMPLES = 64
_REHEARSED_CONF = f"""\
*.*.performance_sample_count_override = {REHEARSED_SAMPLES}
*.Offline.min_query_count = {REHEARSED_SAMPLES}
*.Offline.min_duration = 40
*.Offline.target_qps = 3000
"""
_REHEARSED_SERVER_CONF = f"""\
*.*.performance_sample_count_override = {REHEARSED_SAMPLES}
*.Server.min_duration = 1500
*.Server.target_qps = 400
"""
# The answer to a prompt is the prompt and an end token: all words of the reference.
_REHEARSED_ENGINE = """\
engine = "echo"
in_flight = 64
[settings]
output_tokens = 5
first_token_ms = 20
"""


def make_rehearsal(folder: Path) -> Ready:
    """The same campaign as a smoke run of a few seconds, on the echo engine: Offline and Server.

    Its model has no embedding, whose hash would take longer than the runs.
    """
    made = make_ready(folder)
    shutil.rmtree(made.model)
    write_model(made.model, embedding=False)
    text = made.file.read_text().replace(', "Interactive"]', f"]\nsample_limit = {REHEARSED_SAMPLES}")
    made.file.write_text("smoke = true\n" + text + "[limits]\nstart_s = 60\nstall_s = 20\n")
    shutil.rmtree(made.folder / "measurements" / "Interactive")
    for scenario, conf in (("Offline", _REHEARSED_CONF), ("Server", _REHEARSED_SERVER_CONF)):
        made.measurement(scenario, "engine.toml").write_text(_REHEARSED_ENGINE)
        made.measurement(scenario, "user.conf").write_text(conf)
    return made


def write_model(
    folder: Path, layers: int = LAYERS, dtype: str = "F8_E4M3", *, embedding: bool = True, **changed: Any
) -> None:
    """A model folder of Llama 2's structure; `changed` replaces keys of its configuration, and None drops one."""
    folder.mkdir(exist_ok=True)
    config = {key: value for key, value in ({**CONFIG, "num_hidden_layers": layers} | changed).items() if value}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"bos_token_id": BOS, "eos_token_id": EOS}))
    write_tokenizer(folder)
    names = [f"model.layers.{number}" for number in range(layers)]
    shards = [_layer_tensors(names[: layers // 2], dtype), _layer_tensors(names[layers // 2 :], dtype)]
    shards[1] |= {"model.norm.weight": ("BF16", [1]), "lm_head.weight": ("BF16", [1, 1])}
    if embedding:
        shards.append({"model.embed_tokens.weight": ("BF16", [config["vocab_size"], config["hidden_size"]])})
    weight_map = {}
    for number, tensors in enumerate(shards, start=1):
        file = f"model-0000{number}-of-0000{len(shards)}.safetensors"
        _write_zeros(folder / file, tensors)
        weight_map |= dict.fromkeys(tensors, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def _layer_tensors(layers: list[str], dtype: str) -> dict[str, tuple[str, list[int]]]:
    """The type and shape of each tensor of some layers, FP8 weights with their scales."""
    tensors = {}
    for layer in layers:
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{layer}.{name}.weight"] = ("BF16", [1])
        for linear in _LINEARS:
            tensors[f"{layer}.{linear}.weight"] = (dtype, [1, 1])
            if dtype == "F8_E4M3":
                tensors[f"{layer}.{linear}.weight_scale_inv"] = ("F32", [1, 1])
    return tensors


def _write_zeros(path: Path, tensors: dict[str, tuple[str, list[int]]]) -> None:
    """A safetensors file of zeros, which take no room on the disk."""
    entries, position = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = {"F8_E4M3": 1, "BF16": 2, "F32": 4}[dtype] * math.prod(shape)
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, position + size]}
        position += size
    header = json.dumps(entries).encode()
    path.unlink(missing_ok=True)  # it may be a link to another campaign's file
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(file.tell() + position)


def write_tokenizer(folder: Path, vocabulary: int = VOCABULARY) -> None:
    import tokenizers

    words = {"<unk>": 0, "<s>": BOS, "</s>": EOS} | {f"word{number}": number for number in range(3, vocabulary)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    names = {"tokenizer_class": "LlamaTokenizer", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))


def write_samples(path: Path, samples: int = SAMPLES, vocabulary: int = VOCABULARY, **origin: str) -> None:
    """A data set of short prompts, which says that it was made from the published file unless `origin` differs."""
    from submitter.datasets.official import official_files
    from submitter.harness.dataset import write_dataset

    source = {"source": PUBLISHED, "source_sha256": official_files()[PUBLISHED].sha256, **origin}
    rng = random.Random(70)
    prompts = [[BOS, *(rng.randrange(3, vocabulary) for _ in range(3))] for _ in range(samples)]
    references = [" ".join(f"word{token}" for token in prompt[1:]) for prompt in prompts]
    write_dataset(path, Path(PUBLISHED).stem, prompts, references, **source)


def _write_documents(made: Ready) -> None:
    """The documents from their templates, with each mark replaced as a person would."""
    from submitter import campaign as c

    c.write_templates(c.load_campaign(made.file))
    fill_in([*made.documentation.glob("*.md"), *made.folder.rglob("measurements/*/README.md")])


def fill_in(documents: Iterable[Path]) -> None:
    for path in documents:
        path.write_text(re.sub(r"TODO\(person\): [^|\n]*", "written by a person: 400 Gb/s", path.read_text()))
