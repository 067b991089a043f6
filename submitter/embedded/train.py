"""Trains the embedded benchmark's model: a Llama of about three million parameters, in bf16.

    python -m submitter.embedded.train --output build/embedded-bf16 --minutes 22

It makes the tokenizer, trains on an endless stream of samples that come from a different seed than the data set's, and
writes a Hugging Face checkpoint. `reference.py` then computes its scores, and `submitter quantize` makes the FP8
checkpoint that ships. It needs torch, transformers and a C++ compiler (`torch.compile` saves a third of each step), but
no GPU.

Three things let such a small model learn to read in minutes on two CPU cores: tokens are whole words, so that copying
a word takes one step of attention; short stories come first; and the loss is that of the answers alone.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from submitter.embedded import texts
from submitter.units import S_PER_MIN

VOCABULARY_SIZE = 1920
CONTEXT_LENGTH = 512
TRAINING_SEED = "submitter-embedded-training"
SAMPLES_PER_POOL = 1024  # sorted by length before they are divided into batches, to limit padding
LEARNING_RATE = 1.5e-3
TOKENS_PER_BATCH = 4096
# Until each share of the time has passed, stories have at most so many sentences; after the last one, any number.
CURRICULUM = ((0.08, 1), (0.18, 2), (0.35, 4))


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
    """The untrained model. The sizes of its linear layers are multiples of 128, for 128x128 blocks of FP8 weights."""
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
    """Endless batches of (token ids, mask of the answers' tokens); `progress[0]`, from 0 to 1, limits the stories."""
    form, words = random.Random(f"{TRAINING_SEED}/form"), random.Random(f"{TRAINING_SEED}/words")
    while True:
        longest = next((n for share, n in CURRICULUM if progress[0] < share), len(texts.SENTENCE_COUNT_WEIGHTS))
        weights = texts.SENTENCE_COUNT_WEIGHTS[:longest]
        pool = [texts.compose(form, words, weights) for _ in range(SAMPLES_PER_POOL)]
        prompts = tokenizer([text.prompt for text in pool])["input_ids"]
        answers = tokenizer([text.answer for text in pool], add_special_tokens=False)["input_ids"]
        pairs = sorted(zip(prompts, answers, strict=True), key=lambda pair: len(pair[0]) + len(pair[1]))
        cut: list[list[tuple[list[int], list[int]]]] = [[]]
        for pair in pairs:
            if cut[-1] and (len(pair[0]) + len(pair[1]) + 1) * (len(cut[-1]) + 1) > TOKENS_PER_BATCH:
                cut.append([])
            cut[-1].append(pair)
        form.shuffle(cut)
        for group in cut:
            yield _text_batch(group)


def _text_batch(group: list[tuple[list[int], list[int]]]) -> Any:
    width = max(len(prompt) + len(answer) + 1 for prompt, answer in group)
    ids = torch.zeros(len(group), width, dtype=torch.long)
    mask = torch.zeros(len(group), width, dtype=torch.bool)
    for row, (prompt, answer) in enumerate(group):
        whole = [*prompt, *answer, 2]
        ids[row, : len(whole)] = torch.tensor(whole)
        mask[row, len(prompt) : len(whole)] = True
    return ids, mask


def train(output: Path, minutes: float, seed: int) -> None:
    torch.manual_seed(seed)
    tokenizer = make_tokenizer()
    model = make_model()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, vocabulary {len(tokenizer)}", flush=True)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    progress = [0.0]
    start = time.monotonic()
    core = torch.compile(model.model, dynamic=True)
    correct: list[float] = []
    for step, (ids, mask) in enumerate(batches(tokenizer, progress), start=1):
        progress[0] = (time.monotonic() - start) / (S_PER_MIN * minutes)
        if progress[0] >= 1:
            break
        rate = LEARNING_RATE * min(1.0, step / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress[0])))
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = core(input_ids=ids, use_cache=False).last_hidden_state[:, :-1][mask[:, 1:]]
            logits = model.lm_head(hidden)
        target = ids[:, 1:][mask[:, 1:]]
        loss = torch.nn.functional.cross_entropy(logits.float(), target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        correct.append((logits.argmax(-1) == target).float().mean().item())
        if step % 100 == 0:
            seconds = (time.monotonic() - start) / step
            print(
                f"step {step} {progress[0]:.1%} tokens correct {sum(correct) / len(correct):.3f}, {seconds:.2f} s/step",
                flush=True,
            )
            correct.clear()
        if step % 500 == 0:
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
