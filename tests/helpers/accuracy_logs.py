"""Answers of a small vocabulary, and accuracy logs as LoadGen writes them."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from pathlib import Path

END = 1  # the special token that ends an answer
WORDS = (
    "the a orchestra played plays playing in London , Dr. Smith runner running happily happiness nations 12 3.5 "
    "it's don't well-known naïve I we you ... yes. no! maybe? OK. end. e.g. U.S. was sold to Mr. Brown, who left."
).split()


def answer(rng: random.Random, longest: int) -> list[int]:
    return [rng.randrange(2, 2 + len(set(WORDS))) for _ in range(rng.randint(1, longest))] + [END]


def write_log(path: Path, answers: Sequence[tuple[int, list[int]]]) -> Path:
    lines = [
        f'{{ "seq_id" : {number}, "qsl_idx" : {index}, "data" : "{array("i", ids).tobytes().hex().upper()}", '
        f'"token_count" : {len(ids)} }}'
        for number, (index, ids) in enumerate(answers)
    ]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    return path
