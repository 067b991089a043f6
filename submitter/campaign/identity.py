"""Whether a checkpoint is the benchmark's model, and whether model, tokenizer and data set belong together.

Only small files, the headers of the weights and the mapped tokens are read: seconds for a model of any size. Nothing
here decides how serious a problem is. What `model_problems` finds is wrong in the closed and network divisions only, as
the open division may run another model. What `mismatches` finds is wrong in every division.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submitter import input_file, weights
from submitter.datasets.official import by_sha256
from submitter.errors import InputError
from submitter.quoting import printable
from submitter.record import sha256_of
from submitter.rulebook import Rulebook
from submitter.rulebook_tables import ReferenceModel

if TYPE_CHECKING:  # it needs numpy, and a plan does not
    from submitter.harness.dataset import Dataset

TOKENIZER = "tokenizer.json"
_GENERATION, _TOKENIZER_CONFIG = "generation_config.json", "tokenizer_config.json"
# The names of each fact in config.json; GPT-J, DeepSeek and Qwen have names of their own.
_NAMES = {
    "layers": ("num_hidden_layers", "n_layer"),
    "hidden_size": ("hidden_size", "n_embd"),
    "intermediate_size": ("intermediate_size", "n_inner"),
    "attention_heads": ("num_attention_heads", "n_head"),
    "kv_heads": ("num_key_value_heads",),
    "vocab_size": ("vocab_size",),
    "experts": ("num_local_experts", "n_routed_experts", "num_experts"),
    "experts_per_token": ("num_experts_per_tok", "experts_per_token"),
    "expert_size": ("moe_intermediate_size",),
}
# A vocabulary is its tokenizer's, filled up to a size that can be divided among accelerators.
_MOST_PADDING_TOKENS = 1024
_EMBEDDINGS = ("embed_tokens.weight", "wte.weight")


def model_problems(
    folder: Path, book: Rulebook, benchmark: str, eos_token_id: int, dataset: Dataset | None = None
) -> list[InputError]:
    """What makes the checkpoint or the data set's tokens another model's than the benchmark's.

    None if the round's book does not have the model's shape. `benchmark` is the official name, `eos_token_id` the token
    that ends an answer in the campaign's runs.
    """
    name = book.benchmark(benchmark).model
    if name is None:
        return []
    try:
        found = differences(weights.read_config(folder), book.models[name])
        ends = list(_other_ends(folder, eos_token_id))
    except InputError as error:
        return [error]
    problems = []
    if found:
        hint = (
            f"name a checkpoint of {name}; a model of your own is for the open division (official in docs/campaign.md)"
        )
        problems.append(InputError(f"{folder} is not {name}: {', '.join(found)}", hint))
    if ends:
        hint = f"copy these files from {name}; the base model's differ from those of the model that answers"
        problems.append(InputError(f"{folder}: answers end with token {eos_token_id}, but {' and '.join(ends)}", hint))
    published = by_sha256(dataset.header.source_sha256) if dataset is not None else None
    if dataset is not None and published and published[1].tokenizer != name.rpartition("/")[2]:
        what = f"data set {dataset.name} is {published[0]}, tokenised for {published[1].tokenizer} and not for {name}"
        problems.append(InputError(what, f"convert the data set of {benchmark}: docs/datasets.md"))
    return problems


def differences(config: dict[str, Any], model: ReferenceModel) -> list[str]:
    """Each fact of a config.json that is not the model's, such as `layers 4 instead of 80`."""
    architecture = printable(", ".join(map(str, config.get("architectures") or ["no architecture"])))
    found = [f"{architecture} instead of {model.architecture}"] if architecture != model.architecture else []
    for fact in _NAMES:
        required, stated = getattr(model, fact), _stated(config, fact)
        if required is None and fact != "experts":
            continue
        if stated != required:
            shown = "none" if stated is None else printable(str(stated))
            found.append(f"{fact.replace('_', ' ')} {shown} instead of {'none' if required is None else required}")
    return found


def mismatches(folder: Path, eos_token_id: int, dataset: Dataset | None = None) -> list[InputError]:
    """What of weights, tokenizer, `eos_token_id` and data set does not belong together.

    A damaged checkpoint is not reported: `harness.checkpoint.verify_checkpoint` does that.
    """
    try:
        config = weights.read_config(folder)
    except InputError as error:
        return [error]
    vocab_size = _stated(config, "vocab_size")
    if not isinstance(vocab_size, int):
        return [InputError(f"{folder / weights.CONFIG_FILE} states no vocab_size", weights.GET_AGAIN)]
    problems = [*_wrong_embedding(folder, vocab_size, _stated(config, "hidden_size"))]
    problems += _wrong_tokenizer(folder, vocab_size, eos_token_id)
    if dataset is not None:
        problems += _tokens_beyond(folder, vocab_size, dataset)
        problems += _other_tokenizer(folder, dataset)
    return problems


