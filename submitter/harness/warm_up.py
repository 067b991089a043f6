"""Prompts for the engine's warm-up before any timed window: similar to the data set's samples, but none of them.

The rules forbid caching queries and anything about them (inference_rules.adoc, "Prohibited"), and a warm-up with the
data set's samples would come close to that.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator

from submitter.harness.sut import Prompts

_SEED = "submitter-warm-up"
_MIN_TOKENS = 4


def prompts(samples: Prompts, count: int) -> Iterator[list[int]]:
    """`count` random prompts with lengths and tokens that occur in the data set; every call gives the same ones."""
    if not count:
        return
    known = {array("i", samples.prompt(index)).tobytes() for index in range(len(samples))}
    rng = random.Random(_SEED)
    while count:
        # The tokens of one sample and the length of another, plus 0 or 1: this is new even if samples repeat one token.
        tokens, length_of = (samples.prompt(rng.randrange(len(samples))) for _ in range(2))
        prompt = [rng.choice(tokens) for _ in range(max(_MIN_TOKENS, len(length_of)) + rng.randrange(2))]
        if array("i", prompt).tobytes() not in known:
            count -= 1
            yield prompt
