"""Whether a checkpoint is the benchmark's model, on checkpoints of a few bytes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from submitter.campaign.identity import differences, mismatches, model_problems
from submitter.embedded.benchmark import load_benchmark, model_folder
from submitter.rulebook import load_rulebook, round_names

BOOK = load_rulebook("v6.1")
LLAMA2 = "llama2-70b-99.9"
# As in the config.json of each repository, so far as it is about the shape.
CONFIGS: dict[str, dict[str, Any]] = {
    "meta-llama/Llama-2-70b-chat-hf": {
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": 8192,
        "intermediate_size": 28672,
        "num_attention_heads": 64,
        "num_hidden_layers": 80,
        "num_key_value_heads": 8,
        "vocab_size": 32000,
    },
    "EleutherAI/gpt-j-6b": {
        "architectures": ["GPTJForCausalLM"],
        "n_embd": 4096,
        "n_head": 16,
        "n_inner": None,
        "n_layer": 28,
        "vocab_size": 50400,
    },
    "deepseek-ai/DeepSeek-R1": {
        "architectures": ["DeepseekV3ForCausalLM"],
        "hidden_size": 7168,
        "intermediate_size": 18432,
        "moe_intermediate_size": 2048,
        "n_routed_experts": 256,
        "n_shared_experts": 1,
        "num_attention_heads": 128,
        "num_experts_per_tok": 8,
        "num_hidden_layers": 61,
        "num_key_value_heads": 128,
        "num_nextn_predict_layers": 1,
        "vocab_size": 129280,
    },
    "Qwen/Qwen3-VL-235B-A22B-Instruct": {
        "architectures": ["Qwen3VLMoeForConditionalGeneration"],
        "text_config": {
            "hidden_size": 4096,
            "intermediate_size": 12288,
            "moe_intermediate_size": 1536,
            "num_attention_heads": 64,
            "num_experts": 128,
            "num_experts_per_tok": 8,
            "num_hidden_layers": 94,
            "num_key_value_heads": 4,
            "vocab_size": 151936,
        },
    },
}
OF_SPECULATION_OR_SHARED = {"n_shared_experts", "num_nextn_predict_layers"}  # not compared
MODELS = {name: model for book in round_names() for name, model in load_rulebook(book).models.items()}


def checkpoint(
    folder: Path,
    config: dict[str, Any] | None = None,
    *,
    tokens: int = 32000,
    embedding: tuple[int, int] | None = None,
    eos: Any = 2,
) -> Path:
    """Llama 2 70B's small files. The weights are a header, whose one tensor has an empty file's data."""
    folder.mkdir(parents=True, exist_ok=True)
    config = CONFIGS["meta-llama/Llama-2-70b-chat-hf"] if config is None else config
    (folder / "config.json").write_text(json.dumps(config))
    shape = embedding or (config.get("vocab_size", 0), config.get("hidden_size", 0))
    header = {"model.embed_tokens.weight": {"dtype": "U8", "shape": shape, "data_offsets": [0, shape[0] * shape[1]]}}
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(file.tell() + shape[0] * shape[1])
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2} | {f"w{number}": number for number in range(3, tokens)}
    tokenizer = {"model": {"type": "BPE", "vocab": vocabulary}, "added_tokens": [{"id": 2, "content": "</s>"}]}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text('{"eos_token": {"content": "</s>"}}')
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": eos}))
    return folder


def dataset(folder: Path, prompts: list[list[int]], **header: str) -> Any:
    module = pytest.importorskip("submitter.harness.dataset", exc_type=Exception)
    module.write_dataset(folder / "set", "small", prompts, ["x"] * len(prompts), **header)
    return module.Dataset.open(folder / "set")


def test_the_benchmarks_model_has_no_problem(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path)
    assert model_problems(folder, BOOK, LLAMA2, 2) == []
    assert mismatches(folder, 2) == []


@pytest.mark.parametrize("name", CONFIGS)
def test_the_names_of_every_family_are_understood(name: str) -> None:
    assert differences(CONFIGS[name], MODELS[name]) == []


@pytest.mark.parametrize("method", ["fp8", "quark", "compressed-tensors"])
def test_a_quantised_checkpoint_is_still_the_model(method: str) -> None:
    """Quantising adds a table to config.json; the shape stays."""
    name = "meta-llama/Llama-2-70b-chat-hf"
    config = CONFIGS[name] | {"quantization_config": {"quant_method": method}, "torch_dtype": "float16"}
    assert differences(config, MODELS[name]) == []


@pytest.mark.parametrize("fact", sorted(CONFIGS["deepseek-ai/DeepSeek-R1"].keys() - OF_SPECULATION_OR_SHARED))
def test_each_other_fact_is_a_difference(fact: str) -> None:
    name = "deepseek-ai/DeepSeek-R1"
    changed = CONFIGS[name] | {fact: ["LlamaForCausalLM"] if fact == "architectures" else 7}
    left_out = {key: value for key, value in CONFIGS[name].items() if key != fact}
    for config in (changed, left_out):
        found = differences(config, MODELS[name])
        assert len(found) == (0 if config is left_out and fact == "num_key_value_heads" else 1), found


def test_experts_in_a_dense_model_are_a_difference() -> None:
    name = "meta-llama/Llama-2-70b-chat-hf"
    assert differences(CONFIGS[name] | {"num_local_experts": 8}, MODELS[name]) == ["experts 8 instead of none"]


def test_the_embedded_model_is_not_llama2_70b() -> None:
    (problem,) = model_problems(model_folder(), BOOK, LLAMA2, load_benchmark().eos_token_id)
    assert problem.message == (
        f"{model_folder()} is not meta-llama/Llama-2-70b-chat-hf: layers 4 instead of 80, hidden size 256 instead of "
        "8192, intermediate size 512 instead of 28672, attention heads 4 instead of 64, kv heads 4 instead of 8, "
        "vocab size 1920 instead of 32000"
    )
    assert "meta-llama/Llama-2-70b-chat-hf" in problem.hint


def test_the_embedded_benchmark_belongs_together() -> None:
    assert mismatches(model_folder(), load_benchmark().eos_token_id) == []


def test_a_benchmark_whose_model_is_not_recorded_has_no_problem(tmp_path: Path) -> None:
    assert model_problems(checkpoint(tmp_path, {}), BOOK, "qwen3.6-27b", 2) == []


@pytest.mark.parametrize("eos", [128001, [128001, 128008]])
def test_other_ends_of_an_answer_are_named(eos: Any, tmp_path: Path) -> None:
    (problem,) = model_problems(checkpoint(tmp_path, eos=eos), BOOK, LLAMA2, 2)
    assert "generation_config.json has 128001" in problem.message
    assert model_problems(checkpoint(tmp_path, eos=[128001, 2]), BOOK, LLAMA2, 2) == []
    (tmp_path / "generation_config.json").unlink()
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "<s>"}')
    (problem,) = model_problems(tmp_path, BOOK, LLAMA2, 2)
    assert "tokenizer_config.json has 1 (<s>)" in problem.message


def test_a_data_set_of_another_benchmark_is_named(tmp_path: Path) -> None:
    from submitter.datasets.official import official_files

    published = official_files()["cnn_eval.json"].sha256
    folder = checkpoint(tmp_path)
    (problem,) = model_problems(folder, BOOK, LLAMA2, 2, dataset(tmp_path, [[3]], source_sha256=published))
    assert "cnn_eval.json, tokenised for Llama-3.1-8B-Instruct and not for meta-llama/Llama-2-70b" in problem.message
    right = official_files()["open_orca_gpt4_tokenized_llama.sampled_24576.pkl"].sha256
    assert model_problems(folder, BOOK, LLAMA2, 2, dataset(tmp_path, [[3]], source_sha256=right)) == []


def test_the_published_files_name_the_models_of_the_rule_books() -> None:
    from submitter.datasets.official import official_files

    names = {name.rpartition("/")[2] for name in MODELS}
    assert {file.tokenizer for file in official_files().values()} <= names


def test_a_token_beyond_the_vocabulary_is_named_with_its_sample(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path)
    assert mismatches(folder, 2, dataset(tmp_path, [[5, 6], [31999]])) == []
    (problem,) = mismatches(folder, 2, dataset(tmp_path, [[5, 6], [7, 8], [9, 32000, 1], [40000]]))
    assert problem.message == (
        f"data set small: sample 2 has token 32000, beyond the vocabulary of 32000 of {folder} (and 1 more such tokens)"
    )
    (problem,) = mismatches(folder, 2, dataset(tmp_path, [[32000]]))
    assert "sample 0 has token 32000" in problem.message
    assert "more" not in problem.message


def test_a_data_set_made_with_another_tokenizer_is_named(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path)
    own = hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()
    assert mismatches(folder, 2, dataset(tmp_path, [[3]], tokenizer_sha256=own)) == []
    (problem,) = mismatches(folder, 2, dataset(tmp_path, [[3]], tokenizer_sha256="0" * 64))
    assert "was made with another tokenizer" in problem.message


@pytest.mark.parametrize(
    ("tokens", "vocab_size", "is_wrong"),
    [(32000, 32000, False), (32001, 32000, True), (30976, 32000, False), (30975, 32000, True), (1920, 32000, True)],
)
def test_a_tokenizer_fills_the_vocabulary(tokens: int, vocab_size: int, is_wrong: bool, tmp_path: Path) -> None:
    found = mismatches(checkpoint(tmp_path, {"vocab_size": vocab_size, "hidden_size": 8}, tokens=tokens), 2)
    assert [f"has {tokens} tokens" in problem.message for problem in found] == [True] * is_wrong


def test_a_list_of_tokens_is_counted_too(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, {"vocab_size": 3, "hidden_size": 8})
    unigram = {"model": {"type": "Unigram", "vocab": [["a", -1.0], ["b", -2.0]]}, "added_tokens": []}
    (folder / "tokenizer.json").write_text(json.dumps(unigram))
    assert mismatches(folder, 2) == []
    added = [{"id": 3, "content": "c"}]
    (folder / "tokenizer.json").write_text(json.dumps(unigram | {"added_tokens": added}))
    assert "has 4 tokens" in mismatches(folder, 2)[0].message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "has no tokenizer.json"),
        ("{}", "is not a tokenizer"),
        ('{"model": {"vocab": {"a": "b"}}}', "is not a tokenizer"),
        ('{"model": {"vocab": 5}, "added_tokens": [5]}', "is not a tokenizer"),
        ("[]", "is not a JSON object"),
        ("{", "is not a JSON file"),
        ("[" * 100_000, "is not a JSON file"),
    ],
)
def test_a_tokenizer_that_cannot_be_read_is_named(content: str | None, words: str, tmp_path: Path) -> None:
    path = checkpoint(tmp_path) / "tokenizer.json"
    path.unlink() if content is None else path.write_text(content)
    (problem,) = mismatches(tmp_path, 2)
    assert words in problem.message
    assert problem.hint


def test_weights_of_another_model_than_the_configuration_are_named(tmp_path: Path) -> None:
    (problem,) = mismatches(checkpoint(tmp_path, embedding=(1920, 256)), 2)
    assert "model.embed_tokens.weight is 1920 x 256" in problem.message
    assert "32000 x 8192" in problem.message


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, {"vocab_size": 500, "hidden_size": 8}, tokens=5000, embedding=(9, 8))
    assert len(mismatches(folder, 70_000, dataset(tmp_path, [[600]], tokenizer_sha256="0" * 64))) == 5
    (problem,) = mismatches(checkpoint(tmp_path, {}), 2)
    assert problem.message == f"{tmp_path}/config.json states no vocab_size"
    (problem,) = mismatches(tmp_path / "nowhere", 2)
    assert "there is no checkpoint folder" in problem.message


def test_it_needs_neither_torch_nor_the_tokenizers_library() -> None:
    code = (
        "import sys\n"
        "sys.modules |= dict.fromkeys('torch tokenizers transformers'.split())\n"
        "from submitter.campaign.identity import mismatches, model_problems\n"
        "from submitter.embedded.benchmark import model_folder\n"
        "print(mismatches(model_folder(), 2))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr
