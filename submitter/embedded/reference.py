"""The embedded benchmark's reference: greedy bf16 answers to the whole data set, and their scores.

    python -m submitter.embedded.reference --checkpoint build/embedded-bf16 --output build/reference

It generates answers with transformers on the CPU, writes them in the format of LoadGen's accuracy log, and scores them
like a submission's log: all answers, the first 512, and the floor. The floor has answers of the right form with newly
drawn words: those of a model that has learned the forms but does not read the prompt.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from submitter.embedded import texts
from submitter.embedded.dataset import generate
from submitter.harness.dataset import Dataset
from submitter.record import write_json_atomically
from submitter.scoring import score

FLOOR_SEED = "submitter-embedded-floor"
MAX_NEW_TOKENS = 160
EOS_TOKEN_ID = 2
PAD_TOKEN_ID = 0
BATCH_SIZE = 384
QUICK_SAMPLE_COUNT = 512  # also scored separately, for tests and short runs


def greedy_answers(
    model: Any,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int = MAX_NEW_TOKENS,
    report: Callable[[int], None] = lambda done: None,
) -> list[list[int]]:
    """The model's greedy answer to each prompt, as token ids; it ends with the EOS token if the model gives one.

    Prompts of similar length share a batch, padded on the left and masked. `report` gets the number of answers so far.
    """
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    answers: list[list[int]] = [[] for _ in prompts]
    done = 0
    for start in range(0, len(order), BATCH_SIZE):
        batch = order[start : start + BATCH_SIZE]
        width = max(len(prompts[index]) for index in batch)
        ids = torch.full((len(batch), width), PAD_TOKEN_ID, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, index in enumerate(batch):
            ids[row, width - len(prompts[index]) :] = torch.tensor(prompts[index])
            mask[row, width - len(prompts[index]) :] = 1
        with torch.inference_mode():
            output = model.generate(
                input_ids=ids,
                attention_mask=mask,
                do_sample=False,
                max_new_tokens=max_new_tokens,
                eos_token_id=EOS_TOKEN_ID,
                pad_token_id=PAD_TOKEN_ID,
            )
        for row, index in enumerate(batch):
            answer: list[int] = output[row, width:].tolist()
            answers[index] = answer[: answer.index(EOS_TOKEN_ID) + 1] if EOS_TOKEN_ID in answer else answer
        done += len(batch)
        report(done)
    return answers


def write_accuracy_log(path: Path, answers: Sequence[Sequence[int]]) -> None:
    """Write answers in the format of LoadGen's accuracy log: one entry per line, the ids as int32 in hexadecimal."""
    lines = []
    for index, answer in enumerate(answers):
        data = np.asarray(answer, dtype="<i4").tobytes().hex().upper()
        lines.append(f'{{ "seq_id" : {index}, "qsl_idx" : {index}, "data" : "{data}", "token_count" : {len(answer)} }}')
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", "ascii")


def floor_answers(tokenizer: Tokenizer, count: int) -> list[list[int]]:
    """Answers of each sample's form with words of another seed, and with an EOS token like the model's answers."""
    samples = [texts.sample(index, words_seed=FLOOR_SEED).answer for index in range(count)]
    return [
        [*encoding.ids, EOS_TOKEN_ID] for encoding in tokenizer.encode_batch_fast(samples, add_special_tokens=False)
    ]


def _score(log: Path, answers: list[list[int]], dataset: Dataset, checkpoint: Path) -> dict[str, float]:
    write_accuracy_log(log, answers)
    return score(log, dataset.references()[: len(answers)], checkpoint).metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="a bf16 checkpoint with its tokenizer.json")
    parser.add_argument("--output", type=Path, required=True, help="a folder for data set, logs and scores.json")
    parser.add_argument("--samples", type=int, default=texts.SAMPLE_COUNT, help="use only the first SAMPLES samples")
    arguments = parser.parse_args()
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    tokenizer_file = arguments.checkpoint / "tokenizer.json"
    generate(output / "dataset", "tiny-stories", tokenizer_file, arguments.samples)
    dataset = Dataset.open(output / "dataset")
    model = AutoModelForCausalLM.from_pretrained(arguments.checkpoint, dtype=torch.bfloat16).eval()

    start = time.monotonic()
    answers = greedy_answers(
        model,
        [dataset.prompt(index) for index in range(len(dataset))],
        report=lambda done: print(f"{done} of {len(dataset)} in {time.monotonic() - start:.0f} s", flush=True),
    )
    floor = floor_answers(Tokenizer.from_file(str(tokenizer_file)), len(dataset))
    facts: dict[str, Any] = {
        "sample_count": len(dataset),
        "dataset_sha256": dataset.sha256,
        "reference": _score(output / "reference.json", answers, dataset, arguments.checkpoint),
        "quick": _score(output / "quick.json", answers[:QUICK_SAMPLE_COUNT], dataset, arguments.checkpoint),
        "floor": _score(output / "floor.json", floor, dataset, arguments.checkpoint),
    }
    facts["command"] = "python -m submitter.embedded.reference " + shlex.join(sys.argv[1:])
    write_json_atomically(output / "scores.json", facts)
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
