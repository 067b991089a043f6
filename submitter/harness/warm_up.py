"""Prompts for the engine's warm-up, before any timed window: like the data set's samples, but none of them.

The rules forbid caching queries and anything about them (inference_rules.adoc, "Prohibited"), and a warm-up with the
data set's samples would come close to it.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator

from submitter.harness.sut import Prompts

_SEED = "submitter-warm-up"
_MIN_TOKENS = 4


def prompts(samples: Prompts, count: int) -> Iterator[list[int]]:
    """`count` prompts of lengths and tokens that occur in the data set, in random order; the same ones every time."""
    if not count:
        return
    known = {array("i", samples.prompt(index)).tobytes() for index in range(len(samples))}
    rng = random.Random(_SEED)
    while count:
        # Tokens of one sample, the length of another: even samples of a single token twice over give something new.
        like, long = (samples.prompt(rng.randrange(len(samples))) for _ in range(2))
        prompt = [rng.choice(like) for _ in range(max(_MIN_TOKENS, len(long)) + rng.randrange(2))]
        if array("i", prompt).tobytes() not in known:
            count -= 1
            yield prompt
