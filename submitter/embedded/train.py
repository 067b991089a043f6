"""Trains the embedded benchmark's model: a Llama of about three million parameters, in bf16.

    python -m submitter.embedded.train --output build/embedded-bf16 --minutes 60

It makes the tokenizer, trains on an endless stream of samples drawn from another seed than the
data set's, and writes a Hugging Face checkpoint. `reference.py` then records its scores, and
`submitter quantize` makes the FP8 checkpoint that ships. Needs torch and transformers, and no GPU.

What made so small a model learn to read within an hour on two CPU cores: word-sized tokens, so that copying is
one step of attention a word; small batches and short stories first; the loss on the answers alone; and, at the start,
batches that are nothing but lists of words and pieces of them, which teach it to look back.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from submitter.embedded import texts

VOCABULARY_SIZE = 1920
FIRST_WORD = 3 + 256  # behind the special tokens and the bytes
CONTEXT_LENGTH = 512
TRAINING_SEED = "submitter-embedded-training"
SAMPLES_PER_POOL = 1024  # sorted by length before they are cut into batches, so that little is padding
LEARNING_RATE = 1.5e-3


class Stage(NamedTuple):
    """A part of the training, until `until` of the time is over."""

    until: float
    longest_story: int  # sentences
    tokens_per_batch: int
    lists: float  # their share of the batches
    longest_list: int  # words


STAGES = (
    Stage(0.10, 1, 1536, 0.25, 8),
    Stage(0.25, 2, 2048, 0.25, 12),
    Stage(0.45, 4, 3072, 0.2, 16),
    Stage(1.00, 14, 3072, 0.0, 16),
)
_LIST_ROW_TOKENS = 96


def make_tokenizer(sample_count: int = 20_000) -> PreTrainedTokenizerFast:
    """A byte-level BPE whose merges cover every word of the lexicon; `</s>` is id 2, as in Llama 2."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    corpus = (text.prompt + text.answer for text in map(_training_text, range(sample_count)))
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=CONTEXT_LENGTH,
    )


def _training_text(index: int) -> texts.Text:
    return texts.sample(index, TRAINING_SEED)


def make_model() -> LlamaForCausalLM:
    """Linear sizes are multiples of 128, so that 128x128 blocks of FP8 weights fit them."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY_SIZE,
            hidden_size=256,
            intermediate_size=512,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=CONTEXT_LENGTH,
            tie_word_embeddings=True,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    )


def batches(tokenizer: PreTrainedTokenizerFast, progress: list[float]) -> Iterator[Any]:
    """Endless batches of (token ids, mask of the positions to learn), as the stage of `progress[0]` has them."""
    form, words = random.Random(f"{TRAINING_SEED}/form"), random.Random(f"{TRAINING_SEED}/words")
    while True:
        stage = _stage(progress)
        pool = [
            texts.compose(form, words, texts.SENTENCE_COUNT_WEIGHTS[: stage.longest_story])
            for _ in range(SAMPLES_PER_POOL)
        ]
        prompts = tokenizer([text.prompt for text in pool])["input_ids"]
        answers = tokenizer([text.answer for text in pool], add_special_tokens=False)["input_ids"]
        pairs = sorted(zip(prompts, answers, strict=True), key=lambda pair: len(pair[0]) + len(pair[1]))
        cut: list[list[tuple[list[int], list[int]]]] = [[]]
        for pair in pairs:
            if cut[-1] and (len(pair[0]) + len(pair[1]) + 1) * (len(cut[-1]) + 1) > stage.tokens_per_batch:
                cut.append([])
            cut[-1].append(pair)
        form.shuffle(cut)
        for group in cut:
            while form.random() < stage.lists:
                yield _said_again(form, stage)
            yield _text_batch(group)
            if _stage(progress) is not stage:
                break


def _stage(progress: list[float]) -> Stage:
    return next((stage for stage in STAGES if progress[0] < stage.until), STAGES[-1])


def _text_batch(group: list[tuple[list[int], list[int]]]) -> Any:
    width = max(len(prompt) + len(answer) + 1 for prompt, answer in group)
    ids = torch.zeros(len(group), width, dtype=torch.long)
    mask = torch.zeros(len(group), width, dtype=torch.bool)
    for row, (prompt, answer) in enumerate(group):
        whole = [*prompt, *answer, 2]
        ids[row, : len(whole)] = torch.tensor(whole)
        mask[row, len(prompt) : len(whole)] = True
    return ids, mask


def _said_again(rng: random.Random, stage: Stage) -> Any:
    """Rows of a list of random words, followed by pieces of that list in any order.

    Each word of a piece but its first can only be known by looking for the one before it: no word is likelier than
    another, and no distance to look back is.
    """
    length = rng.randint(4, stage.longest_list)
    ids, mask = [], []
    for _ in range(stage.tokens_per_batch // _LIST_ROW_TOKENS):
        words = rng.sample(range(FIRST_WORD, VOCABULARY_SIZE), length)
        row, learn = [1, *words], [False] * (length + 1)
        while len(row) < _LIST_ROW_TOKENS:
            start = rng.randrange(length - 1)
            piece = words[start : start + rng.randint(2, 8)]
            row += piece
            learn += [False] + [True] * (len(piece) - 1)
        ids.append(row[:_LIST_ROW_TOKENS])
        mask.append(learn[:_LIST_ROW_TOKENS])
    return torch.tensor(ids), torch.tensor(mask)


def train(output: Path, minutes: float, seed: int) -> None:
    torch.manual_seed(seed)
    tokenizer = make_tokenizer()
    model = make_model()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, vocabulary {len(tokenizer)}", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    progress = [0.0]
    start = time.monotonic()
    told: dict[str, list[float]] = {}
    for step, (ids, mask) in enumerate(batches(tokenizer, progress), start=1):
        progress[0] = (time.monotonic() - start) / (60 * minutes)
        if progress[0] >= 1:
            break
        rate = LEARNING_RATE * min(1.0, step / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress[0])))
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1][mask[:, 1:]]
            logits = model.lm_head(hidden)
        target = ids[:, 1:][mask[:, 1:]]
        loss = torch.nn.functional.cross_entropy(logits.float(), target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        kind = "stories" if (ids[:, -1] == 2).any() else "lists"
        told.setdefault(kind, []).append((logits.argmax(-1) == target).float().mean().item())
        if step % 200 == 0:
            right = ", ".join(f"{kind} {sum(v) / len(v):.3f}" for kind, v in sorted(told.items()))
            seconds = (time.monotonic() - start) / step
            print(f"step {step} {progress[0]:.1%} tokens right: {right}; {seconds:.2f} s/step", flush=True)
            told.clear()
        if step % 1000 == 0:
            _save(model, tokenizer, output)
    _save(model, tokenizer, output)


def _save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, output: Path) -> None:
    saved = make_model()
    saved.load_state_dict(model.state_dict())
    saved.to(torch.bfloat16).save_pretrained(output)
    tokenizer.save_pretrained(output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    train(arguments.output, arguments.minutes, arguments.seed)


if __name__ == "__main__":
    main()