def _stated(config: dict[str, Any], fact: str) -> Any:
    """The value of a fact; None if config.json does not state it. A multimodal model has it in `text_config`."""
    text_config = config.get("text_config")
    places = [config, text_config] if isinstance(text_config, dict) else [config]
    for place in places:
        for name in _NAMES[fact]:
            if place.get(name) is not None:
                return place[name]
    # What transformers takes where a configuration leaves these two out.
    if fact == "kv_heads":
        return _stated(config, "attention_heads")
    if fact == "intermediate_size" and isinstance(config.get("n_embd"), int):
        return 4 * config["n_embd"]
    return None


def _other_ends(folder: Path, eos_token_id: int) -> Iterator[str]:
    """The files that state other end-of-sequence tokens than this one."""
    stated = _optional_json(folder / _GENERATION).get("eos_token_id")
    ends = stated if isinstance(stated, list) else [] if stated is None else [stated]
    if ends and eos_token_id not in ends:
        yield f"{_GENERATION} has {' or '.join(map(str, ends))}"
    text = _optional_json(folder / _TOKENIZER_CONFIG).get("eos_token")
    text = text.get("content") if isinstance(text, dict) else text
    token = _token_ids(folder).get(text) if isinstance(text, str) and (folder / TOKENIZER).is_file() else None
    if token is not None and token != eos_token_id:
        yield f"{_TOKENIZER_CONFIG} has {token} ({printable(str(text))})"


def _wrong_embedding(folder: Path, vocab_size: int, hidden_size: Any) -> Iterator[InputError]:
    try:
        headers = weights.read_headers(folder)
    except InputError:
        return
    for file, tensors in headers.items():
        for name, tensor in tensors.items():
            if name.endswith(_EMBEDDINGS) and tuple(tensor.shape) != (vocab_size, hidden_size):
                shape, required = " x ".join(map(str, tensor.shape)), f"{vocab_size} x {hidden_size}"
                what = (
                    f"{file}: {name} is {shape}, but {weights.CONFIG_FILE} states vocabulary x hidden size {required}"
                )
                yield InputError(what, "weights and configuration are of two models: copy both from the same one")


def _wrong_tokenizer(folder: Path, vocab_size: int, eos_token_id: int) -> Iterator[InputError]:
    if eos_token_id >= vocab_size:
        what = f"eos_token_id {eos_token_id} is beyond the model's vocabulary of {vocab_size}, so no answer would end"
        yield InputError(f"{folder}: {what}", "take it from the model's generation_config.json")
    path = folder / TOKENIZER
    if not path.is_file():
        hint = "copy it from the model's repository, or write it with save_pretrained of transformers' AutoTokenizer"
        yield InputError(f"{folder} has no {TOKENIZER}, with which answers are scored", hint)
        return
    try:
        size = max(_token_ids(folder).values()) + 1
    except InputError as error:
        yield error
        return
    if not vocab_size - _MOST_PADDING_TOKENS <= size <= vocab_size:
        what = f"{path} has {size} tokens, but {weights.CONFIG_FILE} states a vocabulary of {vocab_size}"
        yield InputError(what, "it is another model's tokenizer: copy the model's own")


def _tokens_beyond(folder: Path, vocab_size: int, dataset: Dataset) -> Iterator[InputError]:
    if max(dataset.tokens) < vocab_size:
        return
    beyond = [position for position, token in enumerate(dataset.tokens) if token >= vocab_size]
    first, count = beyond[0], len(beyond)
    sample = bisect_right(dataset.offsets, first) - 1
    what = f"sample {sample} has token {dataset.tokens[first]}, beyond the vocabulary of {vocab_size} of {folder}"
    more = f" (and {count - 1} more such tokens)" if count > 1 else ""
    hint = "tokenise the data set with this model's tokenizer"
    yield InputError(f"data set {dataset.name}: {what}{more}", hint)


def _other_tokenizer(folder: Path, dataset: Dataset) -> Iterator[InputError]:
    recorded, path = dataset.header.tokenizer_sha256, folder / TOKENIZER
    if recorded and path.is_file() and sha256_of(path) != recorded:
        what = f"data set {dataset.name} was made with another tokenizer than {path}"
        yield InputError(what, "tokenise it with this one, or copy the other one to the model's folder")


def _token_ids(folder: Path) -> dict[str, int]:
    """The id of each token in tokenizer.json, of which there is at least one; InputError if it is not a tokenizer."""
    path = folder / TOKENIZER
    content = _optional_json(path)
    model, added = content.get("model"), content.get("added_tokens") or []
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    try:
        # A Unigram model has a list of tokens with their scores; the others map tokens to ids.
        rows = enumerate(vocabulary) if isinstance(vocabulary, list) else ()
        ids = dict(vocabulary) if isinstance(vocabulary, dict) else {row[0]: number for number, row in rows}
        ids |= {token["content"]: token["id"] for token in added}
    except (TypeError, KeyError, IndexError):
        ids = {}
    if not ids or not all(isinstance(number, int) for number in ids.values()):
        raise InputError(f"{path} is not a tokenizer of the library tokenizers", "copy it from the model's repository")
    return ids


def _optional_json(path: Path) -> dict[str, Any]:
    """The JSON object in the file, empty if there is no file; InputError if it is something else."""
    return input_file.read_json_object(path, hint="copy it from the model's repository") if path.exists() else {}
